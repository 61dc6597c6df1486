"""Does the solver ever lie? Simulated shots with known cameras, honest ones and ones made to mislead it.

Run: python tests/benchmarks/verdicts.py [--seeds 5] [--first 0] [--only honest|hostile] [--processes 2]

honest: each kind of shot with the tracks of a good tracker. hostile: the same kinds with bad, short and moving tracks,
a wrong locked focal length, two motions of equal size, a rolling shutter, names shuffled half-way.
A line a shot that is wrong without a word, wrong and warned, or refused for nothing; then the counts, and how many of
the honest shots that can be solved were, and with a doubt (a note is none; an open focal length is counted by itself).
Wrong: a solve worse than 5 times the limit of its kind in the path, or 2 % in focal length; a pan or a still camera
that "moves".
"""

import argparse
import sys
import time
from collections import Counter
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from measure import measure  # noqa: E402
from simulated import Simulated, rolling_shutter, simulate  # noqa: E402

from shotmake.config import Camera, Solve  # noqa: E402
from shotmake.session import Tracks  # noqa: E402

LIMITS_ATE_PCT = {"orbit": 0.03, "dolly": 0.03, "walk": 0.1, "planar": 0.06, "moving": 0.06, "tiny": 2.0}
WRONG_TIMES, WRONG_FOCAL_PCT = 5.0, 2.0
WORLD = "no ground plane"  # a doubt of where the world is, not of the camera
OPEN_FOCAL = "determine the focal length"  # said, as it must be on a straight forward move: no false alarm
KINDS = ("orbit", "dolly", "walk", "planar", "moving", "tiny", "pan", "static")
SOLVABLE = ("orbit", "dolly", "walk", "planar", "moving", "pan")
HOSTILE = ("tracks", "locked", "halves", "rolling", "shuffled")


def honest_shot(kind: str, seed: int, **more) -> Simulated:
    random = np.random.default_rng([seed, len(kind)])
    focal_px = float(random.uniform(700, 1700))
    settings = dict(seed=seed, lens=(focal_px, float(random.uniform(-0.15, 0.02)), 0.02), frame_count=60)
    if kind == "walk":
        return simulate("orbit", **{**settings, "unrest": 3.0, "span_deg": 25.0, **more})
    if kind == "moving":
        return simulate("orbit", **{**settings, "moving_share": 0.25, **more})
    if kind == "tiny":
        return simulate("tiny", **{**settings, "baseline": float(random.uniform(0.005, 0.04)), **more})
    return simulate(kind, **{**settings, **more})


def hostile_shot(how: str, seed: int) -> tuple[str, Simulated, Camera]:
    random = np.random.default_rng([seed, 99])
    kind = str(random.choice(["orbit", "dolly", "walk", "planar", "tiny", "pan"]))
    camera = Camera()
    if how == "tracks":
        shot = honest_shot(
            kind,
            seed,
            bad_share=float(random.uniform(0.05, 0.2)),
            life_frames=float(random.uniform(8, 20)),
            moving_share=float(random.uniform(0, 0.35)),
        )
    elif how == "halves":
        kind = "orbit"
        shot = honest_shot(kind, seed, moving_share=0.5)
    else:
        shot = honest_shot(kind, seed)
    if how == "locked":
        wrong = float(random.choice([0.7, 0.85, 1.2, 1.4]))
        focal_px = shot.truth["lens"]["fx_px"] * wrong
        camera = Camera(focal_mm=focal_px / shot.size_px[0] * 36.0, lock_focal=True)
    if how == "rolling":
        shot = replace(shot, tracks=rolling_shutter(shot.tracks, shot.size_px[1], float(random.uniform(0.3, 0.9))))
    if how == "shuffled":
        shot = replace(shot, tracks=_shuffled(shot.tracks, shot.frames, random))
    return kind, shot, camera


