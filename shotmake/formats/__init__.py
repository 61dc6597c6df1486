"""Files of other programs: one module a format, by kind."""
