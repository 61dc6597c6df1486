"""What the scripts share. Imported inside Blender."""
