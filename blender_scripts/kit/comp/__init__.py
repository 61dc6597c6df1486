"""The comp: nodes."""
