"""From tracks to the camera of every frame and the lens, or to a refusal with its reason."""
