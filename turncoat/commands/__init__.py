"""The commands, in one module for each kind of question; `cli` registers them by name."""
