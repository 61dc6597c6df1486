"""Shows that tests build, attack and look at."""
