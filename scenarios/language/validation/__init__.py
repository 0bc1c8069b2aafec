"""What must hold of each block of a file."""
