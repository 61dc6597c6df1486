"""Lenses: one module a format."""
