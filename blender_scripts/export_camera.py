"""Write a solved camera and its points for other programs: Alembic, FBX.

    python export_camera.py --sheet sheet.json --out abc=camera.abc --out fbx=camera.fbx
or: blender --factory-startup --background --python-exit-code 1 --python export_camera.py -- ARGS

The sheet is that of shotmake.formats.cameras.scene_files.blender_scene: every number is already in Blender's terms.
"""

import itertools
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import numpy as np
from mathutils import Quaternion

from kit.arguments import OneLineParser, list_script_arguments


def scene_of(sheet: dict[str, Any]) -> None:
    """Make an empty scene with the camera, keyed in its frames, and the points as a mesh of vertices."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.data.scenes[0]
    render, frames = scene.render, sheet["frames"]
    render.resolution_x, render.resolution_y = sheet["size_px"]
    aspect = sheet["pixel_aspect"]
    render.pixel_aspect_x, render.pixel_aspect_y = max(aspect, 1.0), max(1 / aspect, 1.0)
    set_rate(scene, sheet)
    scene.frame_start, scene.frame_end = frames[0], frames[-1]
    data = bpy.data.cameras.new(sheet["name"])
    data.sensor_fit = "HORIZONTAL"
    data.sensor_width, data.sensor_height = sheet["back_mm"]
    data.lens = sheet["focal_mm"]
    data.shift_x, data.shift_y = sheet["shift"]
    camera = bpy.data.objects.new(sheet["name"], data)
    camera.rotation_mode = "QUATERNION"
    scene.collection.objects.link(camera)
    scene.camera = camera
    for index, frame in enumerate(frames):
        camera.location = sheet["location"][index]
        camera.rotation_quaternion = find_unit_in_single(sheet["rotation_quaternion"][index])
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_quaternion", frame=frame)
        if sheet["focal_mm_per_frame"]:
            data.lens = sheet["focal_mm_per_frame"][index]
            data.keyframe_insert("lens", frame=frame)
    if sheet["points"]:
        mesh = bpy.data.meshes.new("points")
        mesh.from_pydata(sheet["points"], [], [])
        scene.collection.objects.link(bpy.data.objects.new("points", mesh))
    scene.frame_set(frames[0])


def find_unit_in_single(quaternion: list[float]) -> Quaternion:
    """Return the nearest unit quaternion w x y z that Blender leaves as it is.

    Blender divides a quaternion by its length before it makes a matrix. Where that length is not 1 in single precision,
    a digit is lost.
    """
    rounded = np.array(quaternion, np.float32)
    steps = np.array(list(itertools.product((0, -1, 1), repeat=4)), np.float32)
    near = rounded + steps * np.spacing(np.abs(rounded))
    nearest_first = np.argsort(np.linalg.norm(near - np.array(quaternion), axis=1), kind="stable")
    candidates: list[Any] = [Quaternion(near[index].tolist()) for index in nearest_first]
    return next((one for one in candidates if np.array_equal(one.normalized(), one)), candidates[0])


def set_rate(scene: bpy.types.Scene, sheet: dict[str, Any]) -> None:
    """Set the scene's frame rate to that of the sheet, a fraction."""
    numerator, denominator = sheet["frame_rate"]
    scene.render.fps = round(numerator / denominator)
    scene.render.fps_base = scene.render.fps * denominator / numerator


def write_abc(path: str) -> None:
    """Write the scene as Alembic."""
    bpy.ops.wm.alembic_export(filepath=path, as_background_job=False)


def write_fbx(path: str) -> None:
    """Write the camera and the points as FBX."""
    bpy.ops.export_scene.fbx(
        filepath=path, object_types={"CAMERA", "MESH"}, apply_scale_options="FBX_SCALE_UNITS",
        bake_anim_simplify_factor=0.0, bake_anim_use_all_actions=False, bake_anim_use_nla_strips=False,
    )  # fmt: skip


WRITERS = {"abc": write_abc, "fbx": write_fbx}


def main() -> None:
    """Write the files that the command line asks for. Raises RuntimeError when Blender wrote no file."""
    parser = OneLineParser(prog="export_camera.py", description=__doc__)
    parser.add_argument("--sheet", required=True)
    parser.add_argument("--out", action="append", required=True, help="WORD=FILE, of abc fbx")
    asked = parser.parse_args(list_script_arguments())
    scene_of(json.loads(Path(asked.sheet).read_text(encoding="utf-8")))
    for word, _, path in (out.partition("=") for out in asked.out):
        WRITERS[word](path)
        if not Path(path).is_file():  # an operator that says it has finished may have failed
            raise RuntimeError(f"Blender wrote no {word} file {path}")


if __name__ == "__main__":
    main()
