"""What came out, in numbers and as a page."""
