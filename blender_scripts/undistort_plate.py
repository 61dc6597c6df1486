"""Undistort the plate's frames, as asked for on stdin (answer_frame_requests.py): half-float EXR, scene linear, wider.

    python undistort_plate.py --plate FILE --stmap FILE --first-frame N --color-space NAME --size-px W H
        --overscan-px X Y --answers FD --threads N
    (or blender --factory-startup --background --python-exit-code 1 --python undistort_plate.py -- ARGS)

Blender reads the plate and its colour as for the comp, so both show the same. Alpha is 0 where the plate ends.
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy

from kit import (
    answer_frame_requests,
    versions,
)
from kit.arguments import OneLineParser, UserError, list_script_arguments, show_size
from kit.clip import plate_clip
from kit.comp import frame_output
from kit.comp.compositor import make_bilinear_map_uv
from kit.comp.nodes import NodeDesk
from kit.paths_in_blend import place_of


def build(plate: dict, stmap_file: str, overscan_px: list[int]) -> tuple[bpy.types.Scene, bpy.types.Node]:
    """Make a scene that has nothing but a comp. plate: what plate_clip.load_plate needs of a scene sheet.

    Raises UserError for an ST-map of another size.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    clip = plate_clip.load_plate(plate, plate["plate"]["file"])
    stmap = bpy.data.images.load(stmap_file, check_existing=False)
    stmap.colorspace_settings.name = "Non-Color"  # pyright: ignore
    stmap.alpha_mode = "CHANNEL_PACKED"
    width, height = (size + 2 * more for size, more in zip(plate["resolution_px"], overscan_px, strict=True))
    if tuple(stmap.size) != (width, height):
        raise UserError(f"{stmap_file}: found {show_size(stmap.size)} px, needed {width}x{height}")
    scene = bpy.context.scene
    assert isinstance(scene, bpy.types.Scene)
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = width, height, 100
    render.use_compositing, render.use_sequencer = True, False
    render.compositor_device, render.compositor_precision = "CPU", "FULL"  # half floats are too coarse for an ST-map
    frame_output.remove_stamps(render)
    desk = NodeDesk(versions.clear_compositor(scene))
    picture = desk.add_node("CompositorNodeMovieClip", "plate", (-600, 200), clip=clip)
    map_uv = desk.add_node("CompositorNodeImage", "undistort ST-map", (-600, -200), image=stmap)
    group = make_bilinear_map_uv(plate["resolution_px"])
    warp = desk.add_node("CompositorNodeGroup", "undistort plate", (-200, 0), node_tree=group)
    end = desk.add_node(versions.name_output_kind(), "comp", (200, 0))
    desk.link(picture.outputs["Image"], warp.inputs["Image"])
    desk.link(map_uv.outputs["Image"], warp.inputs["UV"])
    desk.link(warp.outputs["Image"], end.inputs["Image"])
    return scene, frame_output.make_layered_exr(desk, {"": warp.outputs["Image"]})


def main() -> None:
    """Undistort the frames that stdin asks for."""
    parser = OneLineParser(prog="undistort_plate.py", description=__doc__)
    for name in ("plate", "stmap", "color-space"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--first-frame", type=int, required=True)
    for name in ("size-px", "overscan-px"):
        parser.add_argument(f"--{name}", type=int, nargs=2, required=True)
    answer_frame_requests.add_arguments(parser)
    given = parser.parse_args(list_script_arguments())
    try:
        file = str(place_of(Path.cwd(), given.plate, "shot.footage.file"))
        plate = {"file": file, "first_frame": given.first_frame}
        facts = {"shot": "plate", "color_space": given.color_space, "resolution_px": given.size_px, "plate": plate}
        scene, node = build(facts, os.path.abspath(given.stmap), given.overscan_px)
        write = frame_output.write_layered
        answer_frame_requests.serve(scene, given.answers, given.threads, lambda path: write(scene, node, path))
    except UserError as error:
        sys.stderr.write(f"undistort_plate.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
