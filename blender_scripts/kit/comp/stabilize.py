"""The stabilization as nodes: Translate, Rotate and Scale with a key in every frame, and their inverse.

Each node works about the picture's centre, and Blender resamples once for all nodes that follow each other (seen by
rendering): put back with nothing between, the picture is what it was, to the last digit and the border. Beyond the
plate everything is black and transparent; nothing is scaled up to hide that. Blender's bicubic is a B-spline, which
alone would soften the picture. A little Sharpen before it takes that back, to 1 % for waves of 6 px and longer, and 7 %
for those of 4 px (bilinear loses up to 13 % and 29 %). A frame that stays as it is (the reference) is neither resampled
nor sharpened. With put_back the Sharpens are muted, because they would part the nodes; unmute them where something is
painted between.
"""

from typing import Any

import numpy as np

from kit import versions
from kit.arguments import UserError
from kit.comp.nodes import NodeDesk, Socket
from kit.keyframes import set_keys

SHARPEN = 0.2
NOTHING = 1e-5  # for more than this, in px, radians or factors, Blender resamples
STEP = 190.0  # the distance between nodes
FIRST = "stabilize sharpen"  # the node that takes the picture as it is
COLOR = (0.28, 0.22, 0.34)


def stabilize(desk: NodeDesk, picture: Socket, block: dict[str, Any] | None, at: tuple[float, float]) -> Socket:
    """Return the picture held still; without a block, the picture as it is.

    With put_back, the picture then moves as before, behind a place to paint in.

    block: of the scene sheet; at: where the first node stands. There are four or eight nodes, in a row.
    Raises UserError in Blender 4.2.
    """
    if block is None:
        return picture
    if versions.IS_4_2:
        raise UserError(f"composite.stabilization: Blender 4.2 resamples once a node; {versions.NEEDED}")
    frames, scale = block["frames"], np.array(block["scale"], float)
    turn, shift_px = np.array(block["rotation_rad"], float), np.array(block["translate_px"], float)
    goes_back = block["put_back"]
    still = _move(desk, picture, "stabilize", at, frames, goes_back, ("T", shift_px), ("R", turn), ("S", scale))
    if not goes_back:
        return still
    behind = (at[0] + 5 * STEP, at[1])
    return _move(desk, still, "put back", behind, frames, True, ("S", 1 / scale), ("R", -turn), ("T", -shift_px))


def _move(
    desk: NodeDesk,
    picture: Socket,
    label: str,
    at: tuple[float, float],
    frames: list[int],
    is_muted: bool,
    *steps: tuple[str, np.ndarray],
) -> Socket:
    """Return the picture through keyed nodes, in a frame with that label.

    T moves right and up in px, R turns in radians, S scales by a factor.

    is_muted: whether the Sharpen is muted.
    """
    frame = desk.add_frame(label, COLOR)
    kinds = {
        "T": ("Translate", {"interpolation": "BICUBIC"}, ("X", "Y")),
        "R": ("Rotate", {"filter_type": "BICUBIC"}, (versions.ANGLE,)),
        "S": ("Scale", {"interpolation": "BICUBIC", "space": "RELATIVE"}, ("X", "Y")),
    }
    sharp = desk.add_node("CompositorNodeFilter", f"{label} sharpen", at, frame, filter_type="SHARPEN_DIAMOND")
    nothing = [np.abs(values - (step == "S")).reshape(len(frames), -1).max(1) <= NOTHING for step, values in steps]
    set_keys(
        versions.find_factor_socket(sharp), "default_value", frames, np.where(np.all(nothing, axis=0), 0.0, SHARPEN)
    )
    sharp.mute = is_muted
    desk.link(picture, sharp.inputs["Image"])
    picture = sharp.outputs["Image"]
    for number, (step, values) in enumerate(steps, 1):
        kind, settings, inputs = kinds[step]
        place = (at[0] + number * STEP, at[1])
        node = desk.add_node(f"CompositorNode{kind}", f"{label} {kind.lower()}", place, frame, **settings)
        columns = values.reshape(len(frames), -1)
        for name, column in zip(inputs, np.broadcast_to(columns, (len(frames), len(inputs))).T, strict=True):
            set_keys(node.inputs[name], "default_value", frames, column)
        desk.link(picture, node.inputs["Image"])
        picture = node.outputs["Image"]
    return picture
