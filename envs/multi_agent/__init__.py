"""Several agents in one world: best responses, equilibria, and a lane in which all of them learn."""
