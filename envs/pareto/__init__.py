"""What an enumerated world allows where several objectives pull apart: the convex coverage set and its measures."""
