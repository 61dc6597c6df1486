"""Tracks -> the camera of every frame and the lens, or a refusal with its reason."""
