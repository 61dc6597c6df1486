"""The private Blender, and the Blenders that stay to make frames."""
