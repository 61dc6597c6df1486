"""The height of the ground under the subject, as the solved points around the subject show it."""

from dataclasses import dataclass

import numpy as np

from shotmake.numbers_in_words import count_of

AROUND = 3.0  # how far a point may be from the subject to count as around it, in subject widths
NEAREST = 40  # how many of those points are used, the nearest first
ENOUGH = 8  # how many points must agree
SHARE = 1 / 3  # which share of the points around must agree
# The span in height of the densest 0.35 of the points, divided by 0.7, is the first sigma.
DENSE, DENSE_SIGMAS = 0.35, 0.7
SIGMAS = 3.0
ROUGH = 0.2  # points that scatter by more than this share of the subject's width are no ground to stand on


@dataclass(frozen=True)
class Ground:
    """The ground. z: its height, world units; source: where z comes from, and from how many points, in words."""

    z: float
    source: str


def fit_ground(points_xyz: np.ndarray, noise: np.ndarray, place_xy: np.ndarray, subject_size: float) -> Ground:
    """Fit the horizontal ground at `place_xy` (2,) to solved points (P, 3), hold-outs included.

    noise (P,): what the points' reprojection errors mean in world units; subject_size: the subject's width, world
    units.

    The fit begins with the points that lie closest together in height. Points within 3 sigmas of these agree; sigma is
    their own scatter, but not less than their noise. z is 0 where fewer than 8, or fewer than a third, of the points
    around the subject agree, or where they scatter too much to stand on.
    """
    reach = np.linalg.norm(points_xyz[:, :2] - place_xy, axis=1)
    near = np.argsort(reach)[: np.count_nonzero(reach < AROUND * subject_size)][:NEAREST]
    if len(near) < ENOUGH:
        return Ground(0.0, f"z = 0: {count_of(len(near), 'point')} around the subject, {ENOUGH} needed")
    around = np.sort(points_xyz[near, 2])
    count = max(ENOUGH // 2, int(np.ceil(DENSE * len(around))))
    widths = around[count - 1 :] - around[: len(around) - count + 1]
    start = int(np.argmin(widths))
    least = float(np.median(noise[near]))
    sigma, middle = max(float(widths[start]) / DENSE_SIGMAS, least), float(np.median(around[start : start + count]))
    agree = around
    for _ in range(2):
        agree = around[np.abs(around - middle) <= SIGMAS * sigma]
        middle = float(np.median(agree))
        sigma = max(1.4826 * float(np.median(np.abs(agree - middle))), least)
    if len(agree) < max(ENOUGH, SHARE * len(around)):
        return Ground(0.0, f"z = 0: {len(agree)} of {len(around)} points around the subject agree")
    if sigma > ROUGH * subject_size:
        return Ground(0.0, f"z = 0: {len(around)} points around the subject scatter by {sigma:.2g} in height")
    return Ground(middle, f"z = {middle:.3g} by {len(agree)} of {len(around)} points around the subject")
