"""The records of a decision: Plan and Thought."""
