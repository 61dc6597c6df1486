"""2D tracks: found, followed, held to anchors, and judged."""
