"""Processes: locks between them, limits, environments, what they print to."""
