"""What a viewer asks of a scenario or a run: shows, minds, counterfactuals, games."""
