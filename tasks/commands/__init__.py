"""The commands that are asked for by name, beside the stages."""
