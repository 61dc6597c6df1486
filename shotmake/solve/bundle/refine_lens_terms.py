"""Lens values beyond focal, k1 and k2: refined where the tracks determine them, else left alone, with a warning."""

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.adjust import LENS_NAMES, Bundle, adjust, compute_lens_covariance
from shotmake.solve.bundle.observations import Observations

BASE = ("focal", "k1", "k2")
TERMS = ("k3", "p1", "p2", "principal_point")
OPTIMISM = 5.0  # true errors are larger than white noise suggests: tracks drift and slide
VAGUE_SHARE = 0.02  # in plate widths, at the corner of the picture


def find_refined(refine: tuple[str, ...], lens: Lens, size_px: tuple[int, int]) -> tuple[str, ...]:
    """Return those values of `refine` that the solve of this lens has changed. A term that was left alone stays so."""
    centred = (lens.cx_px, lens.cy_px) == (size_px[0] / 2, size_px[1] / 2)
    alone = {name for name in ("k3", "p1", "p2") if getattr(lens, name) == 0} | (
        {"principal_point"} if centred else set()
    )
    return tuple(name for name in refine if name not in alone)


def adjust_terms(
    bundle: Bundle,
    markers: Observations,
    refine: tuple[str, ...],
    width_px: int,
    rounds: int,
    loss_px: float = 1.0,
    weights: np.ndarray | float = 1.0,
) -> tuple[Bundle, tuple[Reason, ...]]:
    """Adjust the bundle with those values of `refine` that the tracks determine.

    Returns the bundle, and a warning for each term that the tracks do not determine. weights: (M,) or a scalar, as in
    `adjust`.
    """
    base = tuple(name for name in refine if name not in TERMS)
    bundle = adjust(bundle, markers, base, rounds, loss_px, weights=weights)
    terms = [name for name in TERMS if name in refine]
    vague: list[Reason] = []
    while terms:
        fuller = adjust(bundle, markers, (*base, *terms), rounds, loss_px, weights=weights)
        sway_px = _measure_sway_px(fuller, markers, (*base, *terms), loss_px, weights)
        worst = max(terms, key=lambda name: sway_px[name])
        if not OPTIMISM * sway_px[worst] > VAGUE_SHARE * width_px:
            bundle = fuller
            break
        terms.remove(worst)
        text = f"the tracks do not determine {worst}: left alone; take it out of tracking.solve.refine"
        vague.append(Reason("lens_terms_open", text))
    return bundle, tuple(vague)


def _measure_sway_px(
    bundle: Bundle, markers: Observations, refine: tuple[str, ...], loss_px: float, weights: np.ndarray | float
) -> dict[str, float]:
    """Return, for each lens value, how many px one sigma of it moves the farthest marker."""
    places, covariance = compute_lens_covariance(bundle, markers, refine, loss_px, weights)
    sigma = dict.fromkeys(refine, 0.0)
    for place, variance in zip(places, np.diag(covariance), strict=True):
        name = LENS_NAMES[place]
        sigma[name] = max(sigma.get(name, 0.0), float(np.sqrt(max(variance, 0.0))))
    radius = np.linalg.norm(markers.xy_px - bundle.lens[6:], axis=1).max() / bundle.focal_px
    reach_px = bundle.focal_px * np.array([radius, radius**3, radius**5, radius**7, 3 * radius**2, 3 * radius**2, 0, 0])
    reach_px[6:] = 1.0
    return {name: sigma[name] * reach_px[LENS_NAMES.index(name)] for name in refine if name in LENS_NAMES}
