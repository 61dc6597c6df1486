"""Inputs: which files are behind them, and whether they stay the same while they are read."""
