"""A first camera: from COLMAP, from libmv, from frames that are solved already."""
