"""The files behind a file: those that a file names and that are read with it."""
