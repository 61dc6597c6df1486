"""When each object is there, as inline SVG: one bar for each object, lighter where it is coasted.

Drawn as charts.py draws.
"""

from html import escape

from shotmake.numbers_in_words import count_of
from shotmake.report.charts import COLOURS, WIDTH
from shotmake.report.objects_summary import describe_cover

LEFT, RIGHT, TOP, BOTTOM, ROW = 110, 12, 4, 22, 17  # margins and row height of the picture, in its own units
SHOWN = 40  # how many bars are shown
LETTERS = 15  # how many letters of a name stand beside its bar
STYLE = ".bar { stroke-width: 10 } .unseen { stroke-opacity: .3 } .timeline { max-width: 46rem }"
BOXES = {"file": "boxes from a file", "command": "boxes by a detector", "motion": "boxes of what moves, a guess"}


def make_objects_section(blocks: dict[str, dict]) -> str:
    """Return the `objects` of report.json as HTML: a heading, and for each camera a line and its timeline."""
    return "<h2>Objects</h2>" + "".join(_show_camera(camera_id, block) for camera_id, block in blocks.items())


def _show_camera(camera_id: str, block: dict) -> str:
    count = block["count"]
    said = f"{camera_id}: {count_of(count, 'object')}"
    if count:
        said += f", {block['coasted_pct']:.1f} % of their frames coasted; the longest is {block['longest']}"
    said += f"; {BOXES[block['source']['kind']]}"
    if block["matte"]:
        said += f"; {describe_cover(block['matte'])} "
        said += "{covered_median_pct:.0f} % of the plate, {covered_most_pct:.0f} % at most".format(**block["matte"])
    return f"<p>{escape(said)}</p>{_draw_timeline(block)}"


def _draw_timeline(block: dict) -> str:
    """Return one bar for each object, in the order of track_id. Of many objects, the longest ones are shown."""
    by_length = sorted(block["objects"], key=lambda one: one["first_frame"] - one["last_frame"])
    shown = sorted(by_length[:SHOWN], key=lambda one: one["track_id"])
    if not shown:
        return ""
    first, last = block["frames"]
    across, height = (WIDTH - LEFT - RIGHT) / (last + 1 - first), TOP + ROW * len(shown) + BOTTOM

    def draw_line(begin: int, end: int, y: float) -> str:
        return f"M{LEFT + (begin - first) * across:.1f} {y:.1f}H{LEFT + (end + 1 - first) * across:.1f}"

    drawn = [f'<path class="grid" d="M{LEFT} {TOP}V{height - BOTTOM}M{WIDTH - RIGHT} {TOP}V{height - BOTTOM}"/>']
    for row, one in enumerate(shown):
        y = TOP + (row + 0.5) * ROW
        name = f"{one['track_id']} {one['label']}".strip()
        brief = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
        unseen = sum(end - begin + 1 for begin, end in one["coasted"])
        told = f"{name}: {one['first_frame']} to {one['last_frame']}, {count_of(unseen, 'frame')} coasted"
        colour = f'stroke="var(--c{(one["track_id"] - 1) % COLOURS})"'
        cuts = [one["first_frame"], *(frame for begin, end in one["coasted"] for frame in (begin, end + 1))]
        ends = [*(begin - 1 for begin in cuts[1:]), one["last_frame"]]
        seen, coasted = (
            "".join(draw_line(begin, end, y) for begin, end in list(zip(cuts, ends, strict=True))[part::2])
            for part in (0, 1)
        )
        drawn.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(brief)}</text>')
        drawn.append(f'<path class="bar" d="{seen}" {colour}><title>{escape(told)}</title></path>')
        if coasted:
            drawn.append(f'<path class="bar unseen" d="{coasted}" {colour}><title>{escape(told)}</title></path>')
    for x, anchor, frame in ((LEFT, "start", first), (WIDTH - RIGHT, "end", last)):
        drawn.append(f'<text x="{x}" y="{height - 6}" text-anchor="{anchor}">{frame}</text>')
    more = len(by_length) - len(shown)
    caption = "By frame; lighter: coasted" + (
        f"; {count_of(more, 'shorter one is', 'shorter ones are')} not shown" if more else ""
    )
    return (
        f'<figure class="timeline"><figcaption>{caption}</figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="objects by frame">{"".join(drawn)}</svg></figure>'
    )
