"""Processes: the locks between them, their limits, their environments and their output streams."""
