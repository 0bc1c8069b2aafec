"""What happened: traces, measures, statistics and verdicts."""
