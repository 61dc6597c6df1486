"""Hydra's command line, sweeps and searches."""
