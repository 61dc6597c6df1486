"""The movie clip: plate, tracks, solve, cameras, and how it is shown."""
