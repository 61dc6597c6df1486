"""The plate: what it is, its pictures, its header, its colour."""
