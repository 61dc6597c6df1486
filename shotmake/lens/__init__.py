"""A lens brought along: from a file, or from stills of a checkerboard."""
