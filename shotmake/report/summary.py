"""The report: one plain summary of plate, tracks and solve, and which `tracking.qc` limits they break."""

from shotmake.numbers_in_words import tell_apart
from shotmake.report.objects_summary import list_remarks


def make_report(
    plate: dict,
    quality: dict | None,
    solution: dict | None,
    qc: dict,
    frames: tuple[int, int],
    objects: dict[str, dict] | None = None,
) -> dict:
    """Return the contents of report.json.

    plate, quality, solution: a footage JSON, a quality.json and a solve JSON, None where the shot has none; objects:
    objects_block by camera.
    """
    summary = {
        "schema": 1,
        "plate": {name: plate[name] for name in ("files", "size_px", "frame_rate", "first_frame", "frame_count")},
        "frames": list(frames),
        "tracks": quality,
        "session": describe_session(quality, solution),
        "solve": None,
        "faults": find_qc_faults(quality, solution, qc, frames),
        "warnings": list(plate["warnings"]),
        "notes": [],
    }
    if solution is not None:
        kept = ("shot", "status", "reason", "kind", "lens", "rms_px", "holdout_rms_px", "rms_px_per_frame",
                "confidence", "tracks_used", "scale_known", "engine")  # fmt: skip
        summary["solve"] = {name: solution[name] for name in kept}
        summary["solve"]["frames_pct"] = measure_frames_pct(solution, frames)
        summary["warnings"] += solution["warnings"]
        summary["notes"] += solution.get("notes", [])  # a pinned solve may be older than notes
    if objects:
        warnings, notes = list_remarks(list(objects.values()))
        summary |= {"objects": objects, "warnings": summary["warnings"] + warnings, "notes": summary["notes"] + notes}
    return summary


def describe_session(quality: dict | None, solution: dict | None) -> dict:
    """Return the session's state at this point. Everything before the report is done, so there is nothing to resume."""
    if quality is None:
        return {"state": "created", "frames_done": 0, "frames": None, "resume_frame": None}
    frames = quality["last_frame"] - quality["first_frame"] + 1
    state = "tracked"
    if solution is not None:
        state = "failed" if solution["status"] == "refused" else "solved"
    return {"state": state, "frames_done": frames, "frames": frames, "resume_frame": None}


def measure_frames_pct(solution: dict, frames: tuple[int, int]) -> float:
    """Return the share of the frames first..last that have a camera, in percent."""
    return 100.0 * len(solution["frames"]) / (frames[1] - frames[0] + 1)


def find_qc_faults(quality: dict | None, solution: dict | None, qc: dict, frames: tuple[int, int]) -> list[str]:
    """Return one line for each limit of `tracking.qc` that is broken.

    The list is empty when the shot may be delivered.
    """
    faults = []
    if solution is not None:
        if solution["status"] == "refused":
            return [f"solve: refused: {solution['reason']}"]
        share = measure_frames_pct(solution, frames)
        if share < qc["min_frames_pct"]:
            limit, total = qc["min_frames_pct"], frames[1] - frames[0] + 1
            missing = total - len(solution["frames"])
            faults.append(
                f"solve: {tell_apart(share, limit, '.1f')} % of the frames have a camera ({missing} of {total} "
                f"{'has' if missing == 1 else 'have'} none); tracking.qc.min_frames_pct is {limit:g}"
            )
        holdout = solution["holdout_rms_px"]
        if holdout is not None and holdout > qc["max_holdout_px"]:
            limit = qc["max_holdout_px"]
            error = tell_apart(holdout, limit, ".2f")
            faults.append(f"solve: hold-out error {error} px; tracking.qc.max_holdout_px is {limit:g}")
    if quality is not None:
        thinnest, limit = quality["tracks_per_frame_min"], qc["min_tracks_per_frame"]
        if thinnest < limit:
            faults.append(f"tracks: {thinnest} in the thinnest frame; tracking.qc.min_tracks_per_frame is {limit}")
    return faults
