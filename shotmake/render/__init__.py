"""Rendered frames: read and checked, and made into a movie."""
