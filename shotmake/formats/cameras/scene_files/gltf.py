"""glTF 2.0 (.glb written; .glb, .gltf read, by Blender).

Axes     Y up, metres, right-handed; the camera looks along -z with y up; quaternions x y z w.
Lens     perspective: yfov (vertical, radians) and aspectRatio, and nothing else. The format cannot hold a zoom, or a
         lens centre off the middle of the picture: such a camera is refused, not bent.
Frames   seconds, frame / frame rate, in single precision; the reader needs the plate's rate. A key in every frame that
         has a camera, straight lines between keys. Blender's add-on takes fps * fps_base for fps / fps_base, so at a
         rate like 24000/1001 its keys lie beside the frames (by 0.2 %). This tool puts them right when it reads.
Points   the bundles as a mesh of points, `points`.
Lost     distortion, scale_known; numbers are single precision: a rotation is good to 6e-6 degrees.
Follows  the buffers and images that a .gltf names: each is an input of its own (docs/what_is_followed.md).
Bytes    the same twice.

Source: the Khronos glTF 2.0 specification (5.12 and 5.13 camera, 3.11 animation, 4 GLB); Blender's io_scene_gltf2,
whose exporter loses more digits of a rotation than the format does, and crashes in Blender 4.2.
"""

import json
import struct
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.file_kind_and_size import check_size, decode_utf8
from shotmake.files.json_file import name_kind, parse_json
from shotmake.formats.cameras.axes import to_y_up, to_y_up_poses
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.film import compute_fov_deg, measure_off_centre_px
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.formats.cameras.scene_files.blender_scene import check_head, read_imported
from shotmake.formats.cameras.to_our_camera import CENTRED_PX
from shotmake.formats.given_to_writers import Take
from shotmake.formats.text_files import load_json, quote_word, read_number
from shotmake.geometry.lens import Lens
from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import tell_apart

NEAR, FAR = 0.01, 10_000.0
FLOAT = 5126
TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
COMPONENTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT2": 4, "MAT3": 9, "MAT4": 16}
POINTS, LINEAR = 0, "LINEAR"


def write(path: Path, take: Take) -> None:
    """Write the camera and the bundles of a shot as a .glb.

    Raises ShotError for a zoom, and for a lens centre more than CENTRED_PX off the middle: glTF can hold neither.
    """
    from shotmake.geometry.camera import to_quaternions_wxyz

    assert take.solution is not None and take.points is not None
    solution, lens = take.solution, Lens.from_json(take.solution["lens"])
    off_px = measure_off_centre_px(lens, take.size_px)
    if solution["focal_px_per_frame"] or off_px > CENTRED_PX:
        found = f"a lens's centre {off_px:.2f} px off the middle" if off_px > CENTRED_PX else "a zoom"
        raise ShotError(f"camera.glb: found {found}, which glTF cannot say; needed usda or fbx for glb in shot.export")
    centres, world_from_gl = to_y_up_poses(np.array(solution["cam_from_world"], float).reshape(-1, 3, 4))
    turns = np.roll(to_quaternions_wxyz(world_from_gl), -1, axis=1)
    seconds = np.array([float(frame / take.frame_rate) for frame in solution["frames"]])
    arrays = [seconds, centres, turns]
    yfov_rad = float(np.radians(compute_fov_deg(lens.fy_px, take.size_px[1])))
    wide = take.size_px[0] / lens.fx_px / (take.size_px[1] / lens.fy_px)
    camera = {"yfov": yfov_rad, "aspectRatio": wide, "znear": NEAR, "zfar": FAR}
    nodes: list[dict] = [
        {"name": take.shot, "camera": 0, "translation": centres[0].tolist(), "rotation": turns[0].tolist()}
    ]
    tree = {
        "asset": {"version": "2.0", "generator": "shotmake"},
        "scene": 0,
        "cameras": [{"name": take.shot, "type": "perspective", "perspective": camera}],
        "nodes": nodes,
        "animations": [
            {
                "name": take.shot,
                "samplers": [{"input": 0, "output": output, "interpolation": LINEAR} for output in (1, 2)],
                "channels": [
                    {"sampler": sampler, "target": {"node": 0, "path": name}}
                    for sampler, name in enumerate(("translation", "rotation"))
                ],
            }
        ],
    }
    if solution["status"] == "solved" and len(take.points["point_xyz"]):
        arrays.append(to_y_up(take.points["point_xyz"]))
        nodes.append({"name": "points", "mesh": 0})
        tree["meshes"] = [{"name": "points", "primitives": [{"mode": POINTS, "attributes": {"POSITION": 3}}]}]
    tree["scenes"] = [{"nodes": list(range(len(nodes)))}]
    path.write_bytes(_pack_glb(tree, [array.astype("<f4") for array in arrays]))


