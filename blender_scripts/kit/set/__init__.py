"""The set: subject, materials, light, ground."""
