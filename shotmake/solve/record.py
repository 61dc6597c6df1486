"""The record of a solve: the contents of solve.json and points.npz."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from shotmake.reasons import Reason, record_reasons
from shotmake.solve.links.measure_links import Links
from shotmake.solve.links.witness_evidence import Evidence

DIGITS = 9


@dataclass(frozen=True)
class Solution:
    """The result of a solve.

    record: the solve JSON without `shot`. points: the arrays of points.npz: track_id (P,), point_xyz (P, 3) in the
    world, error_px (P,) mean reprojection error, holdout (P,) bool, ground_found () bool. With survey points, in their
    order, also survey_track_id (S,), survey_miss_m (S,) and survey_miss_px (S,).

    The points of tripod and static shots are directions at a depth of 5 units: for previews, not for building.
    """

    record: dict
    points: dict[str, np.ndarray]


def make_refused_solution(reason: Reason, size_px: tuple[int, int], engine: str) -> Solution:
    """Return the solution of a refusal: its reason, no cameras and no points."""
    record = make_record("refused", "general", size_px, reason=reason.text, reason_code=reason.code, engine=engine)
    return Solution(record, make_no_points())


def make_record(status: str, kind: str, size_px: tuple[int, int], **values: Any) -> dict:
    """Return the solve JSON: the defaults of a record, replaced by `values`, with floats of 9 significant digits."""
    return {name: round_floats(value) for name, value in (make_blank_record(status, kind, size_px) | values).items()}


def make_blank_record(status: str, kind: str, size_px: tuple[int, int]) -> dict:
    """Return a record of all fields but `engine`, in which nothing was solved or asked. Every record begins with it."""
    return {
        "schema": 1,
        "status": status,
        "reason": "",
        "reason_code": "",
        "kind": kind,
        "image_size_px": [int(size_px[0]), int(size_px[1])],
        "lens": None,
        "focal_px_per_frame": None,
        "frames": [],
        "interpolated": [],  # of `frames`, those whose camera no track told
        "cam_from_world": [],
        "rms_px": None,  # null: not measured, as for a refusal
        "holdout_rms_px": None,
        "rms_px_per_frame": [],
        "confidence": 0.0,
        "tracks_used": 0,
        "scale_known": False,
        "links": [],  # nobody was asked; so too the witness
        "witness": [],
        **record_reasons(()),
    }


def round_floats(value: Any) -> Any:
    """Round floats to 9 significant digits, also in lists and dicts."""
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, dict):
        return {name: round_floats(one) for name, one in value.items()}
    return [round_floats(one) for one in value] if isinstance(value, list) else value


def make_no_points() -> dict[str, np.ndarray]:
    """Return the arrays of a points.npz without points: (0,), point_xyz (0, 3)."""
    none = np.zeros(0)
    return make_point_arrays(none, np.zeros((0, 3)), none, none, False)


def make_point_arrays(
    track_id: ArrayLike, point_xyz: ArrayLike, error_px: ArrayLike, holdout: ArrayLike, ground_found: bool
) -> dict[str, np.ndarray]:
    """Return the arrays of points.npz in their file types. Shapes as in Solution: (P,), point_xyz (P, 3)."""
    return {
        "track_id": np.asarray(track_id, np.int32),
        "point_xyz": np.asarray(point_xyz, np.float32),
        "error_px": np.asarray(error_px, np.float32),
        "holdout": np.asarray(holdout, bool),
        "ground_found": np.array(bool(ground_found)),
    }


def make_links_json(links: Links | None) -> list[dict]:
    """Return the `links` of the solve JSON, an object for each boundary between two frames.

    Each tells how many tracks bridge the boundary, the share that agrees with the camera on both sides, how firmly
    these tracks hold the boundary (standard deviation, px), and how far they want the camera after the boundary to be
    elsewhere (px).
    """
    if links is None:
        return []
    values = zip(links.before, links.after, links.tracks, links.share, links.hold_px, links.tear_px, strict=True)
    return [
        {
            "frames": [int(before), int(after)],
            "tracks": int(tracks),
            "agree": round(float(share), 3),
            "hold_px": _shorten(hold_px),
            "tear_px": _shorten(tear_px),
        }
        for before, after, tracks, share, hold_px, tear_px in values
    ]


def make_witness_json(evidence: Evidence | None) -> list[dict]:
    """Return the `witness` of the solve JSON, an object for each pair of frames that the second witness matched.

    Each tells how many features were matched, the share that the camera explains, and the share that the best camera
    for these features alone explains; null where they were too few.
    """
    if evidence is None:
        return []
    pairs = zip(evidence.first, evidence.second, evidence.matches, strict=True)
    shares = zip(evidence.explained, evidence.allowed, strict=True)
    return [
        {
            "frames": [int(first), int(second)],
            "matches": int(count),
            "explained": _shorten(own),
            "allowed": _shorten(best),
        }
        for (first, second, count), (own, best) in zip(pairs, shares, strict=True)
    ]


def _shorten(value: float) -> float | None:
    """Round to three digits; None where nothing was measured."""
    return float(f"{value:.3g}") if np.isfinite(value) else None