def _pack_glb(tree: dict, arrays: list[np.ndarray]) -> bytes:
    """Return the bytes of a .glb. `arrays` are the accessors 0, 1, ... of `tree`."""
    views, accessors, start = [], [], 0
    for index, array in enumerate(arrays):
        columns = array.reshape(len(array), -1)
        views.append({"buffer": 0, "byteOffset": start, "byteLength": array.nbytes})
        accessors.append({
            "bufferView": index, "componentType": FLOAT, "count": len(array), "type": TYPES[columns.shape[1]],
            "min": columns.min(0).astype(float).tolist(), "max": columns.max(0).astype(float).tolist(),
        })  # fmt: skip
        start += array.nbytes
    whole = {**tree, "accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": start}]}
    text = json.dumps(whole).encode()
    text += b" " * (-len(text) % 4)
    binary = b"".join(array.tobytes() for array in arrays)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks


def check(path: Path) -> None:
    """Refuse a file that is no glTF, before Blender reads it.

    Raises ShotError when the file begins like no glTF, when its JSON is broken, when its accessors are no list of
    objects or have no count of 0 or more, when the arrays announce more numbers than the limit camera_values, and when
    the file is over json_mb or camera_mb. Blender makes room for the announced numbers whether they are there or not.
    """
    check_head(path, (b"glTF", b"{"), "glTF: a .glb, or JSON")
    check_size(path, "json_mb" if path.suffix.lower() == ".gltf" else "camera_mb", KEY)
    accessors = _read_tree(path).get("accessors", [])
    if not isinstance(accessors, list) or not all(isinstance(one, dict) for one in accessors):
        raise ShotError(f"{path.name}: found {quote_word(accessors)}, needed a list of accessors ({KEY})")
    values = 0.0
    for at, one in enumerate(accessors):
        count = read_number(one.get("count", 0), path, 1, KEY)
        if count < 0:
            raise ShotError(f"{path.name}: found accessors[{at}] with {count:g} elements, needed 0 or more ({KEY})")
        values += count * COMPONENTS.get(str(one.get("type")), max(COMPONENTS.values()))
    if values > get_limits().camera_values:
        raise make_limit_fault(path.name, f"arrays of {values:.0f} numbers", "camera_values", KEY)


def _read_tree(path: Path) -> dict:
    """Return the JSON of a .gltf, or of the first chunk of a .glb."""
    with open(path, "rb") as file:
        head = file.read(20)
        if not head.startswith(b"glTF"):
            return load_json(path, KEY)
        length, kind = struct.unpack("<I4s", head[12:]) if len(head) == 20 else (0, b"")
        if kind != b"JSON" or not 0 < length <= path.stat().st_size - 20:
            raise ShotError(f"{path.name}: found no JSON of {length} bytes at offset 20, needed a whole .glb ({KEY})")
        if length > get_limits().json_mb * 10**6:
            length_mb = tell_apart(length / 1e6, get_limits().json_mb, ".0f")
            raise make_limit_fault(path.name, f"JSON of {length_mb} MB", "json_mb", KEY)
        found = parse_json(decode_utf8(file.read(length), path.name, KEY), path.name, KEY)
    if not isinstance(found, dict):
        raise ShotError(f"{path.name}: found {name_kind(found)}, needed an object: {{...}} ({KEY})")
    return found


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    """Load the cameras of a glTF file. `found` is the JSON that Blender's read_camera.py wrote.

    Raises ShotError as `read_imported` does.
    """
    return read_imported(found, path.name, asked)
