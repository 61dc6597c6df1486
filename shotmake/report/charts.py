"""Curves by frame as inline SVG, for pages that need no other file; light or dark."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 230, 52, 12, 10, 26  # size and margins of a chart, in its own units
COLOURS = 8  # number of colours; further curves are dashed
STYLE = """
:root { --ground: #ffffff; --ink: #1f2328; --faint: #6a737d; --line: #dfe3e8;
  --c0: #1f6fd1; --c1: #c2410c; --c2: #15803d; --c3: #a21caf;
  --c4: #a16207; --c5: #0e7490; --c6: #be123c; --c7: #57534e }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --ink: #e6e8eb; --faint: #9aa3ad; --line: #343a42;
  --c0: #6fb1ff; --c1: #ff9d66; --c2: #5fd38a; --c3: #e58cf0;
  --c4: #e3c04f; --c5: #52d0e6; --c6: #ff8095; --c7: #bdb7b0 } }
body { background: var(--ground); color: var(--ink); font: 14px/1.45 system-ui, sans-serif; margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem }
h2 { margin: 2.5rem 0 .3rem } p { color: var(--faint); margin: .2rem 0 1rem }
.wide { overflow-x: auto } table { border-collapse: collapse; width: 100% }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem; text-align: right; vertical-align: top;
  font-variant-numeric: tabular-nums; white-space: nowrap }
th { color: var(--faint); font-weight: 500 }
td.text, th.text { text-align: left; white-space: normal } td .why { color: var(--faint) }
a { color: inherit } .charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(22rem, 1fr)); gap: 1rem }
figure { margin: 1.2rem 0 0 } figcaption { color: var(--faint); margin-bottom: .2rem }
svg { width: 100%; height: auto; display: block } svg text { fill: var(--faint); font-size: 12px }
path.grid { stroke: var(--line) } path.curve { fill: none; stroke-width: 1.8; stroke-linejoin: round }
path.curve:hover { stroke-width: 4 } i { display: inline-block; width: 1.4em; height: 0; vertical-align: middle;
  border-top: 3px solid }
"""


@dataclass(frozen=True)
class Curve:
    """A curve of a chart.

    values: one for each frame from first_frame on, None where there is none; colour: a number from 0, as `make_swatch`
    shows it.
    """

    name: str
    colour: int
    first_frame: int
    values: Sequence[float | None]


def make_page(title: str, body: str, more_style: str = "") -> str:
    """Return an HTML page with this title and body."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}{more_style}</style></head><body><h1>{escape(title)}</h1>{body}"
        "</body></html>\n"
    )


def make_swatch(colour: int) -> str:
    """Return a short line in a curve's colour, as HTML."""
    dashed = ";border-top-style:dashed" if colour >= COLOURS else ""
    return f'<i style="border-color:var(--c{colour % COLOURS}){dashed}"></i>'


def draw_chart(title: str, curves: Sequence[Curve], with_zero: bool, with_key: bool = False) -> str:
    """Return the curves in one picture, as HTML; "" where none has a value.

    with_zero: zero is part of the axis; with_key: the curves are named above the picture.
    """
    curves = [curve for curve in curves if any(number is not None for number in curve.values)]
    known = [number for curve in curves for number in curve.values if number is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    if with_zero:
        low = min(low, 0)
    room = 0.06 * (high - low) or max(0.02 * abs(high), 0.5)  # without any height, the line stands in the middle
    low, high = (low if with_zero and low == 0 else low - room), high + room
    first = min(curve.first_frame for curve in curves)
    last = max(curve.first_frame + len(curve.values) - 1 for curve in curves)
    across, down = (WIDTH - LEFT - RIGHT) / max(last - first, 1), (HEIGHT - TOP - BOTTOM) / (high - low)

    def place_y(number: float) -> float:
        return TOP + (high - number) * down

    grid, labels = [], []
    for number in _choose_ticks(low, high):
        grid.append(f"M{LEFT} {place_y(number):.1f}H{WIDTH - RIGHT}")
        labels.append(f'<text x="{LEFT - 6}" y="{place_y(number) + 4:.1f}" text-anchor="end">{number:g}</text>')
    for frame, anchor in ((first, "start"), (last, "end")):
        x = LEFT + (frame - first) * across
        labels.append(f'<text x="{x:.1f}" y="{HEIGHT - 6}" text-anchor="{anchor}">{frame}</text>')
    lines = []
    for curve in curves:
        begin = LEFT + (curve.first_frame - first) * across
        points = [(begin + index * across, None if n is None else place_y(n)) for index, n in enumerate(curve.values)]
        dashed = ' stroke-dasharray="6 4"' if curve.colour >= COLOURS else ""
        lines.append(
            f'<path class="curve" d="{_draw_path(points)}" '
            f'stroke="var(--c{curve.colour % COLOURS})"{dashed}><title>{escape(curve.name)}</title></path>'
        )
    key = "".join(f" {make_swatch(curve.colour)} {escape(curve.name)}" for curve in curves) if with_key else ""
    return (
        f"<figure><figcaption>{escape(title)}, by frame{key}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f'<path class="grid" d="{"".join(grid)}"/>{"".join(labels)}{"".join(lines)}</svg>'
        "</figure>"
    )


def _choose_ticks(low: float, high: float) -> list[float]:
    """Return two to six round numbers between low and high."""
    step = 10.0 ** math.floor(math.log10((high - low) / 3))
    step *= next(times for times in (1, 2, 5, 10) if (high - low) / (step * times) <= 5)
    return [round(at * step, 9) for at in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _draw_path(points: list[tuple[float, float | None]]) -> str:
    """Return SVG path data, broken where a number is missing. A lone point is as wide as a dot."""
    words, pen_down = [], False
    for x, y in points:
        if y is None:
            pen_down = False
            continue
        words.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}" + ("" if pen_down else "h.5"))
        pen_down = True
    return "".join(words)
