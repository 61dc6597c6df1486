"""The stage `solve`."""
