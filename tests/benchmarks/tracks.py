"""How fast and how true the tracker is: drift by track age on synthetic plates, and time against decoding alone.

Run: python tests/benchmarks/tracks.py     (about a minute; ratios of one run, since machines are noisy)
"""

import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from synthetic import luma_frames, make_plate, true_position  # noqa: E402

from shotmake.config import Clean, Detect, Track  # noqa: E402
from shotmake.footage import probe, read_luma  # noqa: E402
from shotmake.tracks import track_plate  # noqa: E402

AGES = ((5, 12), (12, 20), (20, 30), (30, 40))


def drift_px(kind: str) -> dict[str, list[float]]:
    """Age in frames -> [median, 75th, 90th percentile] of the distance to the true position, in px."""
    plate = make_plate(kind, size_px=(640, 360))
    tracks = track_plate(luma_frames(plate), Detect(min_tracks=150), Track(), Clean())
    born = {int(number): int(np.flatnonzero(tracks.track_id == number)[0]) for number in np.unique(tracks.track_id)}
    first = np.array([born[int(number)] for number in tracks.track_id])
    age = tracks.frame - tracks.frame[first]
    error = np.full(len(tracks), np.nan)
    for start in np.unique(tracks.frame[first]):
        for frame in np.unique(tracks.frame):
            rows = np.flatnonzero((tracks.frame == frame) & (tracks.frame[first] == start) & (age > 0))
            if len(rows):
                truly = true_position(plate, tracks.xy_px[first[rows]].astype(float), int(start), int(frame))
                error[rows] = np.linalg.norm(truly - tracks.xy_px[rows], axis=1)
    found = {}
    for low, high in AGES:
        chosen = error[(age >= low) & (age < high) & np.isfinite(error)]
        found[f"{low}-{high}"] = np.percentile(chosen, [50, 75, 90]).round(3).tolist() if len(chosen) else []
    return found


def main() -> None:
    for kind in ("desk", "pan", "static", "planar"):
        print(kind, drift_px(kind))
    plate = probe("footage/knob_hero.mp4", ROOT)
    started = time.process_time()
    decoded = list(read_luma(plate, ROOT, 1, plate.frame_count))
    decoding_s = time.process_time() - started
    started = time.process_time()
    track_plate(decoded, Detect(min_tracks=250), Track(), Clean())
    tracking_s = time.process_time() - started
    rate = plate.frame_count / tracking_s
    print(f"knob_hero: {rate:.1f} frames per CPU second, {tracking_s / decoding_s:.1f} x the time of decoding")


if __name__ == "__main__":
    main()
