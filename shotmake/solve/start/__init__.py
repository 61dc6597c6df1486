"""A first camera: from COLMAP, from libmv, from frames solved already."""
