"""The preview: the plate with tracks, points and a ground grid drawn in."""
