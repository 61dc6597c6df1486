"""3DEqualizer's lens text, as its Export Lens script writes and its Import Lens reads it.

line 1         the lens's name
line 2         film back width, height, focal length, film aspect, lens centre x, y, pixel aspect: cm, y up
line 3         whether the lens changes: 0 or 1, or DISTORTION_STATIC, DISTORTION_DYNAMIC_...
line 4         the name of the model
parameters     each with its name, its value, the number of its curve's keys, and a line for each key: x y, two
               tangents, mode
the end        `<end_of_file>`, and perhaps `<begin_2dlut_samples>` ... `<end_2dlut_samples>`: for each parameter its
               name, how many samples, and lines of focal length, focus, value

No picture size: the lens is for the film back. No frames. A lens whose parameters change (with focal length, focus or
time) is refused unless they are all equal. Written as 3DE4 Radial - Standard, Degree 4. Its formula maps the other way
round than our k1 and k2, so the lens is fitted, with the smallest largest error (MISFIT_PX in tde_models.py). k3, p1
and p2 go into that fit too.

Source: 3DE's script "Import Lens..." (readCurve and after), and mmSolver's author's writer of the same text.
"""

from collections.abc import Iterator
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.given_to_writers import Take
from shotmake.formats.lenses.lens_request import KEY, LensAsked
from shotmake.formats.lenses.tde_models import radial_of_take, seen_of
from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number, read_whole_number
from shotmake.geometry.lens_fit import Seen
from shotmake.geometry.lens_models.lens_of_3de import MODELS, Lens3de
from shotmake.numbers_in_words import count_of

END, LUT, LUT_END = "<end_of_file>", "<begin_2dlut_samples>", "<end_2dlut_samples>"
STATIC = ("0", "DISTORTION_STATIC")
KEYS_MAX = 100_000
SAME = 1e-9


def can_read(head: str) -> bool:
    """Tell whether one of these first lines is the name of a 3DE model."""
    return any(f"\n{start}" in head.replace("\r", "\n") for start in ("3DE4 ", "3DE Classic"))


def read(path: Path, asked: LensAsked) -> tuple[Seen, tuple[int, int]]:
    """Load what the lens does to the plate that asks, and the size of that plate.

    Raises ShotError, with the line, when the text is not as 3DE writes it, when the model or a parameter is unknown,
    when a parameter changes, and as `seen_of` and `shotmake.formats.text_files.read_lines` do.
    """
    rows = _Rows(path)
    rows.read_next("a lens name", blank=True)
    words = rows.read_next("film back, focal length, film aspect, lens centre, pixel aspect").split()
    if len(words) != 7:
        raise rows.make_fault(count_of(len(words), "number"), "7: film back, focal length, film aspect, ...")
    width, height, focal, _, centre_x, centre_y, aspect = rows.read_numbers(words)
    is_static = rows.read_next("0, 1 or DISTORTION_...") in STATIC
    model = rows.read_next("the name of a model").removesuffix("[Plugin]").strip()
    if model not in MODELS:
        raise rows.make_fault(f"the model {quote_word(model)}", f"one of {', '.join(MODELS)}")
    line = rows.line
    values = _read_values(rows, model, is_static)
    lens = Lens3de(model, values, focal, width, height, centre_x, centre_y, aspect)
    return seen_of(lens, path, line, asked), asked.size_px


class _Rows:
    """The lines of the file, one after the other."""

    def __init__(self, path: Path):
        self.path, self.line, self.lines = path, 0, read_lines(path, KEY)

    def read_next(self, needed: str, blank: bool = False) -> str:
        """Return the next line, stripped, that is neither empty nor a comment (blank: any next line)."""
        for at, text in self.lines:
            self.line = at
            if blank or (text.strip() and not text.lstrip().startswith("#")):
                return text.strip()
        raise self.make_fault("the end of the file", needed)

    def make_fault(self, found: str, needed: str) -> ShotError:
        return make_fault(self.path, max(self.line, 1), found, needed, KEY)

    def read_numbers(self, words: list[str]) -> list[float]:
        return [read_number(word, self.path, self.line, KEY) for word in words]

    def read_table(self, what: str, columns: int) -> Iterator[list[float]]:
        """Yield the first `columns` numbers of each key. The line before the keys says how many keys there are."""
        for _ in range(
            read_whole_number(self.read_next(f"a number of keys {what}"), self.path, self.line, KEY, high=KEYS_MAX)
        ):
            words = self.read_next(f"a key {what}").split()
            if len(words) < columns:
                raise self.make_fault(count_of(len(words), "column"), f"{columns} or more")
            yield self.read_numbers(words[:columns])


def _read_values(rows: _Rows, model: str, is_static: bool) -> dict[str, float]:
    """Return the parameters. A static lens keeps its values whatever the curves say; another lens must not change."""
    values: dict[str, float] = {}
    for end, columns in ((END, 2), (LUT_END, 3)):
        while (name := rows.read_next(f"a parameter or {end}")) != end:
            if name not in MODELS[model].DEFAULTS:
                raise rows.make_fault(quote_word(name), f"a parameter of {model}, or {end}")
            if end == END:
                (values[name],) = rows.read_numbers([rows.read_next(f"the value of {name}")])
            for key in rows.read_table(f"of {name}", columns):
                value = values.setdefault(name, key[-1])
                if not is_static and abs(value - key[-1]) > SAME * max(1.0, abs(value)):
                    raise rows.make_fault(
                        f"{name} changing from {value:g} to {key[-1]:g}", "a lens that stays as it is"
                    )
        if not any(text.strip() == LUT for _, text in rows.lines):
            break
    return values


def write(path: Path, take: Take) -> None:
    """Write the solved lens as 3DE's lens text, model 3DE4 Radial - Standard, Degree 4.

    Raises ShotError as `radial_of_take` does.
    """
    lens = radial_of_take(take, "lens_3de")
    film_back = (lens.width_cm, lens.height_cm, lens.focal_cm, lens.width_cm / lens.height_cm,
                 lens.offset_x_cm, lens.offset_y_cm, lens.pixel_aspect)  # fmt: skip
    rows = [take.shot, " ".join(f"{value:.15f}" for value in film_back), "DISTORTION_STATIC", lens.model]
    for name, default in MODELS[lens.model].DEFAULTS.items():
        rows += [name, f"{lens.values.get(name, default):.15f}", "0"]
    path.write_text("\n".join([*rows, END, ""]), newline="\n", encoding="utf-8")
