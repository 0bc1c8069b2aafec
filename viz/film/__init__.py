"""Films of what a window shows, made without one or beside one."""
