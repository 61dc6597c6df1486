"""A new shot's YAML, written from a plate or a cut."""