def _shuffled(tracks: Tracks, frames: tuple[int, int], random: np.random.Generator) -> Tracks:
    """From the middle of the shot on, every track goes on under another's name."""
    later = tracks.frame >= (frames[0] + frames[1]) // 2
    names = np.unique(tracks.track_id)
    swapped = dict(zip(names.tolist(), random.permutation(names).tolist(), strict=True))
    ids = np.where(later, [swapped[one] for one in tracks.track_id.tolist()], tracks.track_id)
    return Tracks.from_markers(ids, tracks.frame, tracks.xy_px, tracks.quality, tracks.status)


def judged(kind: str, row: dict) -> str:
    """right, wrong or refused."""
    if row["status"] == "refused":
        return "refused"
    if kind in ("pan", "static") and row["status"] == "solved":
        return "wrong"
    if row["status"] == "static":
        return "right" if kind in ("static", "tiny") else "wrong"
    if row["status"] == "tripod":
        return "right" if kind in ("pan", "tiny") and abs(row["focal_pct"]) < WRONG_FOCAL_PCT else "wrong"
    good = row["ate_pct"] < WRONG_TIMES * LIMITS_ATE_PCT[kind] and abs(row["focal_pct"]) < WRONG_FOCAL_PCT
    return "right" if good else "wrong"


def run(case: tuple[str, int]) -> tuple[str, str, str, float]:
    """(kind or how, verdict, line, CPU seconds)"""
    from shotmake.solve import solve

    how, seed = case
    kind, shot, camera = (how, honest_shot(how, seed), Camera()) if how in KINDS else hostile_shot(how, seed)
    began = time.process_time()
    made = solve(shot.tracks, shot.size_px, shot.frames, camera, Solve())
    cpu_s = time.process_time() - began
    row = measure({**made.record, "shot": ""}, shot.truth)
    verdict = judged(kind, row)
    warnings = [one for one in made.record["warnings"] if WORLD not in one]
    if warnings and verdict != "refused":
        verdict += ", no focal" if all(OPEN_FOCAL in one for one in warnings) else ", warned"
    values = " ".join(f"{name} {row[name]:.3f}" for name in ("ate_pct", "rot_deg", "focal_pct", "lens_px"))
    said = (made.record["reason"] or "; ".join(warnings))[:110]
    head = f"{how:9}{kind:7}{seed:4} {row['status']:8}{verdict:16}{values} conf {made.record['confidence']:.2f}"
    return how, verdict, f"{head} cpu {cpu_s:4.1f} s {said}", cpu_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--only", choices=["honest", "hostile"])
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="a line for every shot")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.seeds)
    cases = [(kind, seed) for seed in seeds for kind in KINDS if asked.only != "hostile"]
    cases += [(how, 1000 + 10 * seed + part) for seed in seeds for how in HOSTILE for part in range(2)
              if asked.only != "honest"]  # fmt: skip
    found = []
    with get_context("spawn").Pool(asked.processes) as pool:
        for how, verdict, line, cpu_s in pool.imap(run, cases):
            found.append((how, verdict, cpu_s))
            if asked.all or verdict.startswith("wrong") or (how in KINDS and verdict != "right"):
                print(line, flush=True)
    for group, names in (("honest", KINDS), ("hostile", HOSTILE)):
        verdicts, spent_s = [one[1] for one in found if one[0] in names], [one[2] for one in found if one[0] in names]
        if verdicts:
            said = ", ".join(f"{number} {verdict}" for verdict, number in sorted(Counter(verdicts).items()))
            print(f"{group}: {said}; CPU s median {np.median(spent_s):.1f}, worst {max(spent_s):.1f}")
    verdicts = [one[1] for one in found if one[0] in SOLVABLE]
    if verdicts:
        kept = np.mean([verdict.startswith("right") for verdict in verdicts])
        warned = np.mean([verdict.endswith("warned") for verdict in verdicts])
        said = f"{kept:.1%} solved (>= 95 %), {warned:.1%} warned (<= 5 %)"
        open_focal = sum(verdict.endswith("no focal") for verdict in verdicts)
        print(f"{len(verdicts)} honest solvable shots: {said}; focal length called undetermined in {open_focal}")


if __name__ == "__main__":
    main()
