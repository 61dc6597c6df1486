"""The state folder: where files may lie, and who may touch them."""
