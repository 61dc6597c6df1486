"""Blender's own tracker and solver (libmv)."""
