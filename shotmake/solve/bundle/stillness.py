"""Whether the picture stands still: then the camera is locked off, and what moves is in front of it."""

from typing import NamedTuple

import numpy as np

from shotmake.solve.bundle.observations import Observations, compute_pixel_scale

STILL_PX = 1.0
STILL_GRID = (12, 7)  # columns and lines of cells
STILL_SHARE = 0.60  # share of the picture, from which on a plate is locked off
# An actor may fill the middle of a locked-off picture, while its edge stands still on three sides. The edge is .40 of
# the cells: so what stands still must be more than an edge with a bonnet, a frame or words burnt into it.
STILL_SHARE_WITH_EDGE, STILL_SIDES = 0.45, 3
SIDE_SHARE, SIDE_CELLS = 0.5, 3  # of a side's cells with tracks, and how many such cells it must have


class Stillness(NamedTuple):
    """How much of the picture stands still.

    share: of the cells with long tracks. sides: how many of the picture's four sides stand still.
    """

    share: float
    sides: int

    @property
    def is_still(self) -> bool:
        """Whether the picture is that of a locked-off camera."""
        has_edge = self.share >= STILL_SHARE_WITH_EDGE and self.sides >= STILL_SIDES
        return self.share >= STILL_SHARE or has_edge


def measure_stillness(observations: Observations, size_px: tuple[int, int]) -> Stillness | None:
    """Measure what stands still of the picture's 12 x 7 cells: those whose long tracks do.

    A track is long with a fifth of the frames (at least 10). It stands still if 95 % of its markers stay within 1 px
    (of a 1280 wide plate) of their median place; a cell's verdict is the median of its tracks. Returns None where no
    track is long.
    """
    limit_px = STILL_PX * compute_pixel_scale(size_px)
    enough = min(max(10, observations.frame_count // 5), observations.frame_count)
    long = observations.select_tracks(observations.lengths >= enough)
    if not len(long.track_ids):
        return None
    starts = np.searchsorted(long.track, np.arange(len(long.track_ids)))
    ends = np.append(starts[1:], len(long))
    middle, reach_px = np.zeros((len(starts), 2)), np.zeros(len(starts))
    for index, (start, end) in enumerate(zip(starts, ends, strict=True)):
        path = long.xy_px[start:end]
        middle[index] = np.median(path, axis=0)
        reach_px[index] = np.percentile(np.linalg.norm(path - middle[index], axis=1), 95)
    columns, lines = STILL_GRID
    column = np.clip((middle[:, 0] * columns / size_px[0]).astype(int), 0, columns - 1)
    line = np.clip((middle[:, 1] * lines / size_px[1]).astype(int), 0, lines - 1)
    cell = line * columns + column
    known = np.unique(cell)
    still = np.array([np.median(reach_px[cell == one]) < limit_px for one in known])
    at_line, at_column = np.divmod(known, columns)
    sides = [at_line == 0, at_line == lines - 1, at_column == 0, at_column == columns - 1]
    return Stillness(float(still.mean()), sum(_is_side_still(still[side]) for side in sides))


def _is_side_still(still: np.ndarray) -> bool:
    return len(still) >= SIDE_CELLS and bool(still.mean() >= SIDE_SHARE)
