"""Cameras, lenses and similarities of worlds, as numbers."""
