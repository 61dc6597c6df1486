"""What is asked for by name, beside the stages."""
