"""A sweep's ranking for the terminal."""

HEADINGS = ("#", "variant", "verdict", "frames", "agree", "px", "own px", "own conf", "seconds")


def make_sweep_text(sweep: dict) -> str:
    """Return a table of the contents of sweep.json: one line for each variant, and what px and agree mean."""
    rows = [HEADINGS, *(_make_row(variant) for shot in sweep["shots"] for variant in shot["variants"])]
    widths = [max(len(row[at]) for row in rows) for at in range(len(HEADINGS))]
    widths = [width if at else 2 for at, width in enumerate(widths)]
    reasons = ["", *(variant["reason"] for shot in sweep["shots"] for variant in shot["variants"])]
    lines = []
    for row, reason in zip(rows, reasons, strict=True):
        cells = [cell.ljust(width) if at in (1, 2, 8) else cell.rjust(width)
                 for at, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        lines.append(f"   {'  '.join(cells)}".rstrip())
        if reason:
            lines.append(f"       {reason}")
    if any(shot["referee"] for shot in sweep["shots"]):
        lines.append("   agree, px: by the referee's tracks, the same for all variants of a shot, never solved with")
    return "\n".join(lines)


def _make_row(variant: dict) -> tuple[str, ...]:
    cost = variant["cost"]
    reused = f" ({cost['reused_s']:.1f} of it reused)" if cost["reused_s"] else ""
    return (
        "-" if variant["rank"] is None else str(variant["rank"]),
        variant["variant"],
        variant["verdict"],
        _format_figure(variant["frames_pct"], ".0f", " %"),
        _format_figure(variant["agree_pct"], ".0f", " %"),
        _format_figure(variant["referee_px"], ".3f"),
        *(_format_figure(variant[name], ".2f") for name in ("holdout_px", "confidence")),
        f"{cost['seconds']:.1f}{reused}",
    )


def _format_figure(number: float | None, form: str, unit: str = "") -> str:
    return "-" if number is None else format(number, form) + unit
