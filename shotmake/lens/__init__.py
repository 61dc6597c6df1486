"""An imported lens: from a file, or measured from stills of a checkerboard."""
