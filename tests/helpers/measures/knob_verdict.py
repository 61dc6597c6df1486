"""Right, wrong, said or silent: what a solve of knob_hero, or of the same plate with spoiled frames, comes to."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from helpers.measures.true_slip import seeing, slip_px, still_slip_px, true_slip_px

ROOT = Path(__file__).resolve().parents[3]
PLATE, TRUTH = ROOT / "footage" / "knob_hero.mp4", ROOT / "tests" / "data" / "knob_hero.truth.json"
DEPTHS_M = (0.6, 1.1, 2.4)  # of what is near, in the middle and far in this plate: the table's edge, the mat, the wall
HONEST_PX = 0.35  # the plate as it is slips by 0.31
LIMIT_PX = max(2.0, 5 * HONEST_PX)  # px at 1280 wide; a camera that slips more is wrong
CAUSES = frozenset({
    "weak_link", "link_disagrees", "bundle_bends", "witness_disagrees", "part_disagrees", "path_jumps",
    "epipolar_gap", "cut", "tracks_jump",
})  # fmt: skip


def knob_truth() -> dict:
    return json.loads(TRUTH.read_text())


def knob_pictures() -> Iterator[tuple[int, np.ndarray]]:
    """The plate as it is: (frame number, (H, W, 3) uint8 BGR)."""
    import av

    with av.open(str(PLATE)) as container:
        for number, frame in enumerate(container.decode(video=0), 1):
            yield number, frame.to_ndarray(format="bgr24")


def knob_slips_px(record: dict) -> dict[int, float]:
    """True slip in each frame, px at 1280 wide, of a solve record of this plate whose camera moves."""
    truth = knob_truth()
    true, found = seeing(truth), seeing(record)
    depths = np.tile(DEPTHS_M, (len(true.frames), 1))
    frames = [frame for frame in true.frames.tolist() if frame in set(found.frames.tolist())]
    return dict(zip(frames, slip_px(found, true, depths, tuple(truth["image_size_px"])).tolist(), strict=True))


def knob_slip_px(record: dict) -> float:
    """True slip, px at 1280 wide, of a solve record of this plate that has a camera."""
    truth = knob_truth()
    true, size_px = seeing(truth), tuple(truth["image_size_px"])
    depths = np.tile(DEPTHS_M, (len(true.frames), 1))
    if record["status"] == "static":
        return true_slip_px(still_slip_px(true, depths, size_px))
    return true_slip_px(slip_px(seeing(record), true, depths, size_px))


def cause_codes(record: dict) -> list[str]:
    """Those of CAUSES that a record gives, for its refusal or as warnings.

    Release 69f25dd has no codes: one of its warnings names a cause; its refusals are refusals anyhow.
    """
    if "warning_codes" not in record:
        named = ["move rigidly, but not with the camera" in warning for warning in record["warnings"]]
        return ["epipolar_gap"] * any(named)
    return sorted(CAUSES & {record["reason_code"], *record["warning_codes"]})


def verdict(record: dict, slip: float | None) -> str:
    """refused, right, right but warned, wrong but warned, or silent. slip: as knob_slip_px, None of a refusal."""
    if record["status"] == "refused":
        return "refused"
    warned = bool(cause_codes(record))
    if slip is None or not slip <= LIMIT_PX:
        return "wrong, warned" if warned else "silent"
    return "right, warned" if warned else "right"
