"""Detections: one module a format."""
