"""The files behind a file: what it names is read with it."""
