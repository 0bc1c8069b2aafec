"""What came of runs, told to others: one module for each format."""
