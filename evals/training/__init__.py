"""Training of an agent's seeds, stage by stage, before the agent is judged."""
