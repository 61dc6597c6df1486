"""Cameras in scene files, which Blender reads and writes."""
