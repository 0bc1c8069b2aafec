"""The semantics of a tick in plain NumPy: what the compiled kernel must equal bit for bit."""
