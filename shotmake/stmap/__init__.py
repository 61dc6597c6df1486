"""Lens -> ST-maps; ST-maps brought along."""
