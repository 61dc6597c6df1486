"""The second witness: features that the tracker never used."""
