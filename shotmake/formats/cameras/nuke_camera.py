"""Nuke camera nodes in a script (.nk): Camera, Camera2, Camera3, Camera4.

Axes        as in .chan: the world is Y up, the camera looks along -z; rotate in degrees, in the order of rot_order.
            With useMatrix, matrix is world_from_camera, row by row.
Lens        focal, haperture, vaperture in mm. As in Nuke, the view follows from haperture and the pixel aspect of the
            plate alone; vaperture is written for other programs. win_translate is the lens centre: how far the middle
            of the picture lies off it, right and up, divided by *half* the film back's width, in both directions.
Frames      the script's own: plate numbers. Every animated knob must have a key in every frame that one has.
Lost        distortion (ST-maps carry it), scale_known. Between keys, where the shot has no camera, Nuke interpolates.
Refused     knobs that move or bend the view and that shotmake does not follow: scaling, skew, pivots, win_scale,
            winroll, other projections, cameras that read a file, hang under an axis, or look at something.

Sources: 3DEqualizer's exporter (tde4 export_nuke.py: rot_order ZXY, focal and apertures in mm, win_translate
-lens_center_offset * 2 / filmback_width in both directions), Maya's pan to Nuke (value / hfa * 2, both), Foundry's
reference guide on the Camera's knobs. The sign is tde4's: its offset says where the centre is, right and up.
"""

import re
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.formats.cameras.axes import ORDERS, find_euler_deg, from_y_up_poses, make_rotations, to_y_up_poses
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.film import film_of
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.formats.cameras.to_our_camera import cameras_of
from shotmake.formats.given_to_writers import Take
from shotmake.formats.nk import Node, read_components, read_nodes
from shotmake.formats.text_files import make_fault, quote_word
from shotmake.geometry.lens import Lens

KINDS = re.compile(r"Camera[234]?")
NEUTRAL = {
    "scaling": 1.0, "uniform_scale": 1.0, "skew": 0.0, "pivot": 0.0, "pivot_translate": 0.0, "pivot_rotate": 0.0,
    "win_scale": 1.0, "winroll": 0.0,
}  # fmt: skip
WORDS = {
    "projection_mode": ("perspective",), "xform_order": ("SRT", "RST", "RTS"), "rot_order": ORDERS,
    "useMatrix": ("true", "false"), "read_from_file": ("false",), "read_from_file_link": ("false",),
    "import_enabled": ("false",), "disable": ("false",), "inputs": ("0",),
}  # fmt: skip
READ = ("translate", "rotate", "matrix", "focal", "haperture", "vaperture", "win_translate")
# looks of the node, its place in the graph, the blur of the lens: such knobs do not move the view
HARMLESS = re.compile(
    r"name|label|help|selected|[xy]pos|tile_color|gl_color|note_.*|on[A-Z]\w*|knobChanged|updateUI|autolabel|icon|indicators"
    r"|hide_input|cached|dope_sheet|bookmark|postage_stamp.*|lifetime.*|useLifetime|display|selectable|render_mode|editable"
    r"|near|far|focal_point|fstop|focus.*|shutter.*|samples?|file|frame_rate|fbx_\w+|suppress_dialog|use_frame_rate"
    r"|gui|panel|rotate_order_label|world_matrix|local_matrix|transform|camera_\w*|read_on_each_frame|range_\w+"
)


