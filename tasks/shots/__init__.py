"""From conf/ to the configs of shots and of their variants."""
