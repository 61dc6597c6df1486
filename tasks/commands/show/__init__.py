"""Commands about the show and its shots."""
