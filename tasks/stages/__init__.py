"""The stages: what each reads, writes and hashes."""
