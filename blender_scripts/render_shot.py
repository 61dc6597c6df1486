"""Render frames of a shot from its scene sheet, as asked for on stdin (answer_frame_requests.py). No .blend is needed.

    python render_shot.py --project DIR --sheet FILE --stmap FILE --scratch FILE.blend --answers FD --threads N
    (or blender --factory-startup --background --python-exit-code 1 --python render_shot.py -- ARGS)

build_composite.py makes the scene, so what is rendered is what the shot's .blend shows. EXR frames have the comp as
plain RGBA, and what it is made of as layers: `cg` (with the lens), `shadow` (what the plate is multiplied with) and
`plate`, as far as the comp has them.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
from build_composite import build_shot

from kit import (
    answer_frame_requests,
    versions,
)
from kit import read_scene_sheet as scene_sheet
from kit.arguments import OneLineParser, UserError, list_script_arguments
from kit.close_blend_at_exit import forget_files_at_exit
from kit.comp import frame_output
from kit.comp.nodes import NodeDesk, Socket, add_alpha_over, add_math
from kit.comp.stabilize import FIRST

# Layer -> where in the comp (compositor.py) it is: nodes and their outputs, of which the first that is there counts.
LAYERS = {
    "cg": [("redistort CG", "Image"), ("CG render", "Image")],
    "shadow": [("pass = 1 - shadow", "Color"), ("CG render", "Shadow Catcher")],
    "plate": [("undistort background", "Image"), ("plate", "Image"), ("still", "Image")],
}
FAINTEST = -1e30  # no pixel is below this


def layers_of(desk: NodeDesk) -> dict[str, Socket]:
    """Return the comp as the layer "", and its parts as layers by name."""
    (end,) = [link for link in desk.tree.links if link.to_node and link.to_node.name == "comp"]
    assert end.from_socket
    found = {"": resample(desk, end.from_socket)}
    for layer, places in LAYERS.items():
        nodes = ((desk.tree.nodes.get(node), output) for node, output in places)
        sockets = (node.outputs.get(output) for node, output in nodes if node)
        there = [socket for socket in sockets if socket and socket.enabled]
        if there:
            found[layer] = there[0]
    return found


def resample(desk: NodeDesk, comp: Socket) -> Socket:
    """Return the comp with its pixels where they are shown.

    A picture that Translate or Scale have moved is resampled only by a node that reads it in another picture's frame.
    The scene's output does that; a File Output writes the picture as it was before.
    """
    before = [link.from_socket for link in desk.tree.links if link.to_node and link.to_node.name == FIRST]
    if not before:
        return comp
    assert before[0]
    none = add_math(desk, "LESS_THAN", "nothing", (1300, 500), before[0], FAINTEST)
    empty = desk.add_node("CompositorNodeCombineColor", "empty frame", (1500, 500))
    for channel in ("Red", "Green", "Blue", "Alpha"):
        desk.link(none, empty.inputs[channel])
    return add_alpha_over(desk, "resampled", (1700, 300), empty.outputs["Image"], comp, None).outputs["Image"]


def main() -> None:
    """Render the frames that stdin asks for."""
    parser = OneLineParser(prog="render_shot.py", description=__doc__)
    for name in ("project", "sheet", "stmap", "scratch"):
        parser.add_argument(f"--{name}", required=True)
    answer_frame_requests.add_arguments(parser)
    given = parser.parse_args(list_script_arguments())
    forget_files_at_exit()
    try:
        sheet = scene_sheet.read_sheet(Path(given.sheet))
        project, scratch = Path(os.path.abspath(given.project)), Path(os.path.abspath(given.scratch))
        build_shot(project, sheet, scene_sheet.read_points(None), given.stmap, scratch)
        scratch.unlink()  # it was only needed as the place from which relative paths count
        scene = bpy.context.scene
        assert isinstance(scene, bpy.types.Scene)
        frame_output.remove_stamps(scene.render)
        kind = sheet["render"]["format"]
        node = None
        if kind == "exr":
            desk = NodeDesk(versions.compositor_of(scene))
            node = frame_output.make_layered_exr(desk, layers_of(desk))
        else:
            frame_output.set_still_format(scene.render.image_settings, kind)

        def write_frame(path: str) -> None:
            if node is not None:
                frame_output.write_layered(scene, node, path)
            else:
                frame_output.write_still(scene, path)

        answer_frame_requests.serve(scene, given.answers, given.threads, write_frame)
    except UserError as error:
        sys.stderr.write(f"render_shot.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
