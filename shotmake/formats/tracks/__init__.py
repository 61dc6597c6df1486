"""2D tracks: one module a format."""
