"""The stage `tracks`."""
