"""Cameras: one module a format."""
