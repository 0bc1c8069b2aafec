"""Studies over many settings or agents: sweeps, outer-loop search, control reports."""
