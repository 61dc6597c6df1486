"""The bytes of a .blend."""