def write(path: Path, take: Take) -> None:
    """Write the camera of a shot as a Camera3 node, with a key in every frame that has a camera."""
    assert take.solution is not None
    solution = take.solution
    lens, frames = Lens.from_json(solution["lens"]), solution["frames"]
    centres, world_from_gl = to_y_up_poses(np.array(solution["cam_from_world"], float).reshape(-1, 3, 4))
    film = film_of(lens, take.size_px, take.sensor_width_mm)
    zoom_px = solution["focal_px_per_frame"]
    focal = f"{film.focal_mm:.12g}"
    if zoom_px:
        focal = _format_curves(frames, np.array(zoom_px)[:, None] / take.size_px[0] * take.sensor_width_mm)
    name = re.sub(r"\W", "_", take.shot, flags=re.ASCII)
    path.write_text(
        "Camera3 {\n inputs 0\n xform_order SRT\n rot_order ZXY\n"
        f" translate {_format_curves(frames, centres)}\n rotate "
        f"{_format_curves(frames, find_euler_deg(world_from_gl, 'ZXY'))}\n"
        f" focal {focal}\n haperture {film.back_mm[0]:.12g}\n vaperture {film.back_mm[1]:.12g}\n"
        f" win_translate {{{2 * film.shift[0]:.12g} {2 * film.shift[1]:.12g}}}\n name Camera_{name}\n}}\n",
        encoding="utf-8",
    )


def _format_curves(frames: list[int], rows: np.ndarray) -> str:
    keys = ([f"x{frame} {value:.12g}" for frame, value in zip(frames, column, strict=True)] for column in rows.T)
    return "{" + " ".join(f"{{curve {' '.join(curve)}}}" for curve in keys) + "}"


def read(path: Path, asked: Asked) -> Cameras:
    """Load the cameras of a camera node. `asked.name` chooses among several nodes.

    Raises ShotError when the file holds no camera node of this name, or several and no name is asked for. Raises
    ShotError, with the line, when a knob is unknown or has a value that moves or bends the view in another way
    (scaling, pivots, projections ...), when a knob is animated by an expression or lacks keys that another knob has,
    when a focal or haperture is 0 or less, when win_translate is animated, and when a matrix mirrors. Raises ShotError
    also as `read_nodes`, `read_components` and `cameras_of` do.
    """
    node = _choose_node(path, asked.name)
    knobs = node.knobs
    for name, (text, line) in knobs.items():
        if name in WORDS and text not in WORDS[name]:
            raise make_fault(path, line, f"knob {name} {quote_word(text)}", " or ".join(WORDS[name]), KEY)
        if name in NEUTRAL and any(value != NEUTRAL[name] for value in read_components(text, name, path, line, KEY)):
            raise make_fault(path, line, f"knob {name} {quote_word(text)}", f"{NEUTRAL[name]:g}: bake the camera", KEY)
        if name not in (*WORDS, *NEUTRAL, *READ, *node.users) and not HARMLESS.fullmatch(name):
            raise make_fault(path, line, f"knob {quote_word(name)}, not known here", "a plain camera: bake it", KEY)
    values = {name: _read_values(node, name, count, path) for name, count in _list_knobs(node).items() if name in knobs}
    frames = _find_frames(node, values, path, asked)
    table = {name: _make_table(columns, frames) for name, columns in values.items()}
    if "matrix" in table:
        matrices = table["matrix"].reshape(-1, 4, 4)
        centres, turns = matrices[:, :3, 3], _unscale(matrices[:, :3, :3], path, knobs["matrix"][1])
    else:
        nothing = np.zeros((len(frames), 3))
        centres = table.get("translate", nothing)
        turns = make_rotations(table.get("rotate", nothing), knobs.get("rot_order", ("ZXY", 0))[0])
    back_mm = table.get("haperture", np.full((1, 1), 24.576))[:, 0]  # Nuke does not write a knob that has its default
    focal_mm = table.get("focal", np.full((1, 1), 50.0))[:, 0]
    if not (back_mm > 0).all() or not (focal_mm > 0).all():
        raise make_fault(path, node.line, "a focal or haperture of 0 or less", "mm above 0", KEY)
    fx_px = np.broadcast_to(focal_mm / back_mm * asked.size_px[0], len(frames))
    window = table.get("win_translate", np.zeros((1, 2)))
    if (np.ptp(window, axis=0) > 1e-9).any():
        raise make_fault(path, knobs["win_translate"][1], "an animated win_translate", "one value", KEY)
    off_mm = window[0] * back_mm[0] / 2
    centre_px = (
        asked.size_px[0] / 2 - float(off_mm[0] / focal_mm[0] * fx_px[0]),
        asked.size_px[1] / 2 + float(off_mm[1] / focal_mm[0] * fx_px[0] * asked.pixel_aspect),
    )
    return cameras_of(path.name, asked, frames, from_y_up_poses(centres, turns), fx_px, centre_px)


