"""One file per interchange format, its spec in the docstring."""
