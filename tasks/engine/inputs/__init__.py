"""Inputs: what is behind them, and that they stay what they were while they are read."""
