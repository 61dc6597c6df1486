"""Right, wrong, said or silent: what one solve of a set comes to.

Wrong: its true slip is above 2 px at 1280 wide and above 5 times the limit of its kind. Silent: wrong, and neither
refused nor warned with a code that its family, or its honest kind, accepts.
"""

from typing import Any

import numpy as np

from helpers.judging.old_codes import reason_code, warning_codes
from helpers.measures.true_slip import SHORT_PATH, Seeing, seeing, size_of_world, slip_px, still_slip_px, true_slip_px
from helpers.recipes.families import FAMILIES
from helpers.recipes.honest import CAUSES, LIMITS_PX, MAY_BE_REFUSED, RIGHT_STATUS
from helpers.recipes.sets import TrackSet
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens

SLIP_PX = 2.0
LIMIT_TIMES = 5.0
SURE = 0.5  # confidence above which a wrong camera is believed, warned or not
AWAY = 1e4  # times the depth: parallax is nothing there
VERDICTS = ("right", "said", "said, sure", "silent", "refused")


def limit_px(kind: str) -> float:
    """The slip above which a camera is wrong."""
    return max(SLIP_PX, LIMIT_TIMES * LIMITS_PX.get(kind, 0.0))


def slip_of(one: TrackSet, record: dict, points: dict[str, np.ndarray]) -> float:
    """True slip, px at 1280 wide, of a record that has a camera. Of a tripod rotations and lens alone are judged, as
    long as the true camera hardly moves: where it does, its parallax is slip."""
    true, depths = one.picture.sees, one.picture.depths
    if record["status"] == "static" and not one.keeps_world:
        return true_slip_px(still_slip_px(true, depths, one.size_px))
    if record["status"] == "tripod" and reach(one) < SHORT_PATH:
        depths = depths * AWAY
    found = seeing(record)
    size = size_of_world(points, found, one.points, true) if len(points.get("track_id", ())) else 1.0
    return true_slip_px(slip_px(found, true, depths, one.size_px, size, one.keeps_world))


def reach(one: TrackSet) -> float:
    """How far the true camera gets, as a share of the depth it sees."""
    centres = find_camera_centres(one.picture.sees.cam_from_world)
    return float(np.linalg.norm(np.ptp(centres, axis=0)) / np.median(one.picture.depths))


def row_of(one: TrackSet, answer: dict, code: str) -> dict[str, Any]:
    """One row: which set, what came out, and what it is worth."""
    row = {"family": one.family, "variant": one.variant, "seed": one.seed, "kind": one.kind, "code": code,
           "cpu_s": round(answer["cpu_s"], 2)}  # fmt: skip
    if "error" in answer:
        return row | {"verdict": "error", "said": answer["error"]}
    record = answer["record"]
    codes, why = warning_codes(record), reason_code(record)
    row |= {"status": record["status"], "confidence": record["confidence"], "reason_code": why, "codes": codes}
    row |= {"said": record["reason"] or "; ".join(record["warnings"]), "limit_px": limit_px(one.kind)}
    family = FAMILIES.get(one.family)
    row["certified"] = len(answer["candidates"])
    if record["status"] == "refused":
        slips = [_candidate_px(one, candidate) for candidate in answer["candidates"]]
        best = min(slips, default=None)
        row |= {"slip_px": None, "posed": 0.0, "best_candidate_px": best}
        fits = family is None or why in family.codes
        return row | {"verdict": "refused", "fits": fits}
    slip = slip_of(one, record, answer["points"])
    row |= {"slip_px": round(slip, 3), "posed": len(record["frames"]) / len(one.picture.sees.frames)}
    right_status = RIGHT_STATUS.get(one.kind, ("solved",))
    row["fits"] = record["status"] in right_status if family is None else bool(set(codes) & family.codes)
    if slip <= row["limit_px"]:
        return row | {"verdict": "right"}
    causes = CAUSES.get(one.kind, frozenset()) if family is None else family.codes  # most honest sets have none
    if not set(codes) & causes:
        return row | {"verdict": "silent"}
    return row | {"verdict": "said, sure" if record["confidence"] > SURE else "said"}


def is_kept(row: dict) -> bool:
    """Whether an honest set came out as it should."""
    if row["verdict"] == "refused":
        return row["kind"] in MAY_BE_REFUSED
    return row["verdict"] == "right" and row["fits"]


def met_wrong(row: dict) -> bool:
    """Whether a wrong camera was there to be believed: handed out, or all that the certificate was asked for."""
    if row["verdict"] in ("silent", "said", "said, sure"):
        return True
    best = row.get("best_candidate_px")
    return row["verdict"] == "refused" and best is not None and best > row["limit_px"]


def _candidate_px(one: TrackSet, candidate: dict) -> float:
    """True slip of a camera that a certificate was asked for and that was refused."""
    cameras, frames = candidate["cam_from_world"], one.picture.sees.frames
    posed = np.flatnonzero(np.isfinite(cameras[:, 0, 0]))
    if len(posed) < 3:
        return float("inf")
    lens = Lens.from_json(candidate["lens"])
    found = Seeing(frames[posed], cameras[posed], [lens] * len(posed))
    depths = one.picture.depths * (AWAY if candidate["turning"] and reach(one) < SHORT_PATH else 1.0)
    keeps_world = one.keeps_world and one.known is not None  # a survey is laid over later
    slip = slip_px(found, one.picture.sees, depths, one.size_px, _size(one, found), keeps_world)
    return round(true_slip_px(slip), 3)


def _size(one: TrackSet, found: Seeing) -> float:
    """Units of a candidate's world: its path against the true one. It has no points."""
    true = one.picture.sees.select_frames(found.frames)
    ours, theirs = (np.linalg.norm(np.ptp(find_camera_centres(who.cam_from_world), axis=0)) for who in (found, true))
    return float(ours / theirs) if min(ours, theirs) > 1e-9 else 1.0
