"""Rendered frames: looked at, and made into a movie."""
