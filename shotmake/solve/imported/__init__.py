"""Imported cameras, as they are or extended by the tracks; and keyed cameras."""
