"""Plates whose pixels are not square: solved unsqueezed, as an artist would, and reported in the plate's own pixels.

aspect: the width of a pixel divided by its height; 2 for an anamorphic plate of 2:1. The lens of such a plate has two
focal lengths, fy_px = aspect * fx_px, and one distortion: that of the unsqueezed picture, not of the stored one.
"""

from dataclasses import replace

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.checks.candidate import Found
from shotmake.tracks.markers import Tracks


def unsqueezed_size(size_px: tuple[int, int], aspect: float) -> tuple[int, int]:
    """Return (width, height) in px of the unsqueezed picture. The width is rounded to a whole pixel."""
    return round(size_px[0] * aspect), size_px[1]


def unsqueezed_tracks(tracks: Tracks, aspect: float) -> Tracks:
    """Convert the markers to the pixels of the unsqueezed picture: x times aspect."""
    return replace(tracks, xy_px=_stretched(tracks.xy_px, aspect))


def stretched_lens(lens: Lens, times: float) -> Lens:
    """Convert the lens to pixels that are 1 / times as wide."""
    return replace(lens, fx_px=lens.fx_px * times, cx_px=lens.cx_px * times)


def squeezed(found: Found | Reason, aspect: float) -> Found | Reason:
    """Convert a camera that was found in unsqueezed pixels to the plate's pixels. A reason stays as it is."""
    if isinstance(found, Reason):
        return found
    markers = replace(found.markers, xy_px=_stretched(found.markers.xy_px, 1 / aspect))
    return replace(found, lens=stretched_lens(found.lens, 1 / aspect), markers=markers)


def _stretched(xy_px: np.ndarray, times: float) -> np.ndarray:
    return (xy_px * (times, 1.0)).astype(xy_px.dtype)
