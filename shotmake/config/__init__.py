"""What a config may say: the keys, their defaults, and every check of them."""
