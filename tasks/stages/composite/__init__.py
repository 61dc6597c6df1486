"""The stage `composite`."""
