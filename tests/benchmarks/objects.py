"""Objects against a truth, and what they cost.

    python tests/benchmarks/objects.py mot FOLDER [FOLDER ...] [key=value ...]   HOTA, MOTA, IDF1, id switches
    python tests/benchmarks/objects.py write FOLDER     simulated sequences, easy and hard ones, and two real ones
    python tests/benchmarks/objects.py speed            frames a second at 12 objects, over 20,000 frames
    python tests/benchmarks/objects.py memory           resident memory over 100,000 frames

FOLDER is a sequence of the MOT challenge (det/det.txt, gt/gt.txt, seqinfo.ini if it is there) or holds some.
key=value are keys of tracking.objects, for instance det_thresh=0.5. Detections pass through our reader and tracker.
"""

import gc
import shutil
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from helpers.measures.object_scores import (
    ALL,
    COUNTS,
    SHARES,
    last_frame,
    read,
    scores,
    sequences,
    tracked,
    write_sequence,
)
from helpers.plates.moving_boxes import move
from shotmake.config.schema import Objects
from shotmake.objects.tracker import follow

KINDS = ("ocsort", "bytetrack", "sort")
SIMULATED = {
    "clean": {"noise_px": 0.0, "gap_every": 0, "alarm_every": 0},
    "gaps": {"alarm_every": 0},
    "long_gaps": {"gap_frames": (20, 45), "alarm_every": 0},
    "false_alarms": {"noise_px": 2.5, "alarm_every": 5},
    "faint": {"faint_share": 0.3},
    "crossings": {"crossing": True, "gap_every": 0, "alarm_every": 0},
    "crowd": {"crossing": True, "count": 40, "alarm_every": 5},
    "all_at_once": {"crossing": True, "noise_px": 2.5, "alarm_every": 5, "faint_share": 0.1},
}
REAL = ("TUD-Campus", "TUD-Stadtmitte")  # truth and another tracker's boxes; come with py-motmetrics
SPEED_FRAMES, STREAM_FRAMES = 20_000, 640
MEMORY_AT = (0, 10_000, 50_000, 100_000)  # frames


def mot(arguments: list[str]) -> None:
    changed = dict(word.split("=", 1) for word in arguments if "=" in word)
    fields = {name: type(getattr(Objects(), name))(value) for name, value in changed.items()}
    found = sequences([Path(word).resolve() for word in arguments if "=" not in word])
    width = max(len(sequence.name) for sequence in found)
    print(f"{'sequence':<{width}} {'tracker':<10} coasted " + " ".join(f"{name:>6}" for name in SHARES + COUNTS))
    for kind in [fields.pop("tracker_kind")] if "tracker_kind" in fields else KINDS:
        settings = replace(Objects(tracker_kind=kind), **fields)
        objects = {sequence: tracked(read(sequence), last_frame(sequence), settings) for sequence in found}
        for with_coasted in (True, False):
            with tempfile.TemporaryDirectory() as scratch:
                table = scores(objects, with_coasted, Path(scratch))
            if len(found) == 1:
                del table[ALL]
            said = "with" if with_coasted else "without"
            for name, row in table.items():
                numbers = [f"{row[column]:6.4f}" for column in SHARES] + [f"{row[column]:6.0f}" for column in COUNTS]
                print(f"{name:<{width}} {kind:<10} {said:<7} {' '.join(numbers)}", flush=True)


def write(folder: Path) -> None:
    for seed, (name, words) in enumerate(SIMULATED.items()):
        write_sequence(folder / name, move(seed, **words))
    import motmetrics

    for name in REAL:
        source = Path(motmetrics.__file__).parent / "data" / name
        for ours, theirs in (("gt", "gt.txt"), ("det", "test.txt")):
            (folder / name / ours).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / theirs, folder / name / ours / f"{ours}.txt")
    print(f"{len(SIMULATED)} simulated and {len(REAL)} real sequences in {folder}")


def speed() -> None:
    """CPU seconds: one core."""
    detections = move(1, frames=(1, SPEED_FRAMES), gap_every=600).detections
    print(f"{len(detections) / SPEED_FRAMES:.1f} boxes a frame, {SPEED_FRAMES} frames in stretches, state through JSON")
    for kind in KINDS:
        started = time.process_time()
        objects = tracked(detections, SPEED_FRAMES, Objects(tracker_kind=kind))
        seconds = time.process_time() - started
        print(f"{kind:<10} {SPEED_FRAMES / seconds:7.0f} frames/s, {len(objects)} objects", flush=True)


def memory() -> None:
    """Rows are dropped as they come: what grows would be the tracker's own."""
    for kind in KINDS:
        settings, saved = Objects(tracker_kind=kind), None
        print(f"{kind:<10}", end="", flush=True)
        for begin, end in pairwise(MEMORY_AT):
            for first in range(begin + 1, end + 1, STREAM_FRAMES):
                last = min(first + STREAM_FRAMES - 1, end)
                detections = move(1, frames=(first, last)).detections
                _, saved = follow(detections, first, last, settings, saved)
            gc.collect()
            said = f"  {end}: {_resident_mb():.1f} MB, state {len(saved) / 1000:.0f} kB"
            print(said, end="\n" if end == MEMORY_AT[-1] else "", flush=True)


def _resident_mb() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1000


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["mot", _, *_]:
            mot(sys.argv[2:])
        case ["write", folder]:
            write(Path(folder))
        case ["speed"]:
            speed()
        case ["memory"]:
            memory()
        case _:
            sys.exit(__doc__)
