"""Whether a camera may be believed."""
