"""Does the solver ever lie? Whole solves of simulated sets with known cameras: honest ones, and ones made to mislead.

Run:  python tests/benchmarks/verdicts.py --tier small                    300 sets, always the same: for every change
      python tests/benchmarks/verdicts.py --tier fresh --first SEED       1,000 sets, once: a failure spends the seeds
      python tests/benchmarks/verdicts.py --only wrong_join --seeds 0 1 2 some sets, while working on them

--also FOLDER   the same sets solved by the code in that folder too (a worktree of an older release), printed beside
--json FILE     a row a line; what is in it already, of this code and these recipes, is not solved again: a killed run
                goes on

Families, what may be said of each, and what is wrong or silent: tests/helpers/recipes/families.py,
tests/helpers/judging/judge.py.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from helpers.judging.ask import Worker, bench_of, code_of, name_of
from helpers.judging.judge import row_of
from helpers.judging.tables import honest_table, hostile_table, proof_lines, silent_line, time_line
from helpers.recipes.families import FAMILIES, made
from helpers.recipes.honest import KINDS

SMALL_FIRST, SMALL_HONEST, SMALL_HOSTILE = 500, 7, 8
SLOW = {"corridor": 3}  # of it among the small: up to 600 frames each
FRESH_FIRST = 1000  # seeds below are for calibration: recipes and limits were chosen with them
HONEST_SHARE, FEWEST = 0.4, 30  # of fresh sets; of each hostile family
WORKERS: dict[str, Worker] = {}  # of this process

Case = tuple[str, int]


def solve_case(asked: tuple[Case, tuple[tuple[str, str], ...]]) -> list[dict]:
    """The rows of one set, a row for each (code, folder)."""
    (name, seed), codes = asked
    one, rows = made(name, seed), []
    for code, folder in codes:
        worker = WORKERS.setdefault(folder, Worker(Path(folder)))
        rows.append(row_of(one, worker.solve(one), code))
    return rows


def cases_of(asked: argparse.Namespace) -> list[Case]:
    """(family or kind, seed), families in turn, so that a part of a run is fair too."""
    if asked.tier == "fresh":
        honest = round(HONEST_SHARE * asked.sets / len(KINDS) + 0.499)
        hostile = max(FEWEST, round((1 - HONEST_SHARE) * asked.sets / len(FAMILIES) + 0.499))
        counts, first = {**dict.fromkeys(KINDS, honest), **dict.fromkeys(FAMILIES, hostile)}, asked.first
    elif asked.tier == "small":
        counts, first = (
            {**dict.fromkeys(KINDS, SMALL_HONEST), **dict.fromkeys(FAMILIES, SMALL_HOSTILE), **SLOW},
            SMALL_FIRST,
        )
    else:
        counts, first = dict.fromkeys((*KINDS, *FAMILIES), 0), 0
    seeds = {name: asked.seeds if asked.seeds else range(first, first + count) for name, count in counts.items()}
    names = [name for name in seeds if not asked.only or name in asked.only]
    names += [name for name in asked.only or () if name not in seeds]
    longest = max((len(seeds.get(name, asked.seeds or ())) for name in names), default=0)
    return [(name, list(seeds.get(name, asked.seeds or ()))[at]) for at in range(longest) for name in names
            if at < len(seeds.get(name, asked.seeds or ()))]  # fmt: skip


def main() -> None:
    asked = arguments()
    folders = [ROOT, *([asked.also.resolve()] if asked.also else [])]
    if asked.old_only:  # to calibrate: what the recipes do to the code of --also
        folders = folders[1:]
    names = {code_of(folder): name_of(folder) for folder in folders}
    codes = {code_of(folder): str(folder) for folder in folders}
    cases, bench, began = cases_of(asked), bench_of(), time.monotonic()
    rows = {key(row): row for row in read_rows(asked.json) if row["code"] in codes and row["bench"] == bench}
    missing = []
    for case in cases:
        left = tuple((code, folder) for code, folder in codes.items() if (*case, code) not in rows)
        if left:
            missing.append((case, left))
    print(f"{len(cases)} sets with the code of {', '.join(names.values())}; {len(missing)} to solve", flush=True)
    with get_context("spawn").Pool(asked.processes) as pool:
        for found in pool.imap_unordered(solve_case, missing):
            for row in found:
                rows[key(row)] = row
                if row["verdict"] in ("silent", "said, sure", "error") or asked.all:
                    print(f"[{names[row['code']]}] {silent_line(row)}{_details(row) if asked.all else ''}", flush=True)
            write_rows(asked.json, [{**row, "bench": bench} for row in found])
    columns = [[rows[*case, code] for case in cases if (*case, code) in rows] for code in codes]
    report(columns[0], columns[1] if len(columns) > 1 else [])
    for name, column in zip(names.values(), columns, strict=True):
        print(f"[{name}] {time_line(column)}")
    print(f"{time.monotonic() - began:.0f} s in all")


def report(rows: list[dict], beside: list[dict]) -> None:
    """The tables, of this code's rows and of those beside."""
    for hostile, table in ((True, hostile_table), (False, honest_table)):
        own, other = ([row for row in of if (row["family"] in FAMILIES) == hostile] for of in (rows, beside))
        if own:
            print("\n" + "\n".join(table(own, other)))
    print("\n" + "\n".join(proof_lines(rows)))
    if beside:
        print("the other code: " + " ".join(proof_lines(beside)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tier", choices=["small", "fresh"])
    parser.add_argument("--first", type=int, default=FRESH_FIRST)
    parser.add_argument("--sets", type=int, default=1000)
    parser.add_argument("--seeds", type=int, nargs="+")
    parser.add_argument("--only", nargs="+", help="families, or kinds of honest shots")
    parser.add_argument("--also", type=Path)
    parser.add_argument("--old-only", action="store_true", help="only with the code of --also")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--all", action="store_true", help="a line for every set")
    asked = parser.parse_args()
    if asked.tier is None and not asked.seeds:
        parser.error("--tier or --seeds is needed")
    if asked.tier == "fresh" and asked.first < FRESH_FIRST:
        parser.error(
            f"--first: found {asked.first}; needed {FRESH_FIRST} or more, as recipes were chosen with those below"
        )
    if asked.old_only and not asked.also:
        parser.error("--old-only needs --also")
    return asked


def key(row: dict) -> tuple[str, int, str]:
    return row["family"], row["seed"], row["code"]


def read_rows(path: Path | None) -> Iterator[dict]:
    """The rows of an earlier run; a line that a kill cut short is none."""
    if path is None or not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def write_rows(path: Path | None, rows: list[dict]) -> None:
    """Append them, each on a line of its own whatever was left behind by a kill."""
    if path is None:
        return
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, 2)
            if file.read() != b"\n":
                file.write(b"\n")
        file.write("".join(json.dumps(row) + "\n" for row in rows).encode())


def _details(row: dict) -> str:
    met = f", best candidate {row['best_candidate_px']} px" if row.get("best_candidate_px") is not None else ""
    where = f"{row.get('reason_code', '')}{met}, posed {row.get('posed', 0):.2f}, {row['cpu_s']} CPU s"
    return f" | {where} | {row.get('said', '')[:150]}"


if __name__ == "__main__":
    main()
