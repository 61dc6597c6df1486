"""3DEqualizer's lens text, as its Export Lens script writes and its Import Lens reads it.

    name
    film back width, height, focal length, film aspect, lens centre x, y, pixel aspect      (one line; cm, y up)
    0 or 1, or DISTORTION_STATIC, DISTORTION_DYNAMIC_...                                    (whether it changes)
    name of the model
    then by parameter its name, its value, the number of its curve's keys, and a line for each key: x y, two tangents,
    mode; in the end <end_of_file>, and perhaps <begin_2dlut_samples> ... <end_2dlut_samples>: by parameter its name,
    how many, and lines of focal length, focus, value

No picture size: it holds for the film back. No frames. A lens whose parameters change (with focal length, focus or
time) is refused unless they are all equal. Written as 3DE4 Radial - Standard, Degree 4: k1 and k2 of ours map the
other way round, so it is fitted, least worst (tde4.MISFIT_PX). k3, p1 and p2 go into that fit too.
Source: 3DE's script "Import Lens..." (readCurve and after), and mmSolver's author's writer of the same text.
"""

from collections.abc import Iterator
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.lenses.request import KEY, LensAsked
from shotmake.formats.lenses.tde_models import radial_of_take, seen_of
from shotmake.formats.shot_data import Take
from shotmake.formats.text import fault, lines, number, shown, whole_number
from shotmake.geometry.lens_fit import Seen
from shotmake.geometry.lens_models.film_back import MODELS, Lens3de

END, LUT, LUT_END = "<end_of_file>", "<begin_2dlut_samples>", "<end_2dlut_samples>"
STATIC = ("0", "DISTORTION_STATIC")
KEYS_MAX = 100_000
SAME = 1e-9


def recognises(head: str) -> bool:
    return any(f"\n{start}" in head.replace("\r", "\n") for start in ("3DE4 ", "3DE Classic"))


def read(path: Path, asked: LensAsked) -> tuple[Seen, tuple[int, int]]:
    """What the lens does to the plate asked about, and that plate's size."""
    rows = _Rows(path)
    rows.next("a lens name", blank=True)
    words = rows.next("film back, focal length, film aspect, lens centre, pixel aspect").split()
    if len(words) != 7:
        raise rows.fault(f"{len(words)} numbers", "7: film back, focal length, film aspect, ...")
    width, height, focal, _, centre_x, centre_y, aspect = rows.numbers(words)
    is_static = rows.next("0, 1 or DISTORTION_...") in STATIC
    model = rows.next("the name of a model").removesuffix("[Plugin]").strip()
    if model not in MODELS:
        raise rows.fault(f"the model {shown(model)}", f"one of {', '.join(MODELS)}")
    line = rows.line
    values = _values(rows, model, is_static)
    lens = Lens3de(model, values, focal, width, height, centre_x, centre_y, aspect)
    return seen_of(lens, path, line, asked), asked.size_px


class _Rows:
    """The file's lines, one after the other."""

    def __init__(self, path: Path):
        self.path, self.line, self.lines = path, 0, lines(path, KEY)

    def next(self, needed: str, blank: bool = False) -> str:
        """The next line that is neither empty nor a comment, stripped."""
        for at, text in self.lines:
            self.line = at
            if blank or (text.strip() and not text.lstrip().startswith("#")):
                return text.strip()
        raise self.fault("the end of the file", needed)

    def fault(self, found: str, needed: str) -> ShotError:
        return fault(self.path, max(self.line, 1), found, needed, KEY)

    def numbers(self, words: list[str]) -> list[float]:
        return [number(word, self.path, self.line, KEY) for word in words]

    def table(self, what: str, columns: int) -> Iterator[list[float]]:
        """Lines that are announced by their number: the first columns of each."""
        for _ in range(whole_number(self.next(f"a number of keys {what}"), self.path, self.line, KEY, high=KEYS_MAX)):
            words = self.next(f"a key {what}").split()
            if len(words) < columns:
                raise self.fault(f"{len(words)} columns", f"{columns} or more")
            yield self.numbers(words[:columns])


def _values(rows: _Rows, model: str, is_static: bool) -> dict[str, float]:
    """The parameters. A static lens keeps its values whatever the curves say; another's must all say the same."""
    values: dict[str, float] = {}
    for end, columns in ((END, 2), (LUT_END, 3)):
        while (name := rows.next(f"a parameter or {end}")) != end:
            if name not in MODELS[model].DEFAULTS:
                raise rows.fault(shown(name), f"a parameter of {model}, or {end}")
            if end == END:
                (values[name],) = rows.numbers([rows.next(f"the value of {name}")])
            for key in rows.table(f"of {name}", columns):
                value = values.setdefault(name, key[-1])
                if not is_static and abs(value - key[-1]) > SAME * max(1.0, abs(value)):
                    raise rows.fault(f"{name} changing from {value:g} to {key[-1]:g}", "a lens that stays as it is")
        if not any(text.strip() == LUT for _, text in rows.lines):
            break
    return values


def write(path: Path, take: Take) -> None:
    lens = radial_of_take(take, "lens_3de")
    film_back = (lens.width_cm, lens.height_cm, lens.focal_cm, lens.width_cm / lens.height_cm,
                 lens.offset_x_cm, lens.offset_y_cm, lens.pixel_aspect)  # fmt: skip
    rows = [take.shot, " ".join(f"{value:.15f}" for value in film_back), "DISTORTION_STATIC", lens.model]
    for name, default in MODELS[lens.model].DEFAULTS.items():
        rows += [name, f"{lens.values.get(name, default):.15f}", "0"]
    path.write_text("\n".join([*rows, END, ""]), newline="\n", encoding="utf-8")
