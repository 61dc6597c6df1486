"""How each frame hangs together with the next."""
