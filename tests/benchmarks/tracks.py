"""How true, how long and how fast: our tracker, plain KLT and (if asked for) libmv on the same synthetic frames.

Run: python tests/benchmarks/tracks.py --quick     one seed, about two minutes
     python tests/benchmarks/tracks.py             five seeds, the table that counts
     ... --cache FOLDER    keep the drawn plates there
     ... --libmv           also real Blender's tracker (minutes), and the points it has in common with balanced
     ... --only length     200 and 2000 frames, 720p and 4K: time a frame and peak memory

Errors are px from where the surface point of a track's first marker truly is. `seen` is the median number of frames
for which the points that plain KLT chose are in the picture and not hidden: no tracker's tracks can be longer. Times
are CPU seconds of one run, and only their ratios mean something, since machines are noisy.
"""

import argparse
import itertools
import json
import os
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import yaml
from scipy.spatial import cKDTree
from scipy.stats import spearmanr

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.plates.synthetic import Plate, luma_frames, make_plate, on_depth_edge, surfaces, true_position, write_movie
from shotmake.config.schema import Clean, Detect, Track
from shotmake.footage.plate import probe, read_luma
from shotmake.tracks.detect import detect_corners
from shotmake.tracks.markers import Tracks
from shotmake.tracks.tracker import clean_tracks, track_plate

KINDS = {"desk": {}, "dolly": {}, "pan": {}, "handheld": {"shutter": 0.5}, "moving": {}}
SEEDS = {7: (640, 360), 11: (960, 540), 23: (640, 360), 31: (1280, 720), 47: (640, 360)}
PRESETS = ("fast", "balanced", "high_quality")
FRAME_COUNT = 72
AGES = (30, 60)
MIN_TRACKS = 200  # the same for all: the presets' own numbers would compare other corners
SPEED_TRACKS = 300  # asked for at least, so that about 400 live
SAME_POINT_PX = 3.0
BORDER_PX = 8.0

Frames = list[tuple[int, np.ndarray]]
Tracker = Callable[[Frames], Tracks]


def cpu_s() -> float:
    """CPU seconds of this process and of the Blenders it has run."""
    return sum(os.times()[:4])


def preset(name: str, **detect) -> tuple[Detect, Track]:
    """The settings of a preset, with some of detect's keys given."""
    found = yaml.safe_load((ROOT / "conf" / "tracking" / f"{name}.yaml").read_text())
    return Detect(**{**found.get("detect", {}), **detect}), Track(**found.get("track", {}))


def ours(name: str) -> Tracker:
    detect, track = preset(name, min_tracks=MIN_TRACKS)
    return lambda frames: track_plate(frames, detect, track, Clean())


def plain_klt(frames: Frames) -> Tracks:
    """Frame-to-frame pyramidal Lucas-Kanade with a forward-backward check: the usual thing."""
    settings = dict(winSize=(21, 21), maxLevel=3, criteria=(3, 20, 0.01), minEigThreshold=1e-4)
    xy, ids, unused, before = np.zeros((0, 2), np.float32), np.zeros(0, int), 0, None
    parts = []
    for number, luma in frames:
        if before is not None and len(xy):
            there, found, _ = cv2.calcOpticalFlowPyrLK(before, luma, xy, None, **settings)
            back, returned, _ = cv2.calcOpticalFlowPyrLK(
                luma, before, there, xy.copy(), flags=cv2.OPTFLOW_USE_INITIAL_FLOW, **settings
            )
            good = (found.ravel() > 0) & (returned.ravel() > 0) & (np.linalg.norm(back - xy, axis=1) < 0.5)
            good &= ((there > 4) & (there < np.array(luma.shape[::-1]) - 5)).all(1)
            xy, ids = there[good], ids[good]
        if number % 5 == 0 or len(xy) < 0.7 * MIN_TRACKS:
            wanted = int(1.3 * MIN_TRACKS)
            new = detect_corners(luma, xy + 0.5, wanted, Detect(min_tracks=MIN_TRACKS), 1.0).astype(np.float32) - 0.5
            xy, ids = np.concatenate([xy, new]), np.concatenate([ids, unused + np.arange(len(new))])
            unused += len(new)
        parts.append((ids.copy(), np.full(len(ids), number), xy + 0.5))
        before = luma
    return clean_tracks(Tracks.from_markers(*(np.concatenate(part) for part in zip(*parts, strict=True))), Clean())


