"""The stage `objects`."""
