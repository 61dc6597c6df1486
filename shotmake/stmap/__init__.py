"""ST-maps: made from a lens, and imported."""
