"""What builds a target once, and knows that it is current. It knows no shot."""
