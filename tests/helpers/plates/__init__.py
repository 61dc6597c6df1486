"""Plates and tracks made with a truth."""
