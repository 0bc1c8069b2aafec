"""Where training runs and for how long: workers, time budgets, caches and checkpoints."""
