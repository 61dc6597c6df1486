"""conf/ -> the configs of shots and of their variants."""
