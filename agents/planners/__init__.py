"""How an agent looks ahead: planners over a finite model, by name."""
