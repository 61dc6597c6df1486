"""Links: how each frame hangs together with the next."""
