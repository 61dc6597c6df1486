"""The report: what came out, in numbers and as a page."""
