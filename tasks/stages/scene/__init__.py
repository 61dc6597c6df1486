"""The stage `scene`."""
