"""Lens files of other programs, written out."""

from fractions import Fraction
from importlib import import_module
from pathlib import Path

from shotmake.config.format_registry import LENSES
from shotmake.formats.given_to_writers import Take
from shotmake.geometry.lens import Lens
from shotmake.geometry.lens_models.lens_of_3de import MODELS, Lens3de

SIZE_PX = (1920, 1080)
LENS = Lens(2000.0, 2000.0, 965.0, 535.0, k1=-0.1, k2=0.03, p1=0.0004, p2=-0.0003, k3=0.001)


def take_of(
    lens: Lens, size_px: tuple[int, int] = SIZE_PX, shot: str = "sc 010 \u00fc", zoom: list | None = None
) -> Take:
    solution = {"lens": lens.to_json(), "focal_px_per_frame": zoom}
    aspect = round(lens.fy_px / lens.fx_px, 6)
    return Take(
        shot, "footage/x.mov", size_px, aspect, Fraction(24000, 1001), (1001, 1100), 24.0, solution, None, None, {}
    )


def written(folder: Path, word: str, take: Take) -> Path:
    (format,) = (one for one in LENSES if one.word == word)
    import_module(f"shotmake.formats.{format.module}").write(folder / format.file, take)
    return folder / format.file


def text_3de(lens: Lens3de, mode: str = "DISTORTION_STATIC", keys: dict[str, list[str]] | None = None) -> str:
    """As 3DE's own Export Lens script puts it."""
    back = f"{lens.width_cm} {lens.height_cm} {lens.focal_cm} {lens.width_cm / lens.height_cm} {lens.offset_x_cm} "
    rows = ["lens", f"{back}{lens.offset_y_cm} {lens.pixel_aspect}", mode, lens.model]
    for name, default in MODELS[lens.model].DEFAULTS.items():
        curve = (keys or {}).get(name, [])
        rows += [name, repr(lens.values.get(name, default)), str(len(curve)), *curve]
    return "\n".join([*rows, "<end_of_file>", ""])


def text_nk(lens: Lens3de, **knobs: str) -> str:
    """As 3DE's own Export Nuke Distortion Nodes script puts it."""
    nukified = import_module("shotmake.formats.lenses.nk_lens").spell_for_nuke
    values = {
        "tde4_focal_length_cm": f"{lens.focal_cm:.7f}", "tde4_filmback_width_cm": f"{lens.width_cm:.7f}",
        "tde4_filmback_height_cm": f"{lens.height_cm:.7f}", "tde4_lens_center_offset_x_cm": f"{lens.offset_x_cm:.7f}",
        "tde4_lens_center_offset_y_cm": f"{lens.offset_y_cm:.7f}", "tde4_pixel_aspect": f"{lens.pixel_aspect:.7f}",
        **{nukified(name): f"{value:.7f}" for name, value in lens.values.items()}, **knobs,
    }  # fmt: skip
    rows = "".join(f" {name} {value} \n" for name, value in values.items())
    return f"# Created by 3DEqualizer4\nLD_{nukified(lens.model)} {{\n direction undistort\n{rows}}}\n"
