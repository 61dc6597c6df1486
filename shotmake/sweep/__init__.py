"""Variants of a shot, ranked by a referee."""
