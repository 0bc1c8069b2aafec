"""The scene: a pure function from a frame to a picture, and its parts."""
