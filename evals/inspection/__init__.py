"""What viewers query: shows of episodes, thoughts and value maps, counterfactuals, games, live reload."""
