"""The judge alone: cameras made wrong on purpose, and right ones, held against certificate, links and witness.

Run: python tests/benchmarks/judge.py [--sets 500] [--first 5000] [--processes 2] [--json FILE]

Of every shot, whole and with a gap that few tracks bridge: five wrong cameras (tests/helpers/judging/cameras.py), so
500 sets are 5,000 of them; and as many right cameras, each of a shot of its own. A line a wrong camera that passed
without a word, and a right one that was refused. Then, by how they were made: how many were wrong indeed (true slip
above its limit; the others were mended by the adjustment and are not counted), how many of these were caught (refused,
and by whom, or doubted), and how many right ones were refused.
"""

import argparse
import json
import sys
import time
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.judging.alone import judge_alone
from helpers.judging.cameras import WRONG, make_shot

FIRST = 5000  # seeds below are for calibration


def judge_set(asked: tuple[int, tuple[str, ...]]) -> list[dict]:
    """The rows of one shot (its seed): a camera for each of the ways, with the whole tracks and with a gap."""
    seed, hows = asked
    rows = []
    for gap in (False, True):
        shot = make_shot(seed, gap)
        rows += [judge_alone(shot, how) for how in hows]
    return rows


def table(rows: list[dict]) -> list[str]:
    """Caught and kept, by how the cameras were made."""
    heads = f"{'caught':>9}{'certificate':>13}{'links':>7}{'witness':>9}{'doubted':>9}{'passed':>8}"
    lines = [f"{'':18}{'wrong':>7}{heads}"]
    for how in WRONG:
        for tracks in ("whole", "gap"):
            group = [row for row in rows if row["how"] == how and row["tracks"] == tracks and row["wrong"]]
            if not group:
                continue
            by = {who: sum(row["refused"] == who for row in group) for who in ("certificate", "links", "witness")}
            doubted = sum(not row["refused"] and bool(row["doubt"]) for row in group)
            passed = len(group) - sum(by.values()) - doubted
            share = f"{1 - passed / len(group):.1%}"
            counts = f"{by['certificate']:13}{by['links']:7}{by['witness']:9}{doubted:9}{passed:8}"
            lines.append(f"{how:10}{tracks:8}{len(group):7}{share:>9}{counts}")
    for tracks in ("whole", "gap"):
        right = [row for row in rows if row["how"] == "right" and row["tracks"] == tracks]
        refused = sum(bool(row["refused"]) for row in right)
        doubted = sum(not row["refused"] and bool(row["doubt"]) for row in right)
        said = f"{refused} refused ({refused / max(len(right), 1):.2%}), {doubted} doubted"
        lines.append(f"right     {tracks:8}{len(right):7}  {said}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--first", type=int, default=FIRST)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    began, rows = time.monotonic(), []
    if asked.json and asked.json.is_file():
        rows = [json.loads(line) for line in asked.json.read_text().splitlines()]
    done = {row["seed"] for row in rows}
    right = range(asked.first + asked.sets, asked.first + (1 + len(WRONG)) * asked.sets)
    left = [(seed, WRONG) for seed in range(asked.first, asked.first + asked.sets)]
    left += [(seed, ("right",)) for seed in right]
    left = [case for case in left if case[0] not in done]
    with get_context("spawn").Pool(asked.processes) as pool:
        for found in pool.imap_unordered(judge_set, left):
            rows += found
            for row in found:
                silent = row["wrong"] and row["how"] != "right" and not row["refused"] and not row["doubt"]
                if silent or (row["how"] == "right" and row["refused"]):
                    print(row, flush=True)
            if asked.json:
                with asked.json.open("a") as file:
                    file.writelines(json.dumps(row) + "\n" for row in found)
    print("\n" + "\n".join(table(rows)))
    print(f"{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