def _choose_node(path: Path, name: str | None) -> Node:
    found = list(read_nodes(path, KINDS, KEY))
    names = [node.knobs.get("name", (f"{node.kind}1", 0))[0] for node in found]
    chosen = [node for node, one in zip(found, names, strict=True) if name in (None, one)]
    if not found:
        raise ShotError(f"{path.name}: found no camera; needed a file with one ({KEY})")
    if len(chosen) > 1 and (name is not None or len(set(names)) == 1):
        several = f"{len(chosen)} cameras of the name {quote_word(name or names[0])}"
        raise ShotError(f"{path.name}: found {several}; needed one: rename the other, or leave it out ({KEY})")
    if len(chosen) != 1:
        there = ", ".join(names)
        raise ShotError(f"{path.name}: found the cameras {there}; needed the name of one (shot.camera.import_name)")
    return chosen[0]


def _list_knobs(node: Node) -> dict[str, int]:
    """Return the knobs to read: name -> how many numbers the knob has."""
    by_matrix = node.knobs.get("useMatrix", ("false", 0))[0] == "true"
    pose = {"matrix": 16} if by_matrix else {"translate": 3, "rotate": 3}
    return {**pose, "focal": 1, "haperture": 1, "vaperture": 1, "win_translate": 2}


def _read_values(node: Node, name: str, count: int, path: Path) -> list[float | dict[int, float]]:
    text, line = node.knobs[name]
    found = read_components(text, name, path, line, KEY)
    if len(found) == 1:
        found = found * count  # one number stands for all
    if len(found) != count:
        raise make_fault(path, line, f"knob {name} with {len(found)} numbers", str(count), KEY)
    if name in ("translate", "rotate", "matrix"):
        return found
    return [_get_constant(one) if isinstance(one, dict) and len(set(one.values())) == 1 else one for one in found]


def _get_constant(curve: dict[int, float]) -> float:
    return next(iter(curve.values()))


def _find_frames(node: Node, values: dict[str, list], path: Path, asked: Asked) -> np.ndarray:
    """Return the frames that have keys; for a camera that stands still, all frames of the shot."""
    animated = [(name, one) for name, columns in values.items() for one in columns if isinstance(one, dict)]
    every = set().union(*(one for _, one in animated))
    for name, one in animated:
        if 1 < len(one) < len(every):
            found = f"knob {name} with keys in {len(one)} of {len(every)} frames"
            raise make_fault(path, node.knobs[name][1], found, "a key a frame: bake it", KEY)
    return np.array(sorted(every) if len(every) > 1 else range(asked.frames[0], asked.frames[1] + 1), int)


def _make_table(columns: list, frames: np.ndarray) -> np.ndarray:
    """Return the values as (frames, columns). A column with one key has the same value in every frame."""
    made = []
    for one in columns:
        if isinstance(one, dict) and len(one) > 1:
            made.append([one[frame] for frame in frames.tolist()])
        else:
            made.append([_get_constant(one) if isinstance(one, dict) else one] * len(frames))
    return np.array(made, float).T


def _unscale(matrices: np.ndarray, path: Path, line: int) -> np.ndarray:
    """Remove an even scale from world matrices (N, 3, 3). A shear stays: `cut_to_shot` refuses it as no rotation."""
    sizes = np.cbrt(np.linalg.det(matrices))
    if not (sizes > 1e-9).all():
        raise make_fault(path, line, "knob matrix that mirrors or has no size", "a rotation and a place", KEY)
    return matrices / sizes[:, None, None]
