"""Does a plate with a few spoiled frames mislead the build? knob_hero with 2 to 6 frames out of focus, whipped, dark,
covered or flashed, built by the real command line and held against the truth.

Run: python tests/benchmarks/soft_plates.py [--plates 40] [--first 100] [--also FOLDER] [--json FILE] [--processes 2]

Plate n has the seed n; seeds below 100 were used to tune the generator. Each is a movie in a show of its own:
`doit solve`. A line a plate: what was spoiled, what the solve says, how far it slips (px at 1280 wide), the verdict;
then the totals. --also FOLDER builds the same plates with the code there, and each line tells both. --json keeps each
result as it comes, and goes on from there: one file for one state of the code. --keep FOLDER keeps plate, truth,
tracks, points and solve of each.
wrong: slips by more than knob_verdict.LIMIT_PX. silent: wrong, and neither refused nor warned with one of its CAUSES.
"""

import argparse
import json
import resource
import shutil
import sys
import tempfile
from collections import Counter
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.measures.knob_verdict import TRUTH, cause_codes, knob_pictures, knob_slip_px, knob_truth, verdict
from helpers.plates.soft_frames import KINDS, draw_spoiling, spoil_frames
from helpers.plates.synthetic import write_movie
from helpers.shows.project import make_project

SHOT_YAML = "# @package _global_\nshot:\n  name: plate\n  footage: {file: footage/plate.mp4}\n"
CRFS = (8, 26)  # of x264, from nearly lossless to what a phone writes


def make_plate(seed: int, path: Path) -> dict:
    """Write the plate of a seed -> what was done to it."""
    frames = knob_truth()["frames"]
    spoiling = draw_spoiling(KINDS[seed % len(KINDS)], seed, frames[0], frames[-1])
    crf = int(np.random.default_rng([seed, 9]).integers(CRFS[0], CRFS[1] + 1))
    write_movie(path, spoil_frames(knob_pictures(), spoiling), crf=crf, exact=True)
    return asdict(spoiling) | {"crf": crf}


def build(case: tuple[int, str, str, str | None]) -> dict:
    """(seed, name of the code, its folder, folder to keep things in) -> a row."""
    seed, name, code, keep = case
    with tempfile.TemporaryDirectory(prefix="soft-plate-") as folder:
        project = make_project(Path(folder) / "show", Path(code))
        plate = project.root / "footage" / "plate.mp4"
        spoiled = make_plate(seed, plate)
        project.write_shot("plate", SHOT_YAML)
        project.remove_other_shots("plate")
        began = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        ran = project.run("solve", "shot=plate")
        cpu_s = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - began
        state = project.root / ".gsd-state" / "tracking"
        records = [path for path in state.glob("solves/*.json") if not path.name.endswith(".stamp.json")]
        if len(records) != 1:
            raise RuntimeError(f"plate {seed}: {len(records)} solves\n{ran.out}\n{ran.err}")
        if keep:
            place = Path(keep) / f"s{seed:03d}"
            place.mkdir(parents=True, exist_ok=True)
            (points,) = state.glob("solves/*.points.npz")
            (tracks,) = state.glob("sessions/*/tracks.npz")
            kept = {plate: plate.name, TRUTH: "truth.json", records[0]: "solve.json", points: "points.npz"}
            for path, kept_name in (kept | {tracks: tracks.name}).items():
                shutil.copy(path, place / kept_name)
            (place / "spoiled.json").write_text(json.dumps(spoiled))
        record = json.loads(records[0].read_text())
    slip = None if record["status"] == "refused" else knob_slip_px(record)
    return {
        "seed": seed, "code": name, "spoiled": spoiled, "status": record["status"], "posed": len(record["frames"]),
        "confidence": record["confidence"], "reason": record["reason"], "reason_code": record.get("reason_code"),
        "warnings": record["warnings"], "warning_codes": record.get("warning_codes"), "causes": cause_codes(record),
        "slip_px": slip, "verdict": verdict(record, slip), "cpu_s": cpu_s,
    }  # fmt: skip


def plate_words(row: dict) -> str:
    spoiled = row["spoiled"]
    frames = f"{spoiled['frames'][0]}-{spoiled['frames'][-1]}"
    return f"{row['seed']:4} {spoiled['kind']:8}{frames:7}sigma {spoiled['sigma_px']:4.1f} crf {spoiled['crf']:2}"


def solve_words(row: dict) -> str:
    slip = "     -" if row["slip_px"] is None else f"{row['slip_px']:6.2f}"
    codes = " ".join([row["reason_code"] or "", *(row["warning_codes"] or [])]).strip()
    said = codes or row["reason"] or "; ".join(row["warnings"])
    return (
        f"{row['verdict']:14}slip {slip} {row['status']:8}{row['posed']:3} posed, confidence {row['confidence']:.2f} "
        f"{row['cpu_s']:4.1f} s {said[:80]}"
    )


def totals(rows: list[dict]) -> str:
    counts = Counter(row["verdict"] for row in rows)
    kinds = {kind: Counter(row["verdict"] for row in rows if row["spoiled"]["kind"] == kind) for kind in KINDS}
    lines = [", ".join(f"{number} {one}" for one, number in sorted(counts.items()))]
    for kind, found in kinds.items():
        lines.append(f"   {kind:8}" + ", ".join(f"{number} {one}" for one, number in sorted(found.items())))
    return "\n".join(lines) + f"\n   CPU s median {np.median([row['cpu_s'] for row in rows]):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=int, default=40)
    parser.add_argument("--first", type=int, default=100)
    parser.add_argument("--also", metavar="FOLDER")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", metavar="FOLDER")
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    rows = json.loads(asked.json.read_text()) if asked.json and asked.json.exists() else []
    done = {(row["seed"], row["code"]): row for row in rows}
    codes = {"this": (str(ROOT), asked.keep)}
    if asked.also:
        codes["also"] = (str(Path(asked.also).resolve()), None)
    seeds = range(asked.first, asked.first + asked.plates)
    cases = [(seed, name, *codes[name]) for seed in seeds for name in codes if (seed, name) not in done]
    with get_context("spawn").Pool(asked.processes) as pool:
        for row in pool.imap(build, cases):
            done[row["seed"], row["code"]] = row
            if asked.json:
                asked.json.write_text(json.dumps(list(done.values()), indent=1))
            print(f"{plate_words(row)} {row['code']}: {solve_words(row)}", flush=True)
    for name in codes:
        print(f"{name}: {totals([done[seed, name] for seed in seeds])}")
    if asked.also:
        print("side by side (this | also):")
        for seed in seeds:
            both = [done[seed, name] for name in codes]
            slips = ["-" if one["slip_px"] is None else f"{one['slip_px']:.2f}" for one in both]
            said = " | ".join(f"{one['verdict']:14}{slip:>7}" for one, slip in zip(both, slips, strict=True))
            print(f"{plate_words(both[0])} {said}")


if __name__ == "__main__":
    main()
