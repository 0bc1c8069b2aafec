"""Records: traces of episodes, the rollouts that make them, learning curves, and the provenance of results."""
