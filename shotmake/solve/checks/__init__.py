"""Whether a camera can be trusted."""
