"""Records of an agent's decisions: `Plan`, the result of one search, and `Thought`, the explanation of one decision."""
