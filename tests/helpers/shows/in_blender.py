"""Scripts run in the build's own Blender, and what they rendered."""

import json
import os
import subprocess
from pathlib import Path

from helpers.shows.project import IN_BLENDER, REPOSITORY


def blender(script: str, *arguments) -> str:
    """Run one of blender_scripts/ or tests/blender/ in the build's own Blender -> its stdout."""
    return in_one_blender([[script, *arguments]])


def script_path(name: str) -> Path:
    """Where a script lies that runs inside Blender."""
    ours = REPOSITORY / "blender_scripts" / name
    return ours if ours.is_file() else IN_BLENDER / name


def in_one_blender(runs: list[list]) -> str:
    """Run several of them, each [script, *arguments], one after the other in one Blender -> its stdout."""
    from shotmake.tasks.blender.private_blender import find_python, make_environment

    version = os.environ.get("BLENDER_OF_TESTS", "4.5")
    failed = make_environment(version)
    assert failed is None, failed
    words = [[str(script_path(script)), *map(str, arguments)] for script, *arguments in runs]
    if len(words) == 1:
        command, given = [str(find_python(version)), *words[0]], None
    else:
        command, given = [str(find_python(version)), str(IN_BLENDER / "in_blender.py")], json.dumps(words)
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{runs[0][0]}: {done.returncode}\n{done.stdout[-1500:]}\n\n{done.stderr}")
    return done.stdout


def rendered_slip_px(blend: Path, cameras: dict, lens, size_px: tuple[int, int], points_xyz, frames: list[int]):
    """Render light at 8 solved points (those nearest the corners first) and measure how far it lands, in px.

    cameras: {frame: 3x4 cam_from_world}; returns (8 * frames,).
    """
    import numpy as np

    from helpers.measures.slip import read_exr, slip_px, spread_points
    from shotmake.geometry.camera import project as project_points

    points_xyz = np.asarray(points_xyz, float)
    runs, wanted_px = [], []
    for frame in frames:
        expected_px = project_points(points_xyz, cameras[frame], lens)[0]
        chosen = spread_points(expected_px, size_px)
        assert len(chosen) == 8, f"frame {frame}: only {len(chosen)} points are far enough apart"
        markers = blend.with_name(f"markers.{frame}.json")
        markers.write_text(json.dumps(points_xyz[chosen].tolist()))
        words = ("--blend", blend, "--frames", frame, "--markers", markers, "--out", blend.with_name("slip.####.exr"))
        runs.append(["render_frames.py", *words])
        wanted_px.append(expected_px[chosen])
    in_one_blender(runs)
    pictures = [read_exr(blend.with_name(f"slip.{frame:04d}.exr")) for frame in frames]
    return np.concatenate([slip_px(picture, wanted) for picture, wanted in zip(pictures, wanted_px, strict=True)])


def rendered_miss_px(blend: Path, points_xyz, frames: list[int], wanted_px, samples: int = 8, window_px: float = 8.0):
    """Render light at points (N, 3) of the solved world and measure how far it lands from where it is wanted, in px.

    wanted_px (frames, N, 2), NaN where a point is not looked for; returns (frames, N), NaN there, and infinite where
    no light was found within `window_px`. The pictures are written beside the .blend.
    """
    import numpy as np

    from helpers.measures.slip import read_exr, slip_px

    markers, out = blend.with_name("markers.json"), blend.with_name("marked.####.exr")
    markers.write_text(json.dumps(np.asarray(points_xyz).tolist()))
    words = ("--blend", blend, "--frames", ",".join(map(str, frames)), "--markers", markers, "--samples", samples)
    blender("render_frames.py", *words, "--out", out)
    miss_px = np.full(np.shape(wanted_px)[:2], np.nan)
    for row, frame, wanted in zip(miss_px, frames, wanted_px, strict=True):
        seen = np.isfinite(wanted).all(1)
        row[seen] = slip_px(read_exr(str(out).replace("####", f"{frame:04d}")), wanted[seen], window_px)
    return miss_px
