"""Plates whose pixels are not square: solved as an artist would unsqueeze them, told in the plate's own pixels.

aspect: a pixel's width by its height; 2 for an anamorphic plate of 2:1. The lens of such a plate has two focal lengths,
fy_px = aspect * fx_px, and one distortion: of the picture as it is seen, not as it is stored.
"""

from dataclasses import replace

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.checks.candidate import Found
from shotmake.tracks.markers import Tracks


def unsqueezed_size(size_px: tuple[int, int], aspect: float) -> tuple[int, int]:
    """As wide as it is seen, to a whole pixel."""
    return round(size_px[0] * aspect), size_px[1]


def unsqueezed_tracks(tracks: Tracks, aspect: float) -> Tracks:
    return replace(tracks, xy_px=_stretched(tracks.xy_px, aspect))


def stretched_lens(lens: Lens, times: float) -> Lens:
    """The lens for pixels that are 1 / times as wide."""
    return replace(lens, fx_px=lens.fx_px * times, cx_px=lens.cx_px * times)


def squeezed(found: Found | Reason, aspect: float) -> Found | Reason:
    """What was found in unsqueezed pixels, in the plate's; a reason stays as it is."""
    if isinstance(found, Reason):
        return found
    markers = replace(found.markers, xy_px=_stretched(found.markers.xy_px, 1 / aspect))
    return replace(found, lens=stretched_lens(found.lens, 1 / aspect), markers=markers)


def _stretched(xy_px: np.ndarray, times: float) -> np.ndarray:
    return (xy_px * (times, 1.0)).astype(xy_px.dtype)
