"""What an agent leaves behind of a decision: its Plan and its Thought."""
