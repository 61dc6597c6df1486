"""What the report says about objects: how many, how long each was seen, whose boxes they are, and what mattes cover."""

from collections.abc import Callable, Sequence

import numpy as np

from shotmake.objects.tracklet_file import COASTED

MOST_PCT = 75.0  # how much of the plate mattes may cover without a warning, %
CELLS = 480  # how many cells across the plate a matte is counted in
GUESS = (
    "objects: boxes are a guess of what moves; bring detections (tracking.objects.detections or detector_cmd) for "
    "mattes to trust"
)


def describe_objects(record: dict, matte: dict | None) -> dict:
    """Return the block of report.json for an objects.json.

    matte: what `measure_cover` found; None where there are no mattes.
    """
    objects = [_describe_object(tracklet) for tracklet in record["tracklets"]]
    frames = sum(one["last_frame"] - one["first_frame"] + 1 for one in objects)
    coasted = sum(last - first + 1 for one in objects for first, last in one["coasted"])
    longest = max(objects, key=lambda one: one["last_frame"] - one["first_frame"], default=None)
    return {
        "count": len(objects),
        "frames": record["frames"],
        "coasted_pct": round(100.0 * coasted / frames, 2) if frames else 0.0,
        "longest": longest["track_id"] if longest else None,
        "source": record["source"],
        "objects": objects,
        "matte": matte,
    }


def _describe_object(tracklet: dict) -> dict:
    """Return what the report says about one object.

    coasted: first and last frame of each stretch in which it is not seen.
    """
    frames = np.array(tracklet["frames"])
    missing = frames[np.array(tracklet["frame_status"]) == COASTED]
    stretches = np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1) if len(missing) else []
    return {
        "track_id": tracklet["track_id"],
        "label": tracklet["label"],
        "first_frame": int(frames[0]),
        "last_frame": int(frames[-1]),
        "coasted": [[int(stretch[0]), int(stretch[-1])] for stretch in stretches],
    }


def measure_cover(
    boxes_at: Callable[[int], np.ndarray], size_px: tuple[int, int], frames: tuple[int, int], invert: bool
) -> dict:
    """Measure how much of the plate tracks are kept out of, in percent: the median, and the worst frame.

    boxes_at: frame -> (K, 4) px. invert: True where tracks may be inside the boxes only.
    """
    cell_px = max(1.0, size_px[0] / CELLS)
    width, height = (round(side / cell_px) for side in size_px)
    covered_pct = []
    for frame in range(frames[0], frames[1] + 1):
        inside = np.zeros((height, width), bool)
        xywh = boxes_at(frame) / cell_px
        low = np.clip(np.round(xywh[:, :2]), 0, (width, height)).astype(int)
        high = np.clip(np.round(xywh[:, :2] + xywh[:, 2:]), 0, (width, height)).astype(int)
        for (left, top), (right, bottom) in zip(low, high, strict=True):
            inside[top:bottom, left:right] = True
        covered_pct.append(100.0 * float(np.mean(inside != invert)))
    worst = int(np.argmax(covered_pct))
    return {
        "covered_median_pct": round(float(np.median(covered_pct)), 1),
        "covered_most_pct": round(covered_pct[worst], 1),
        "worst_frame": frames[0] + worst,
        "inverted": invert,
    }


def describe_cover(matte: dict) -> str:
    """Return what a cover of `measure_cover` is of, as the beginning of a line that ends with the percent."""
    return "the inverted mask keeps tracks out of" if matte["inverted"] else "mattes cover"


def list_remarks(blocks: Sequence[dict]) -> tuple[list[str], list[str]]:
    """Return warnings and notes, one line each."""
    warnings, notes = [], []
    if any(block["source"]["trust"] == "low" for block in blocks):
        notes.append(GUESS)
    for matte in (block["matte"] for block in blocks if block["matte"]):
        line = (
            f"objects: {describe_cover(matte)} {matte['covered_median_pct']:.0f} % of the plate (median), "
            f"{matte['covered_most_pct']:.0f} % in frame {matte['worst_frame']}"
        )
        if matte["covered_most_pct"] <= MOST_PCT:
            notes.append(line)
            continue
        keys = "choose objects by tracking.mask.from_objects: [ids], or lower tracking.objects.matte.dilate_px"
        if matte["inverted"]:  # tracks are inside of the boxes only
            keys = "raise tracking.objects.matte.dilate_px, or set tracking.mask.invert: false"
        warnings.append(f"{line}, which leaves the tracks too little of it; {keys}")
    return warnings, notes
