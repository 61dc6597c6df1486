"""Blender's own tracker and solver (libmv), in Blender's own process: tracking.engine and tracking.solve.engine."""

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.numbers_in_words import count_of
from shotmake.tasks.blender.private_blender import AUTO, run_script, version_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.engine.state.partial_files import make_part_path

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.solve.start.libmv import Answer, Question, Run
    from shotmake.tracks.markers import Tracks

OURS = "tracking.engine: opencv"


def slice_libmv_settings(config: Config) -> slices.Slice:
    """Return the settings that say in which Blender libmv runs: in the one that makes the scene."""
    blender = config.composite.blender
    return slices.slice_block(blender, "version") | {"executable": blender.executable}


def track_by_blender(job: Job, plate: "Plate", first: int, last: int) -> "Tracks":
    """Track the plate's frames first..last with Blender. Return the tracks, not cleaned.

    Their quality is 0, since Blender tells no error. The frames are tracked in one go, without segments: Blender's
    operators have no state that one segment could hand to the next. The job's settings hold `slice_libmv_settings`.

    Raises ShotError when Blender would see other pictures than we do, and when it finds nothing to track.
    """
    _check_plate(plate, first, last)
    settings = {name: job.settings[name] for name in ("detect", "track")}
    made = make_part_path(job.targets["tracks"].with_name("libmv.npz"))
    arguments = [f"--file={plate.files[0]}", "--size", *map(str, plate.size_px), f"--color-space={plate.color_space}"]
    arguments += [f"--first-frame={plate.first_frame}", f"--first={first}", f"--last={last}"]
    arguments += [f"--settings={json.dumps(settings)}", f"--out={made}"]
    try:
        run_script("track_plate.py", arguments, job.settings["executable"], version_of(job.settings))
        tracks = read_markers(made)
    finally:
        made.unlink(missing_ok=True)
    if not len(tracks):
        raise ShotError(
            f"{plate.files[0]}: Blender found nothing to track; lower tracking.detect.quality_threshold or set {OURS}"
        )
    return tracks


def _check_plate(plate: "Plate", first: int, last: int) -> None:
    """Raise ShotError where Blender would see other pictures than we do."""
    if plate.blender_fault:
        raise ShotError(f"{plate.files[0]}: {plate.blender_fault}, or set {OURS} (shot.footage.file)")
    files = plate.files[first - plate.first_frame : last - plate.first_frame + 1]
    held = len(files) - len(set(files))
    if plate.kind == "sequence" and held:
        missing = f"{count_of(held, 'frame')} in {first} to {last} {'is' if held == 1 else 'are'} missing"
        line = f"{missing} and Blender holds none; restore {'it' if held == 1 else 'them'} or set {OURS}"
        raise ShotError(f"{files[0]}: {line}")


def read_markers(path: Path) -> "Tracks":
    """Read the tracks that blender_scripts/track_plate.py wrote."""
    from shotmake.files.npz_file import read_npz
    from shotmake.tracks.markers import Tracks

    return Tracks.from_markers(**read_npz(path, needed=("track_id", "frame", "xy_px")))


def make_solver(folder: Path, executable: str | None = None, version: str = AUTO) -> "Run":
    """Return the function by which shotmake.solve.start.libmv asks libmv: in Blender's own process, through files in
    `folder`. `executable` and `version` are as in composite.blender.

    That function raises ShotError when Blender dies.
    """
    return partial(_solve_by_blender, folder=folder, executable=executable, version=version)


def _solve_by_blender(asked: "Question", folder: Path, executable: str | None, version: str) -> "Answer | None":
    import numpy as np

    from shotmake.files.npz_file import pack_npz, read_npz
    from shotmake.geometry.lens import Lens
    from shotmake.solve.start.libmv import Answer

    markers, lens = asked.markers, asked.start.lens
    settings = {
        "size_px": list(asked.size_px),
        "frame_count": markers.frame_count,
        "tripod": asked.tripod,
        "refine": [name for name in ("focal", "centre", "radial") if getattr(asked, name)],
        "max_error_px": asked.max_error_px,
        "lens": [lens.fx_px, lens.cx_px, lens.cy_px, lens.k1, lens.k2, lens.k3],
        "keyframes": list(asked.start.keyframes),
    }
    given, made = (make_part_path(folder / name) for name in ("libmv_tracks.npz", "libmv_solve.npz"))
    arguments = [f"--tracks={given}", f"--settings={json.dumps(settings)}", f"--out={made}"]
    try:
        weight = np.ones(len(markers.track_ids)) if markers.weight is None else markers.weight
        arrays = {"track": markers.track, "frame": markers.frame, "xy_px": markers.xy_px, "weight": weight}
        given.write_bytes(pack_npz(arrays))
        run_script("solve_tracks.py", arguments, executable, version)
        found = read_npz(made)
    finally:
        given.unlink(missing_ok=True)
        made.unlink(missing_ok=True)
    if not np.isfinite(found["error_px"]):
        return None
    focal_px, x_px, y_px, k1, k2, k3 = map(float, found["lens"])
    lens = Lens(focal_px, focal_px, x_px, y_px, k1, k2, k3=k3)
    return Answer(lens, found["cam_from_world"], found["bundles"], found["track_error_px"], float(found["error_px"]))
