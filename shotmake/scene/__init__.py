"""From camera and config to every number that Blender needs."""
