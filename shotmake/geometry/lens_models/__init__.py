"""The lens models of other programs."""
