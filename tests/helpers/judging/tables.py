"""Rows of solves counted: by family, and what they prove."""

from collections import Counter, defaultdict

import numpy as np

from helpers.judging.judge import VERDICTS, is_kept, met_wrong
from helpers.recipes.families import FAMILIES

REFUSED_TOO_OFTEN = 0.9  # by 69f25dd: such a family misleads nobody
MISLED = 0.25  # of its sets must end wrong in 69f25dd


def bound(found: int, count: int, sure: float = 0.95) -> float:
    """The share that `found` of `count` do not exceed, with that certainty: Clopper and Pearson's upper limit, one
    sided. C. Clopper and E. Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934)."""
    from scipy.stats import beta

    return 1.0 if found >= count else float(beta.ppf(sure, found + 1, count - found))


def silent_line(row: dict) -> str:
    """One line for a wrong camera that nothing was said of, or for one that is believed all the same."""
    kind = f"{row['family']} {row['variant']} {row['kind']}".replace("  ", " ")
    slip = f"slip {row['slip_px']:.1f} px (limit {row['limit_px']:.1f})" if row.get("slip_px") is not None else ""
    codes = ", ".join(row.get("codes", ())) or "no codes"
    return f"{row['verdict']}: {kind}, seed {row['seed']}, {slip}, confidence {row.get('confidence', 0):.2f}: {codes}"


def hostile_table(rows: list[dict], beside: list[dict]) -> list[str]:
    """Counts by family, this code's and, in brackets, those of the rows `beside`."""
    own, other = _by_family(rows), _by_family(beside)
    head = f"{'family':15}{'sets':>5}{'share':>7}" + "".join(f"{name:>14}" for name in VERDICTS) + f"{'error':>8}  by"
    lines = [head]
    total = sum(len(of) for of in own.values())
    for name in (*FAMILIES, "all"):
        mine = rows_of(own, name)
        if not mine:
            continue
        counts, theirs = (Counter(row["verdict"] for row in of) for of in (mine, rows_of(other, name)))
        cells = "".join(f"{counts[one]:>6}{_bracket(theirs[one], bool(beside)):<8}" for one in VERDICTS)
        by = FAMILIES[name].by if name in FAMILIES else ""
        lines.append(f"{name:15}{len(mine):>5}{len(mine) / total:>7.1%}{cells}{counts['error']:>8}  {by}")
    if beside:
        lines.append("in brackets: the other code on the same sets")
        lines += _misleading(other)
    return lines


def _misleading(other: dict[str, list[dict]]) -> list[str]:
    """Which families mislead the other code, and which do not count."""
    lines, ended_wrong = [], []
    for name, rows in other.items():
        if name not in FAMILIES:
            continue
        wrong = float(np.mean([row["verdict"] in ("said", "said, sure", "silent") for row in rows]))
        refused = float(np.mean([row["verdict"] == "refused" for row in rows]))
        ended_wrong.append((wrong, len(rows)))
        if refused > REFUSED_TOO_OFTEN:
            lines.append(f"  {name} does not count: the other code refuses {refused:.0%}")
        elif wrong < MISLED:
            lines.append(f"  {name} misleads too little: {wrong:.0%} end wrong in the other code (needed {MISLED:.0%})")
    share = sum(wrong * count for wrong, count in ended_wrong) / max(sum(count for _, count in ended_wrong), 1)
    return [f"of the hostile sets {share:.0%} end wrong in the other code (needed {MISLED:.0%})", *lines]


def honest_table(rows: list[dict], beside: list[dict]) -> list[str]:
    """Kept by kind: solved as it should be and not wrong."""
    own, other = _by_family(rows), _by_family(beside)
    lines = [f"{'kind':15}{'sets':>5}{'kept':>8}{'wrong':>7}{'refused':>9}{'doubted':>9}{'slip p50':>10}{'p95':>7}"]
    for name in (*own, "all"):
        mine = rows_of(own, name)
        kept = np.mean([is_kept(row) for row in mine])
        counts = Counter(row["verdict"] for row in mine)
        doubted = sum(bool(set(row.get("codes", ())) - HARMLESS) for row in mine if row["verdict"] == "right")
        slips = [row["slip_px"] for row in mine if row["verdict"] == "right"]
        spread = f"{np.median(slips):>10.2f}{np.percentile(slips, 95):>7.2f}" if slips else ""
        there = rows_of(other, name)
        old = f"  [kept {np.mean([is_kept(row) for row in there]):.0%}]" if there else ""
        lines.append(
            f"{name:15}{len(mine):>5}{kept:>8.1%}{counts['silent']:>7}{counts['refused']:>9}{doubted:>9}{spread}{old}"
        )
    return lines


HARMLESS = {"ground_unknown", "focal_open", "focal_guessed", "frames_without_camera"}  # no doubt of the camera itself


def proof_lines(rows: list[dict]) -> list[str]:
    """What the hostile rows prove."""
    hostile = [row for row in rows if row["family"] in FAMILIES]
    silent = sum(row["verdict"] == "silent" for row in hostile)
    said = sum(row["verdict"].startswith("said") for row in hostile)
    sure = sum(row["verdict"] == "said, sure" for row in hostile)
    met = sum(met_wrong(row) for row in hostile)
    refused = [row for row in hostile if row["verdict"] == "refused"]
    handed = silent + said
    share = said / max(len(hostile), 1)
    reached = f"{met} sets ({handed} handed out, {met - handed} refused when every certified camera was wrong)"
    return [
        f"silent wrong: {silent} of {len(hostile)} hostile sets; wrong and said {said} ({share:.1%}), of these {sure} "
        "with confidence > 0.5",
        f"a wrong camera was there to be believed in {reached}: silent rate at most {bound(silent, max(met, 1)):.2%} "
        f"(95 %, Clopper-Pearson, n = {met})",
        f"refused {len(refused)}, of these {sum(row['fits'] for row in refused)} for a cause that the family lists",
    ]


def time_line(rows: list[dict]) -> str:
    seconds = [row["cpu_s"] for row in rows]
    if not seconds:
        return ""
    return (
        f"{len(rows)} solves, CPU s: median {np.median(seconds):.1f}, worst {max(seconds):.1f}, sum {sum(seconds):.0f}"
    )


def rows_of(by_family: dict[str, list[dict]], name: str) -> list[dict]:
    return [row for of in by_family.values() for row in of] if name == "all" else by_family.get(name, [])


def _by_family(rows: list[dict]) -> dict[str, list[dict]]:
    out = defaultdict(list)
    for row in rows:
        out[row["family"]].append(row)
    return out


def _bracket(count: int, shown: bool) -> str:
    return f" [{count}]" if shown else ""
