"""sweep.html: a sweep's variants as tables and curves in one file that needs no other file; light or dark."""

from html import escape

from shotmake.report.charts import Curve, draw_chart, make_page, make_swatch

CHARTS = (  # key of `curves`, title, whether zero is part of the axis
    ("referee_px", "Referee error, median px", True),
    ("tracks", "Tracks", True),
    ("focal_px", "Focal length, px", False),
)
HEADINGS = (
    ("#", ""),
    ("variant", "text"),
    ("verdict", "text"),
    ("frames", ""),
    ("agree", ""),
    ("referee px", ""),
    ("own hold-out px", ""),
    ("own confidence", ""),
    ("seconds", ""),
    ("of it reused", ""),
)


def make_sweep_html(sweep: dict, title: str, to_show: str) -> str:
    """Return the page as HTML.

    sweep: the contents of sweep.json, whose folders are relative to the show; to_show: the path from the page's folder
    to the show.
    """
    sections = "".join(_make_section(shot, to_show) for shot in sweep["shots"])
    return make_page(title, sections)


def _make_section(shot: dict, to_show: str) -> str:
    judged = shot["referee"]
    note = "not judged: one variant, or no referee tracks"
    if judged is not None:
        note = f"judged by {judged['tracks']} tracks, made with one fixed setting, that no variant was solved with"
        note += "; they say that the camera only turned" if judged["turns"] else ""
    heads = "".join(f'<th class="{kind}">{escape(name)}</th>' for name, kind in HEADINGS)
    rows = "".join(_make_row(variant, at, to_show) for at, variant in enumerate(shot["variants"]))
    charts = "".join(draw_chart(title, _make_curves(shot, key), with_zero) for key, title, with_zero in CHARTS)
    return (
        f"<section><h2>{escape(shot['shot'])}</h2><p>{escape(note)}</p>"
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>'
        f'<div class="charts">{charts}</div></section>'
    )


def _make_row(variant: dict, at: int, to_show: str) -> str:
    link = f'<a href="{escape(to_show)}/{escape(variant["folder"])}/">{escape(variant["variant"])}</a>'
    why = f'<br><span class="why">{escape(variant["reason"])}</span>' if variant["reason"] else ""
    cost = variant["cost"]
    cells = [
        _format_figure(variant["rank"], "d"),
        *(_format_figure(variant[name], form) for name, form in (("frames_pct", ".0f"), ("agree_pct", ".0f"))),
        _format_figure(variant["referee_px"], ".3f"),
        *(_format_figure(variant[name], ".2f") for name in ("holdout_px", "confidence")),
        *(_format_figure(cost[name], ".1f") for name in ("seconds", "reused_s")),
    ]
    texts = [f"{make_swatch(at)} {link}", f"{escape(variant['verdict'])}{why}"]
    texts = [f'<td class="text">{text}</td>' for text in texts]
    numbers = [f"<td>{cell}</td>" for cell in cells]
    return f"<tr>{numbers[0]}{''.join(texts)}{''.join(numbers[1:])}</tr>"


def _format_figure(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)


def _make_curves(shot: dict, key: str) -> list[Curve]:
    return [
        Curve(variant["variant"], at, variant["frames"][0], variant["curves"][key])
        for at, variant in enumerate(shot["variants"])
        if variant["frames"]
    ]
