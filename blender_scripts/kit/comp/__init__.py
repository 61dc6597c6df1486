"""The comp, as nodes."""
