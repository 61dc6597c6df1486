"""The files that a scene file names: they are read with it, so a target depends on them too. One module a format."""
