"""Cameras brought along: as they are, extended, or keyed in the config."""
