"""Blender's tracker (libmv) as the yardstick: drift by track age on synthetic plates, and markers per CPU second.

Run: python tests/benchmarks/libmv.py     (some minutes)
"""

import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from synthetic import luma_frames, make_plate, true_position  # noqa: E402

from shotmake.config import Detect, Track  # noqa: E402
from shotmake.footage import probe  # noqa: E402
from shotmake.session import Tracks  # noqa: E402
from tasks.blender import make_environment, python, run_script  # noqa: E402
from tasks.libmv import read_markers  # noqa: E402

AGES = (10, 30, 50)


def libmv_tracks(
    frames: Iterable[tuple[int, np.ndarray]] | Path | str,
    first: int,
    last: int,
    detect: Detect | None = None,
    track: Track | None = None,
) -> tuple[Tracks, float]:
    """Track frames first..last with Blender -> (tracks, not cleaned; CPU seconds without Blender's start).

    frames: (number, (H, W) luma or (H, W, 3) BGR uint8), consecutive; or a movie, whose first frame is `first`.
    """
    make_environment()
    settings = {"detect": asdict(detect or Detect()), "track": asdict(track or Track())}
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(frames, (str, Path)):
            file, begins = Path(frames).resolve(), first
            size_px = probe(file.name, file.parent).size_px
        else:
            numbers, size_px = [], [0, 0]
            for number, image in frames:  # as a lossless sequence
                cv2.imwrite(f"{folder}/plate.{number:06d}.png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
                numbers.append(number)
                size_px = [image.shape[1], image.shape[0]]
            begins, file = numbers[0], Path(folder) / f"plate.{numbers[0]:06d}.png"
        out = Path(folder) / "markers.npz"
        words = [f"--file={file}", "--size", *map(str, size_px), f"--first-frame={begins}", f"--first={first}"]
        words += [f"--last={last}", f"--settings={json.dumps(settings)}", f"--out={out}"]
        before = _children_cpu_s()
        subprocess.run([str(python()), "-c", "import bpy, numpy"], check=True, capture_output=True)
        started = _children_cpu_s()
        run_script("track_plate.py", words, None)
        return read_markers(out), _children_cpu_s() - started - (started - before)


def _children_cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def errors_at_age(plate, tracks: Tracks, age: int) -> np.ndarray:
    """(N,) px: how far each track is from the truth `age` frames after its first frame."""
    starts = np.flatnonzero(np.diff(tracks.track_id, prepend=-1))
    ends = np.append(starts[1:], len(tracks))
    pairs = {}
    for start, end in zip(starts, ends, strict=True):
        if start + age < end and tracks.frame[start + age] == tracks.frame[start] + age:
            pairs.setdefault(int(tracks.frame[start]), []).append(start)
    found = []
    for frame, rows in pairs.items():
        truly = true_position(plate, tracks.xy_px[rows].astype(float), frame, frame + age)
        found.append(np.linalg.norm(truly - tracks.xy_px[np.array(rows) + age], axis=1))
    errors = np.concatenate(found) if found else np.zeros(0)
    return errors[np.isfinite(errors)]


def main() -> None:
    print(
        "kind   motion model    tracks  median length  fewest  " + "  ".join(f"p50/p75/p90 at {age}" for age in AGES),
        end="",
    )
    print("  markers per CPU s")
    for kind in ("desk", "pan"):
        plate = make_plate(kind, size_px=(640, 360), frame_count=60)
        pictures = list(luma_frames(plate))
        for model in ("translation", "loc_rot_scale", "affine"):
            tracks, cpu_s = libmv_tracks(pictures, 1, 60, Detect(min_tracks=100), Track(motion_model=model))
            lengths = np.unique(tracks.track_id, return_counts=True)[1]
            fewest = np.bincount(tracks.frame)[1:].min()
            cells = []
            for age in AGES:
                errors = errors_at_age(plate, tracks, age)
                percentiles = np.percentile(errors, [50, 75, 90]) if len(errors) else [np.nan] * 3
                cells.append("/".join(f"{error:.2f}" for error in percentiles) + f" ({len(errors)})")
            row = f"{kind:6} {model:14} {len(lengths):7} {np.median(lengths):14.0f} {fewest:7}  {'  '.join(cells)}"
            print(row, f" {len(tracks) / cpu_s:.0f}", flush=True)


if __name__ == "__main__":
    main()
