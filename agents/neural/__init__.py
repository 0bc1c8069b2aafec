"""The neural model-based agent: an ensemble of networks, and planning on what it imagines."""
