"""The height of the ground under the subject: given, or that of the solved points around where it stands."""

from dataclasses import dataclass

import numpy as np

AROUND = 3.0  # subject widths: how far points count as around it
NEAREST = 40  # of those points
ENOUGH = 8  # points that agree
SHARE = 1 / 3  # of the points around
DENSE, DENSE_SIGMAS = 0.35, 0.7  # the closest that many points lie in height: as wide as this many sigmas, at least
SIGMAS = 3.0
ROUGH = 0.2  # of the subject's width: points that scatter more are no ground to stand on


@dataclass(frozen=True)
class Ground:
    """z in world units; source: which it is and from how many points, in words."""

    z: float
    source: str


def fitted(points_xyz: np.ndarray, noise: np.ndarray, place_xy: np.ndarray, subject_size: float) -> Ground:
    """The horizontal ground at `place_xy` (2,) from solved points (P, 3), hold-outs and all.

    noise (P,): what their reprojection errors come to, in world units. The points that lie closest together in height
    begin; those within 3 sigmas of them agree, sigma being their own scatter, but no less than their noise. z = 0 where
    fewer than 8, or a third, of the points around agree, or they scatter too much to stand on.
    """
    reach = np.linalg.norm(points_xyz[:, :2] - place_xy, axis=1)
    near = np.argsort(reach)[: np.count_nonzero(reach < AROUND * subject_size)][:NEAREST]
    if len(near) < ENOUGH:
        return Ground(0.0, f"z = 0: {len(near)} points around the subject, {ENOUGH} needed")
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
