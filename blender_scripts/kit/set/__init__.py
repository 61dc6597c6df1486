"""The set: subject, materials, light and ground."""
