"""What was recorded: traces of episodes, learning curves, and where a result comes from."""
