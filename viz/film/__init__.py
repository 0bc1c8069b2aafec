"""Films of the window's scene, rendered without a window or recorded from one."""
