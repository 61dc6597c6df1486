"""Observations, cameras and points as one system of equations, and its adjustment."""
