"""Whether an expectation holds, how surely, and what it takes to know."""
