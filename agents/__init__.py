"""Who acts: world models, planners and their contracts."""
