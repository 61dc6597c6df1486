"""What a config may say: the keys, their defaults, and all checks of them."""
