"""Lives: chains of episodes in which something persists, as one finite process, their solutions and their measures."""
