"""shotmake: Make for tracked VFX shots. This package is pure: arrays in, arrays out."""
