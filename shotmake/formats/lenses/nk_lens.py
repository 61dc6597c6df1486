"""Nuke scripts with 3DEqualizer's lens nodes: LD_3DE4_Radial_Standard_Degree_4, LD_3DE4_Anamorphic_Standard_Degree_4,
LD_3DE_Classic_LD_Model.

A node is `Class {`, a line `knob value` for each knob, and `}`. The class is LD_ and the model's name. The knobs are
tde4_focal_length_cm, tde4_filmback_width_cm, tde4_filmback_height_cm, tde4_lens_center_offset_x_cm, ..._y_cm (y up),
tde4_pixel_aspect, field_of_view_xa_unit, xb, ya, yb, and the model's parameters. In both names, each run of + , : ;
blanks _ and - is one underscore. Lengths are centimetres. A knob that Nuke has not saved has its default. Values over
time are {{curve x1001 0.1 x1002 0.1}}; a value that changes is refused. `direction` only says which way the node runs:
the formula is the same. Other nodes are not read. Several nodes of one and the same lens are one lens.

Lost when written: nothing but the fit's last hundredths of a px (MISFIT_PX in tde_models.py). No picture size, no
frames.
Source: 3DE's script "Export Nuke Distortion Nodes" (nukify_name, curves, knobs), LDPK nuke_ld_3de4_base.C.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.given_to_writers import Take
from shotmake.formats.lenses.lens_request import KEY, LensAsked
from shotmake.formats.lenses.tde_models import radial_of_take, seen_of
from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number
from shotmake.geometry.lens_fit import Seen
from shotmake.geometry.lens_models.lens_of_3de import MODELS, Lens3de

NODE = re.compile(r"(LD_\w+)\s*\{\s*(\}?)")
FILM_BACK = {
    "tde4_focal_length_cm": "focal_cm", "tde4_filmback_width_cm": "width_cm", "tde4_filmback_height_cm": "height_cm",
    "tde4_lens_center_offset_x_cm": "offset_x_cm", "tde4_lens_center_offset_y_cm": "offset_y_cm",
    "tde4_pixel_aspect": "pixel_aspect",
}  # fmt: skip
NEEDED = ("focal_cm", "width_cm", "height_cm")
FIELD = {f"field_of_view_{side}_unit": default for side, default in (("xa", 0), ("xb", 1), ("ya", 0), ("yb", 1))}
SAME = 1e-9
KNOB_MAX = 1000  # in one node


def spell_for_nuke(name: str) -> str:
    """Return 3DE's name of a model or parameter as Nuke spells it."""
    return re.sub(r"[+,:; _-]+", "_", name.strip())


CLASSES = {f"LD_{spell_for_nuke(name)}": name for name in MODELS}


def read(path: Path, asked: LensAsked) -> tuple[Seen, tuple[int, int]]:
    """Load the lens of a script: what it does to the plate that asks, and the size of that plate.

    Raises ShotError when the script has no LD_3DE node or two different lenses, when a node has no end, an unknown
    model or no film back and focal length, when a value is no number or changes over time, and as `seen_of` and
    `shotmake.formats.text_files.read_lines` do.
    """
    found: Lens3de | None = None
    at = 0
    for line, name, knobs in _find_nodes(path):
        lens = _make_lens(path, line, name, knobs)
        if found is not None and lens != found:
            raise make_fault(path, line, f"another lens than in line {at}", "one lens a file", KEY)
        found, at = found or lens, at or line
    if found is None:
        raise ShotError(f"{path.name}: found no LD_3DE node; needed one of {', '.join(CLASSES)} ({KEY})")
    return seen_of(found, path, at, asked), asked.size_px


def _find_nodes(path: Path) -> Iterator[tuple[int, str, dict[str, tuple[int, str]]]]:
    """Yield each LD_ node: its line, its class, and its knobs, each with its line."""
    rows = read_lines(path, KEY)
    for start, text in rows:
        opened = NODE.match(text.strip())
        if not opened:
            continue
        knobs: dict[str, tuple[int, str]] = {}
        depth = 0 if opened[2] else 1
        line = start
        while depth > 0:
            line, text = next(rows, (line, None))
            if text is None or len(knobs) > KNOB_MAX:
                raise make_fault(path, line, f"no end of {opened[1]} of line {start}", "a closing brace", KEY)
            words = text.strip().split(None, 1)
            if depth == 1 and len(words) == 2:
                knobs[words[0].lower()] = (line, words[1].strip())
            bare = re.sub(r'"(?:\\.|[^"\\])*"|\\.', "", text)
            depth += bare.count("{") - bare.count("}")
        yield start, opened[1], knobs


def _make_lens(path: Path, line: int, name: str, knobs: dict[str, tuple[int, str]]) -> Lens3de:
    if name not in CLASSES:
        raise make_fault(path, line, f"a node {quote_word(name)}", f"one of {', '.join(CLASSES)}", KEY)
    model = MODELS[CLASSES[name]]
    back = {side: _read_value(path, *knobs[knob]) for knob, side in FILM_BACK.items() if knob in knobs}
    missing = [knob for knob, side in FILM_BACK.items() if side in NEEDED and side not in back]
    if missing:
        raise make_fault(path, line, f"{name} without {missing[0]}", "its film back and focal length", KEY)
    xa, xb, ya, yb = (
        _read_value(path, *knobs[knob]) if knob in knobs else float(default) for knob, default in FIELD.items()
    )
    spelled = {spell_for_nuke(parameter).lower(): parameter for parameter in model.DEFAULTS}
    values = {spelled[knob]: _read_value(path, *place) for knob, place in knobs.items() if knob in spelled}
    return Lens3de(model.NAME, values, **back, field=(xa, xb, ya, yb))


def _read_value(path: Path, line: int, text: str) -> float:
    """Return the number of a knob, or the number of a curve that does not change."""
    words = text.replace("{", " ").replace("}", " ").split()
    if not words or words[0] != "curve":
        return read_number(" ".join(words), path, line, KEY)
    # x1001 is a frame, also written "x 1001"; s0 t0 and other letters shape the curve
    keys = re.sub(r"\bx\s+(?=-?\d)", "x", " ".join(words[1:])).split()
    values = [read_number(word, path, line, KEY) for word in keys if not word[0].isalpha()]
    if not values:
        raise make_fault(path, line, "a curve without values", "a number", KEY)
    if max(values) - min(values) > SAME * max(1.0, abs(values[0])):
        raise make_fault(
            path, line, f"values from {min(values):g} to {max(values):g}", "a lens that stays as it is", KEY
        )
    return values[0]


def write(path: Path, take: Take) -> None:
    """Write the solved lens as a node LD_3DE4_Radial_Standard_Degree_4.

    Raises ShotError as `radial_of_take` does.
    """
    lens = radial_of_take(take, "lens_nk")
    knobs = {"direction": "undistort"}
    knobs |= {knob: f"{getattr(lens, side):.12g}" for knob, side in FILM_BACK.items()}
    knobs |= {knob: str(default) for knob, default in FIELD.items()}
    defaults = MODELS[lens.model].DEFAULTS
    knobs |= {spell_for_nuke(name): f"{lens.values.get(name, default):.12g}" for name, default in defaults.items()}
    rows = [f"LD_{spell_for_nuke(lens.model)} {{", *(f" {knob} {value}" for knob, value in knobs.items())]
    path.write_text(
        "\n".join([*rows, f" name {re.sub(r'[^A-Za-z0-9_]', '_', take.shot)}_lens", "}", ""]),
        newline="\n",
        encoding="utf-8",
    )
