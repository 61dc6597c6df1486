"""Render chosen frames of a .blend's comp to PNG or EXR files.

    python render_frames.py --blend FILE --frames 1,48,90-96 --out 'DIR/knob.####.png' [--samples N]
    (or blender --factory-startup --background --python-exit-code 1 --python render_frames.py -- ARGS)

`--markers FILE.json`, a list of world points, is for the slip test: each gets a tiny emissive sphere, all
other CG is hidden, and where a sphere shows in the picture is where the comp really puts that point.
PNG is 8 bit through the view transform; EXR is 32-bit float, scene linear.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "blender_scripts"))

import bpy

from kit.arguments import OneLineParser, UserError, list_script_arguments, quote_error
from kit.close_blend_at_exit import forget_files_at_exit

MARKER_RADIUS_PX = 3.0
MARKER_SAMPLES = 32


def frame_numbers(text: str) -> list[int]:
    """`1,48,90-96` -> [1, 48, 90, ..., 96]."""
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        if not first.isdigit() or (last and not last.isdigit()):
            raise UserError(f"--frames {text}: found {part!r}, needed numbers and ranges as in 1,48,90-96")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def frame_path(pattern: str, frame: int) -> str:
    """The file of one frame: the run of # in the pattern becomes the padded number; without one it is the file."""
    count = pattern.count("#")
    return pattern.replace("#" * count, str(frame).zfill(count)) if count else pattern


def place_markers(scene: bpy.types.Scene, points: list[list[float]]) -> list[bpy.types.Object]:
    """Hide all CG and put a white sphere of emission at each world point, in every scene."""
    for thing in bpy.data.objects:
        if thing.type not in {"CAMERA", "EMPTY"}:
            thing.hide_render = True
    if scene.world and scene.world.node_tree:
        scene.world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.0  # pyright: ignore
    material = bpy.data.materials.new("slip_marker")
    material.use_nodes = True
    assert material.node_tree
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (0.0, 0.0, 0.0, 1.0)  # pyright: ignore
    shader.inputs["Specular IOR Level"].default_value = 0.0  # pyright: ignore
    shader.inputs["Emission Color"].default_value = (1.0, 1.0, 1.0, 1.0)  # pyright: ignore
    shader.inputs["Emission Strength"].default_value = 1.0  # pyright: ignore
    bpy.ops.mesh.primitive_ico_sphere_add(subdivisions=4, radius=1.0)
    first = bpy.context.active_object
    assert first and isinstance(first.data, bpy.types.Mesh)
    mesh = first.data
    mesh.materials.append(material)
    bpy.data.objects.remove(first)
    collection = bpy.data.collections.new("slip_markers")
    for each in bpy.data.scenes:
        each.collection.children.link(collection)
        assert each.cycles
        each.cycles.use_denoising = False
    markers = []
    for index, point in enumerate(points):
        marker = bpy.data.objects.new(f"slip_marker_{index:02d}", mesh)
        marker.location = point
        collection.objects.link(marker)
        markers.append(marker)
    return markers


def size_markers(scene: bpy.types.Scene, markers: list[bpy.types.Object]) -> None:
    """Give each sphere the same radius in the picture, whatever its distance from the camera."""
    camera = scene.camera
    assert camera and isinstance(camera.data, bpy.types.Camera)
    focal_px = camera.data.lens / camera.data.sensor_width * scene.render.resolution_x
    depths = [-(camera.matrix_world.inverted() @ marker.location).z for marker in markers]
    for marker, depth in zip(markers, depths, strict=True):
        marker.scale = [max(depth, 1e-6) * MARKER_RADIUS_PX / focal_px] * 3


def render(scene: bpy.types.Scene, frames: list[int], pattern: str, markers: list[bpy.types.Object]) -> None:
    """Write one file a frame."""
    settings = scene.render.image_settings
    if pattern.endswith(".png"):
        settings.file_format, settings.color_mode, settings.color_depth = "PNG", "RGBA", "8"
    elif pattern.endswith(".exr"):
        settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    else:
        raise UserError(f"--out {pattern}: needed a name ending in .png or .exr")
    if len(frames) > 1 and "#" not in pattern:
        raise UserError(f"--out {pattern}: needed #### for the number of one of {len(frames)} frames")
    for frame in frames:
        scene.frame_set(frame)
        size_markers(scene, markers)
        scene.render.filepath = frame_path(pattern, frame)
        bpy.ops.render.render(write_still=True, scene=scene.name)


def main() -> None:
    parser = OneLineParser(prog="render_frames.py", description=__doc__)
    for name in ("blend", "frames", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--samples", type=int)
    parser.add_argument("--markers")
    given = parser.parse_args(list_script_arguments())
    forget_files_at_exit()
    try:
        frames = frame_numbers(given.frames)
        if not Path(given.blend).is_file():
            raise UserError(f"--blend {given.blend}: no such file")
        bpy.ops.wm.open_mainfile(filepath=str(Path(given.blend).resolve()), load_ui=True, use_scripts=False)
        scene = bpy.context.scene
        assert isinstance(scene, bpy.types.Scene)
        wanted = json.loads(Path(given.markers).read_text(encoding="utf-8")) if given.markers else []
        markers = place_markers(scene, wanted) if given.markers else []
        samples = given.samples or (MARKER_SAMPLES if markers else None)
        for each in bpy.data.scenes if samples else ():
            assert each.cycles
            each.cycles.samples = samples
        render(scene, frames, str(Path(given.out).resolve()), markers)
    except (UserError, OSError, ValueError) as error:
        print(f"render_frames.py: {quote_error(error)}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