def libmv(frames: Frames) -> Tracks:
    """Real Blender's tracks of the same frames."""
    from helpers.shows.in_blender import blender

    with tempfile.TemporaryDirectory() as folder:
        for number, luma in frames:
            cv2.imwrite(f"{folder}/plate.{number:04d}.png", luma)
        out = Path(folder) / "tracks.npz"
        first, last, size = frames[0][0], frames[-1][0], frames[0][1].shape[::-1]
        settings = json.dumps({"detect": vars(Detect(min_tracks=MIN_TRACKS)), "track": vars(Track())})
        blender(
            "track_plate.py", "--file", f"{folder}/plate.{first:04d}.png", "--size", *size, "--first-frame", first,
            "--first", first, "--last", last, "--settings", settings, "--out", out,
        )  # fmt: skip
        with np.load(out) as made:
            return clean_tracks(Tracks.from_markers(made["track_id"], made["frame"], made["xy_px"]), Clean())


def errors_at(plate: Plate, tracks: Tracks, age: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the markers `age` frames after their track's first: error in px, born on a depth edge, promised px."""
    first = np.flatnonzero(np.diff(tracks.track_id, prepend=-1) != 0)
    born = np.repeat(first, np.diff(np.append(first, len(tracks))))
    old = np.flatnonzero(tracks.frame - tracks.frame[born] == age)
    error, edge = np.full(len(old), np.nan), np.zeros(len(old), bool)
    for frame in np.unique(tracks.frame[old]):
        rows = np.flatnonzero(tracks.frame[old] == frame)
        start_px = tracks.xy_px[born[old[rows]]].astype(float)
        truly_px = true_position(plate, start_px, int(frame) - age, int(frame))
        error[rows] = np.linalg.norm(truly_px - tracks.xy_px[old[rows]], axis=1)
        edge[rows] = on_depth_edge(plate, start_px, int(frame) - age)
    known = np.isfinite(error)
    return error[known], edge[known], tracks.quality[old[known]]


def score(cases: list[tuple[Plate, Tracks, float]]) -> dict:
    """The numbers of one row of the table: of one tracker on all plates of a kind."""
    row = {}
    for age in AGES:
        found = [errors_at(plate, tracks, age) for plate, tracks, _ in cases]
        error, edge, promised = (np.concatenate(part) for part in zip(*found, strict=True))
        row[f"at {age}"] = percentiles(error[~edge])
        if age == AGES[0]:
            row["edges"], row["count"] = percentiles(error[edge]), len(error)
            row["spearman"] = float(spearmanr(promised, error)[0]) if len(error) > 9 and promised.any() else np.nan
    lengths = [np.unique(tracks.track_id, return_counts=True)[1] for _, tracks, _ in cases]
    row["length"] = float(np.median(np.concatenate(lengths)))
    per_frame = [np.bincount(t.frame - p.first_frame, minlength=p.frame_count) for p, t, _ in cases]
    row["fewest"], row["markers"] = int(np.min(per_frame)), sum(len(tracks) for _, tracks, _ in cases)
    row["per cpu s"] = row["markers"] / sum(seconds for _, _, seconds in cases)
    return row


def common_errors(plate: Plate, ours: Tracks, theirs: Tracks, age: int) -> np.ndarray:
    """(N, 2) px: of the points that both follow for `age` frames, how far each is from where its own begin went."""
    found = []
    for frame in plate.frame_numbers[:-age]:
        pairs = []
        for tracks in (ours, theirs):
            here, there = tracks.select(tracks.frame == frame), tracks.select(tracks.frame == frame + age)
            _, first, last = np.intersect1d(here.track_id, there.track_id, return_indices=True)
            pairs.append((here.xy_px[first].astype(float), there.xy_px[last].astype(float)))
        (mine_px, mine_then_px), (other_px, other_then_px) = pairs
        if not len(mine_px) or not len(other_px):
            continue
        apart_px, nearest = cKDTree(mine_px).query(other_px)
        near = apart_px < SAME_POINT_PX
        if not near.any():
            continue
        both = [(mine_px[nearest[near]], mine_then_px[nearest[near]]), (other_px[near], other_then_px[near])]
        errors = [np.linalg.norm(true_position(plate, a, frame, frame + age) - b, axis=1) for a, b in both]
        found.append(np.stack(errors, 1)[~on_depth_edge(plate, other_px[near], frame)])
    found = np.concatenate(found) if found else np.zeros((0, 2))
    return found[np.isfinite(found).all(1)]


def visible_frames(plate: Plate, tracks: Tracks) -> np.ndarray:
    """(T,) for how many frames around its first marker each track's point is in the picture and not hidden."""
    born = np.flatnonzero(np.diff(tracks.track_id, prepend=-1) != 0)
    seen = np.zeros((len(born), plate.frame_count), bool)
    for frame in np.unique(tracks.frame[born]):
        rows = np.flatnonzero(tracks.frame[born] == frame)
        start_px = tracks.xy_px[born[rows]].astype(float)
        surface = surfaces(plate, start_px, int(frame))[1]
        for column, other in enumerate(plate.frame_numbers):
            there_px = true_position(plate, start_px, int(frame), other)
            inside = ((there_px >= BORDER_PX) & (there_px < np.array(plate.size_px) - BORDER_PX)).all(1)
            if inside.any():
                inside[inside] &= surfaces(plate, there_px[inside], other)[1] == surface[inside]
            seen[rows, column] = inside
    at = tracks.frame[born] - plate.first_frame
    ends = [np.argmin(np.append(line[place:], False)) for line, place in zip(seen, at, strict=True)]
    begins = [np.argmin(np.append(line[: place + 1][::-1], False)) for line, place in zip(seen, at, strict=True)]
    return np.array(ends) + np.array(begins) - 1


def percentiles(error: np.ndarray) -> list[float]:
    return np.percentile(error, [50, 75, 90]).tolist() if len(error) else [np.nan] * 3


def drawn(kind: str, seed: int, cache: Path | None) -> tuple[Plate, Frames]:
    plate = make_plate(kind, SEEDS[seed], FRAME_COUNT, seed=seed, **KINDS[kind])
    path = cache / f"{kind}-{seed}-{FRAME_COUNT}.npy" if cache else None
    if path and path.exists():
        return plate, list(zip(plate.frame_numbers, np.load(path), strict=True))
    frames = list(luma_frames(plate))
    if path:
        np.save(path, np.stack([luma for _, luma in frames]))
    return plate, frames


def accuracy(seeds: list[int], trackers: dict[str, Tracker], kinds: list[str], cache: Path | None) -> None:
    print(f"{'kind':9}{'tracker':14}{'p50/p75/p90 at 30':>20}{'at 60':>20}{'depth edges':>20}", end="")
    print(f"{'marks':>7}{'length':>7}{'fewest':>7}{'/cpu s':>8}{'rank':>6}")
    for kind in kinds:
        plates = [drawn(kind, seed, cache) for seed in seeds]
        made: dict[str, list[tuple[Plate, Tracks, float]]] = {}
        for name, tracker in trackers.items():
            cases = made[name] = []
            for plate, frames in plates:
                started = cpu_s()
                cases.append((plate, tracker(frames), cpu_s() - started))
            row = score(cases)
            print(f"{kind:9}{name:14}", end="")
            for column in ("at 30", "at 60", "edges"):
                print(f"{' / '.join(f'{number:.2f}' for number in row[column]):>20}", end="")
            print(f"{row['count']:7}{row['length']:7.0f}{row['fewest']:7}{row['per cpu s']:8.0f}{row['spearman']:6.2f}")
            sys.stdout.flush()
        if "klt" in made:
            seen = np.concatenate([visible_frames(plate, tracks) for plate, tracks, _ in made["klt"]])
            print(f"{kind:9}seen: {np.median(seen):.0f} frames", flush=True)
        if "libmv" in made and "balanced" in made:
            pairs = zip(made["balanced"], made["libmv"], strict=True)
            errors = np.concatenate([common_errors(a[0], a[1], b[1], AGES[0]) for a, b in pairs])
            rows = (" / ".join(f"{number:.2f}" for number in percentiles(errors[:, side])) for side in (0, 1))
            print(
                f"{kind:9}{len(errors)} common points at {AGES[0]}: balanced {next(rows)}, libmv {next(rows)}",
                flush=True,
            )


def length(size_px: tuple[int, int], frame_counts: list[int], folder: Path) -> None:
    """CPU ms a frame and peak memory of whole shots: a short plate played to and fro."""
    path = folder / f"length-{size_px[1]}.mp4"
    drawn_count = min(100, *frame_counts)
    if not path.exists():
        once = list(luma_frames(make_plate("desk", size_px, drawn_count, span=drawn_count / 150)))
        to_and_fro = [luma for _, luma in once + once[-2:0:-1]]
        frames = itertools.islice(itertools.cycle(to_and_fro), max(frame_counts))
        write_movie(path, enumerate(frames, 1))
    for frame_count in frame_counts:
        with get_context("spawn").Pool(1) as process:
            seconds, peak_mb, per_frame = process.apply(_tracked_length, (path, frame_count))
        print(
            f"{size_px[1]}p, {frame_count} frames: {1000 * seconds / frame_count:.1f} CPU ms a frame, "
            f"peak {peak_mb:.0f} MB, {per_frame:.0f} markers a frame",
            flush=True,
        )


def _tracked_length(path: Path, frame_count: int) -> tuple[float, float, float]:
    plate = probe(path.name, path.parent)
    detect, track = preset("balanced")
    started = cpu_s()
    tracks = track_plate(read_luma(plate, path.parent, 1, frame_count), detect, track, Clean())
    status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
    peak_mb = int(status["VmHWM"].split()[0]) / 1024  # getrusage's would be the parent's
    return cpu_s() - started, peak_mb, len(tracks) / frame_count


def speed(size_px: tuple[int, int], names: list[str], min_tracks: int, frame_count: int, cache: Path | None) -> None:
    """Rate of decoding and tracking over the rate of decoding alone, with at least `min_tracks` tracks."""
    path = (cache or Path(tempfile.mkdtemp())) / f"speed-{size_px[1]}-{frame_count}.mp4"
    if not path.exists():
        write_movie(path, luma_frames(make_plate("desk", size_px, frame_count, span=frame_count / 150)))
    plate = probe(path.name, path.parent)

    def decode() -> float:
        started = cpu_s()
        for _ in read_luma(plate, path.parent, 1, frame_count):
            pass
        return cpu_s() - started

    for name in names:
        detect, track = preset(name, min_tracks=min_tracks)
        ratios = []
        for _ in range(2):
            decoding_s = decode()
            started = cpu_s()
            tracks = track_plate(read_luma(plate, path.parent, 1, frame_count), detect, track, Clean())
            both_s = cpu_s() - started
            ratios.append(decoding_s / both_s)
        print(
            f"{size_px[1]}p {name}: {max(ratios):.2f} x the rate of decoding alone "
            f"({1000 * decoding_s / frame_count:.1f} -> {1000 * both_s / frame_count:.1f} CPU ms a frame), "
            f"{len(tracks) / frame_count:.0f} markers a frame, {len(tracks) / (both_s - decoding_s):.0f} a CPU second"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--libmv", action="store_true")
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--kinds", nargs="+", default=list(KINDS))
    parser.add_argument("--trackers", nargs="+", default=[*PRESETS, "klt"])
    parser.add_argument("--only", choices=["accuracy", "speed", "length"])
    asked = parser.parse_args()
    track_plate(luma_frames(make_plate("desk", (320, 180), 12)), Detect(), Track(), Clean())  # compiles, if need be
    if asked.only == "length":
        folder = asked.cache or Path(tempfile.mkdtemp())
        length((1280, 720), [200, 2000], folder)
        length((3840, 2160), [24, 96], folder)
        return
    if asked.only != "accuracy":
        for size_px in ((1280, 720), (1920, 1080)):
            names = [name for name in PRESETS if name in asked.trackers]
            speed(size_px, names, SPEED_TRACKS, 33 if asked.quick else 97, asked.cache)
    if asked.only != "speed":
        trackers = {name: plain_klt if name == "klt" else ours(name) for name in asked.trackers}
        if asked.libmv:
            trackers["libmv"] = libmv
        accuracy(list(SEEDS)[:1] if asked.quick else list(SEEDS), trackers, asked.kinds, asked.cache)


if __name__ == "__main__":
    main()
