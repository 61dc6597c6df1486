"""Camera and config -> every number that Blender needs."""
