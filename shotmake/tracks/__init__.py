"""2D tracks: found, followed, anchored, judged."""
