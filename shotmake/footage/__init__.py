"""The plate: what it is, its pictures, its header and its colour."""
