"""A run as one page of HTML that works offline: the verdict, the replays and what the agents thought."""
