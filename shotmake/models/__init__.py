"""Lens models of other programs: pure formulas, one file each. The file formats that hold them are in formats/."""
