"""The world: ground, picks, survey."""
