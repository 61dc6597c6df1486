"""The movie clip: plate, tracks, solve, cameras, how it is looked at."""
