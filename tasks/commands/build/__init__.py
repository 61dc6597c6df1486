"""Commands about what was built."""
