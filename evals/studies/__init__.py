"""Questions over many settings: sweeps, outer-loop search, control reports."""
