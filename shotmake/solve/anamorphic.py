"""Plates whose pixels are not square: solved unsqueezed, as an artist would, and reported in the plate's own pixels.

aspect: the width of a pixel divided by its height; 2 for an anamorphic plate of 2:1. The lens of such a plate has two
focal lengths, fy_px = aspect * fx_px, and one distortion: that of the unsqueezed picture, not of the stored one.
"""

from dataclasses import replace

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.tracks.markers import Tracks


def unsqueeze_size(size_px: tuple[int, int], aspect: float) -> tuple[int, int]:
    """Return (width, height) in px of the unsqueezed picture. The width is rounded to a whole pixel."""
    return round(size_px[0] * aspect), size_px[1]


def unsqueeze_tracks(tracks: Tracks, aspect: float) -> Tracks:
    """Convert the markers to the pixels of the unsqueezed picture: x times aspect."""
    return replace(tracks, xy_px=_stretch(tracks.xy_px, aspect))


def stretch_lens(lens: Lens, times: float) -> Lens:
    """Convert the lens to pixels that are 1 / times as wide."""
    return replace(lens, fx_px=lens.fx_px * times, cx_px=lens.cx_px * times)


def squeeze(candidate: Candidate | Reason, aspect: float) -> Candidate | Reason:
    """Convert a candidate from unsqueezed pixels to the plate's pixels. A reason stays as it is."""
    if isinstance(candidate, Reason):
        return candidate
    markers = replace(candidate.markers, xy_px=_stretch(candidate.markers.xy_px, 1 / aspect))
    return replace(candidate, lens=stretch_lens(candidate.lens, 1 / aspect), markers=markers)


def _stretch(xy_px: np.ndarray, times: float) -> np.ndarray:
    return (xy_px * (times, 1.0)).astype(xy_px.dtype)
