"""What the scripts share. It is imported inside Blender."""
