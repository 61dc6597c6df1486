"""Read a camera from another program's file (USD, Alembic, FBX, glTF) and write where it stands, frame by frame.

    python read_camera.py --file camera.fbx --out found.json --frames 1001 1096 --rate 24000/1001 [--name shotcam]
or: blender --factory-startup --background --python-exit-code 1 --python read_camera.py -- ARGS

found.json: frames; matrix_world, 16 numbers for each frame, row by row, Z up; lens, (focal mm, shift x, shift y) for
each frame; sensor_fit, sensor_width_mm, sensor_height_mm; blender, its version. Frames outside the camera's keys are
left out. Nothing in the file is executed.
"""

import json
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import numpy as np

from kit.arguments import OneLineParser, UserError, list_script_arguments
from kit.close_blend_at_exit import forget_files_at_exit
from kit.paths_in_blend import place_of

WHOLE_FRAME = 0.02  # a key that is as near to a frame as this is on it


def open_file(path: Path, rate: Fraction) -> None:
    """Open the file alone, in a new scene. Its keys are on frames of its own rate (FBX) or of the plate's.

    Raises UserError when Blender cannot read it.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.data.scenes[0]
    scene.render.fps = round(rate)
    scene.render.fps_base = scene.render.fps / float(rate)
    scene.frame_start = scene.frame_end = 0
    suffix = path.suffix.lower()
    try:
        if suffix in (".usda", ".usdc", ".usd"):
            bpy.ops.wm.usd_import(filepath=str(path), import_materials=False, import_lights=False, set_frame_range=True)
        elif suffix == ".abc":
            bpy.ops.wm.alembic_import(filepath=str(path), as_background_job=False, set_frame_range=True)
        elif suffix == ".fbx":
            bpy.ops.import_scene.fbx(filepath=str(path), anim_offset=0.0, use_image_search=False)
            stretch_keys(1 / scene.render.fps_base)  # its add-on counts in whole frames a second
        else:
            scene.render.fps_base = 1.0
            bpy.ops.import_scene.gltf(filepath=str(path))
            stretch_keys(float(rate) / scene.render.fps)
    except Exception as error:  # on a damaged file, an add-on's code may fail in any way
        lines = [line for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        raise UserError(f"{path.name}: Blender cannot read it: {lines[-1].strip()}") from error


def curves_of(action: bpy.types.Action) -> list[Any]:
    """List the animation curves of an action."""
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    strips: list[Any] = [strip for layer in action.layers for strip in layer.strips]
    bags = [bag for strip in strips for bag in strip.channelbags]
    return [curve for bag in bags for curve in bag.fcurves]


def stretch_keys(times: float) -> None:
    """Scale the frame of each key by `times`, and put it onto the frame that it almost hits."""
    for action in bpy.data.actions:
        for curve in curves_of(action):
            keys = np.empty(2 * len(curve.keyframe_points))
            curve.keyframe_points.foreach_get("co", keys)
            frames = keys[::2] * times
            whole = np.round(frames)
            keys[::2] = np.where(np.abs(frames - whole) < WHOLE_FRAME, whole, frames)
            curve.keyframe_points.foreach_set("co", keys)
            curve.update()


def choose_camera(name: str | None, path: Path) -> Any:
    """Find the camera with this name, or the only one. Raises UserError where that is not one perspective camera."""
    cameras: list[Any] = [one for one in bpy.data.objects if one.type == "CAMERA"]
    fitting = [one for one in cameras if name in (None, one.name, one.data.name)]
    if not cameras:
        raise UserError(f"{path.name}: found no camera; needed a file with one (shot.camera.import_file)")
    if len(fitting) != 1:
        there = ", ".join(sorted(one.name for one in cameras))
        raise UserError(f"{path.name}: found the cameras {there}; needed the name of one (shot.camera.import_name)")
    if fitting[0].data.type != "PERSP":
        raise UserError(f"{path.name}: camera {fitting[0].name} is no perspective camera (shot.camera.import_file)")
    return fitting[0]


def find_animated_range(camera: Any) -> tuple[int, int] | None:
    """Return first and last frame with a key, of the camera or of what it hangs on; None when it stands still."""
    chain = [camera]
    while chain[-1].parent:
        chain.append(chain[-1].parent)
    spans = []
    for owner in [*chain, camera.data]:
        if owner.animation_data and owner.animation_data.action:
            frames = [key.co[0] for curve in curves_of(owner.animation_data.action) for key in curve.keyframe_points]
            spans += [(min(frames), max(frames))] if len(set(frames)) > 1 else []
    scene = bpy.data.scenes[0]
    if any(one.type == "TRANSFORM_CACHE" for owner in chain for one in owner.constraints):
        spans.append((scene.frame_start, scene.frame_end))  # the file's range: USD and Alembic are read as they play
    if not spans:
        return None
    return int(np.ceil(min(first for first, _ in spans))), int(np.floor(max(last for _, last in spans)))


def find_world_matrix(owner: Any) -> np.ndarray:
    """Return the world matrix (4, 4) of an evaluated object.

    It is made from what is keyed where that is all, because Blender's own matrix has lost a digit.
    """
    if owner.constraints or owner.rotation_mode != "QUATERNION" or owner.parent_type != "OBJECT":
        return np.array(owner.matrix_world, float)
    w, x, y, z = np.array(owner.rotation_quaternion, float) / np.linalg.norm(owner.rotation_quaternion)
    turn = np.eye(4)
    turn[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    made = turn @ np.diag([*owner.scale, 1.0])
    made[:3, 3] = owner.location
    if owner.parent is None:
        return made
    return find_world_matrix(owner.parent) @ np.array(owner.matrix_parent_inverse, float) @ made


def describe_camera(camera: Any, first: int, last: int) -> dict[str, Any]:
    """Return the contents of found.json for the frames first..last."""
    scene, span = bpy.data.scenes[0], find_animated_range(camera)
    frames = list(range(max(first, span[0]), min(last, span[1]) + 1) if span else range(first, last + 1))
    matrices, lenses = [], []
    for frame in frames:
        scene.frame_set(frame)
        seen = camera.evaluated_get(bpy.context.evaluated_depsgraph_get())
        matrices.append(find_world_matrix(seen).ravel().tolist())
        lenses.append([seen.data.lens, seen.data.shift_x, seen.data.shift_y])
    data = camera.data
    return {
        "frames": frames,
        "matrix_world": matrices,
        "lens": lenses,
        "sensor_fit": data.sensor_fit,
        "sensor_width_mm": data.sensor_width,
        "sensor_height_mm": data.sensor_height,
        "blender": list(bpy.app.version),
    }


def main() -> None:
    """Read the camera that the command line names, and write found.json."""
    parser = OneLineParser(prog="read_camera.py", description=__doc__)
    parser.add_argument("--file", required=True)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--frames", required=True, type=int, nargs=2)
    parser.add_argument("--rate", required=True, type=Fraction)
    parser.add_argument("--name")
    asked = parser.parse_args(list_script_arguments())
    forget_files_at_exit()
    try:
        file = place_of(Path.cwd(), asked.file, "shot.camera.import_file")
        open_file(file, asked.rate)
        asked.out.write_text(
            json.dumps(describe_camera(choose_camera(asked.name, file), *asked.frames)), encoding="utf-8"
        )
    except UserError as error:
        sys.stderr.write(f"read_camera.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
