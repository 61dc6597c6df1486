"""Render the demonstration plate `knob_hero`: a hand-held shot of a desk, with exact truth.

Cycles renders an ideal pinhole with overscan, numpy bends it through the lens and adds grain, and Blender's
own ffmpeg encodes the film. The truth file holds the lens and the pose that Blender evaluated at each whole
frame, which is the middle of the shutter.

World: metres, Z up, origin on the cutting mat. Pixels: origin = top-left corner of the image, pixel centres
at +0.5. Everything is seeded. Needs only bpy, numpy and the standard library:

    python render_desk_plate.py --frames-dir ~/desk_frames --output-mp4 ../footage/knob_hero.mp4 \
        --output-truth ../tests/data/knob_hero.truth.json
"""

import argparse
import json
import math
import struct
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from desk_scene import build_desk, build_room, create_lights, join_matte_things
from mathutils import Euler, Matrix, Vector

SIZE_PX = (960, 540)
FRAMES = range(1, 97)
FPS = 24
FOCAL_MM, FILM_BACK_MM = 30.0, 36.0
FOCAL_PX = FOCAL_MM / FILM_BACK_MM * SIZE_PX[0]
K1, K2 = -0.12, 0.03
SHUTTER_FRAMES = 0.3
GRAIN_LUMA, GRAIN_CHROMA = 1.7, 0.5  # standard deviations, of 255
SEED = 20
BITRATE_KBIT = 9600


# ---------------------------------------------------------------- camera


def hand_shake(rng: np.random.Generator) -> Callable[[float], np.ndarray]:
    """Smooth random curve of time in seconds, six channels of about +-1, 0.25 to 2.4 Hz."""
    hertz = np.geomspace(0.25, 2.4, 7)[:, None] * rng.uniform(0.9, 1.1, (7, 6))
    phase, weight = rng.uniform(0, 2 * np.pi, (7, 6)), (hertz / 0.25) ** -0.9
    return lambda seconds: (weight * np.sin(2 * np.pi * hertz * seconds + phase)).sum(0)


def camera_placement(frame: float, shake: np.ndarray) -> Matrix:
    """Camera to world at a (fractional) frame: an arc around the mat, pushing in and sinking."""
    part = (frame - FRAMES[0]) / (len(FRAMES) - 1)
    azimuth = math.radians(-21 + 41 * part)
    elevation = math.radians(28.5 - 5 * part + 1.5 * math.sin(2 * math.pi * part))
    distance_m = 1.02 - 0.20 * part
    flat_m = distance_m * math.cos(elevation)
    eye = Vector((flat_m * math.sin(azimuth), -flat_m * math.cos(azimuth), distance_m * math.sin(elevation)))
    eye += Vector((shake[:3] * 0.006).tolist())
    aim = Vector((0.0, 0.08, 0.045))
    turn = (aim - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    wobble = Euler([math.radians(v) for v in shake[3:] * (0.28, 0.28, 0.35)], "XYZ").to_matrix().to_4x4()
    return Matrix.Translation(eye) @ turn @ wobble


def create_camera(scene: bpy.types.Scene, rng: np.random.Generator, size_px: tuple[int, int]) -> bpy.types.Object:
    """Pinhole of FOCAL_PX over `size_px`, keyed four times a frame so motion blur follows the path."""
    data = bpy.data.cameras.new("camera")
    data.sensor_fit, data.lens = "HORIZONTAL", FOCAL_MM
    data.sensor_width = FILM_BACK_MM * size_px[0] / SIZE_PX[0]
    data.clip_start = 0.05
    camera = bpy.data.objects.new("camera", data)
    camera.rotation_mode = "QUATERNION"
    scene.collection.objects.link(camera)
    scene.camera = camera
    shake, last_turn = hand_shake(rng), None
    for quarter in range(4 * (FRAMES[0] - 1), 4 * (FRAMES[-1] + 1) + 1):
        placement = camera_placement(quarter / 4, shake(quarter / 4 / FPS))
        turn = placement.to_quaternion()
        if last_turn is not None:
            turn.make_compatible(last_turn)  # q and -q are one rotation, but not halfway between keys
        camera.location, camera.rotation_quaternion, last_turn = placement.translation, turn, turn
        camera.keyframe_insert("location", frame=quarter / 4)
        camera.keyframe_insert("rotation_quaternion", frame=quarter / 4)
    return camera


def evaluated_pose(scene: bpy.types.Scene, camera: bpy.types.Object, frame: int) -> np.ndarray:
    """cam_from_world (3, 4) in OpenCV axes, of the camera as Blender evaluates it at a whole frame."""
    scene.frame_set(frame)
    world_from_cam = np.array(camera.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    turn = np.diag([1.0, -1.0, -1.0]) @ world_from_cam[:3, :3].T
    return np.hstack([turn, -turn @ world_from_cam[:3, 3:]])


# ---------------------------------------------------------------- lens


def undistorted_px(distorted_px: np.ndarray) -> np.ndarray:
    """Invert the Brown-Conrady lens for plate positions (..., 2), by Newton on the radius."""
    centre = np.array(SIZE_PX) / 2
    offset = (distorted_px - centre) / FOCAL_PX
    radius_d = np.linalg.norm(offset, axis=-1)
    radius = radius_d.copy()
    for _ in range(20):
        error = radius * (1 + K1 * radius**2 + K2 * radius**4) - radius_d
        radius -= error / (1 + 3 * K1 * radius**2 + 5 * K2 * radius**4)
    return centre + FOCAL_PX * offset * (radius / np.maximum(radius_d, 1e-12))[..., None]


def pinhole_size_px() -> tuple[int, int]:
    """Size of the pinhole picture that covers every plate pixel, even, same centre as the plate."""
    reach = np.abs(undistorted_px(np.zeros(2)) - np.array(SIZE_PX) / 2)
    width, height = (2 * int(math.ceil(v + 3)) for v in reach)  # 3 px for the resampling filter
    return width, height


def catmull_rom_weights(fraction: np.ndarray) -> np.ndarray:
    """Weights (4, ...) of the samples at -1, 0, 1, 2 for a position 0..1 between the middle two."""
    t = fraction
    return 0.5 * np.stack([-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3])


def distort_picture(pinhole: np.ndarray) -> np.ndarray:
    """Bend a pinhole picture (rows, columns, 3) through the lens to the plate's size."""
    columns, rows = np.meshgrid(np.arange(SIZE_PX[0]) + 0.5, np.arange(SIZE_PX[1]) + 0.5)
    overscan = (np.array(pinhole.shape[1::-1]) - SIZE_PX) / 2
    # Positions have pixel centres at +0.5, array indices count from the first centre: hence -0.5.
    index = undistorted_px(np.stack([columns, rows], axis=-1)) + overscan - 0.5
    first = np.floor(index).astype(int)
    weight_x, weight_y = (catmull_rom_weights(index[..., axis] - first[..., axis]) for axis in (0, 1))
    plate = np.zeros((SIZE_PX[1], SIZE_PX[0], 3))
    for j in range(4):
        for i in range(4):
            samples = pinhole[first[..., 1] + j - 1, first[..., 0] + i - 1]
            plate += (weight_y[j] * weight_x[i])[..., None] * samples
    return plate


# ---------------------------------------------------------------- files


def load_picture(path: Path) -> np.ndarray:
    """Stored values (rows, columns, 3), 0..1, top row first, without any colour conversion."""
    image = bpy.data.images.load(str(path))
    colorspace: Any = image.colorspace_settings
    assert colorspace is not None
    colorspace.name = "Non-Color"
    width, height = image.size
    values = np.empty(width * height * 4, np.float32)
    pixels: Any = image.pixels
    pixels.foreach_get(values)
    bpy.data.images.remove(image)
    return values.reshape(height, width, 4)[::-1, :, :3].astype(float)


def save_png(path: Path, picture: np.ndarray) -> None:
    """Write 0..1 RGB as an 8-bit PNG, in one step so that an interruption leaves no half file."""
    rows, columns = picture.shape[:2]
    pixels = np.round(np.clip(picture, 0, 1) * 255).astype(np.uint8).reshape(rows, -1)
    body = b"".join(b"\0" + row.tobytes() for row in pixels)  # each row: filter type 0, then RGB
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(body, 6)),
        (b"IEND", b""),
    ]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)


def set_render_settings(scene: Any, size_px: tuple[int, int], samples: int) -> None:
    """Cycles on the CPU, few bounces, denoised; 16-bit PNG with a film-like tone curve."""
    render = scene.render
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = size_px
    render.resolution_percentage = 100
    render.fps, render.fps_base = FPS, 1.0
    render.use_persistent_data = True
    # CENTER: the shutter opens and closes evenly around the whole frame, so its pose is the truth.
    render.use_motion_blur, render.motion_blur_shutter, render.motion_blur_position = True, SHUTTER_FRAMES, "CENTER"
    render.dither_intensity = 0.0
    output = render.image_settings
    output.file_format, output.color_mode, output.color_depth, output.compression = "PNG", "RGB", "16", 15
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", samples, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    cycles.denoising_prefilter = "FAST"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 2, 2, 1
    cycles.use_light_tree = False  # three lights: sampling them all costs less than choosing well
    cycles.sample_clamp_indirect = 4.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    view = scene.view_settings
    view.view_transform, view.look, view.exposure = "AgX", "AgX - Medium High Contrast", 0.0


def render_pinhole(scene: Any, frame: int, path: Path) -> None:
    """Render one frame to a 16-bit PNG."""
    scene.cycles.seed = frame  # fresh noise each frame: noise that stays put looks like a track
    scene.frame_set(frame)
    part = path.with_name("part.png")
    scene.render.filepath = str(part)
    bpy.ops.render.render(write_still=True)
    part.replace(path)


def add_grain(picture: np.ndarray, frame: int) -> np.ndarray:
    """Film grain, mostly luma, seeded by the frame number."""
    rng = np.random.default_rng([SEED, frame])
    luma = rng.normal(0, GRAIN_LUMA / 255, (*picture.shape[:2], 1))
    return picture + luma + rng.normal(0, GRAIN_CHROMA / 255, picture.shape)


def render_movie(plates: Sequence[Path], output: Path) -> None:
    """Encode the plates as H.264 with Blender's sequencer, colours untouched."""
    scene = bpy.data.scenes.new("encode")
    render = scene.render
    render.resolution_x, render.resolution_y = SIZE_PX
    render.resolution_percentage = 100
    render.fps, render.fps_base = FPS, 1.0
    render.use_sequencer, render.dither_intensity = True, 0.0
    scene.frame_start, scene.frame_end = 1, len(plates)
    # Both ends sRGB and a plain view: the values of the PNGs go through unchanged.
    settings: Any = scene
    settings.sequencer_colorspace_settings.name = "sRGB"
    settings.view_settings.view_transform, settings.view_settings.look = "Standard", "None"
    editor = scene.sequence_editor_create()
    strip: Any = editor.strips.new_image("plates", str(plates[0]), 1, 1)
    for plate in plates[1:]:
        strip.elements.append(plate.name)
    image_settings: Any = render.image_settings
    image_settings.file_format, image_settings.color_mode = "FFMPEG", "RGB"
    film: Any = render.ffmpeg
    film.format, film.codec, film.ffmpeg_preset, film.gopsize = "MPEG4", "H264", "BEST", 24
    film.constant_rate_factor, film.audio_codec = "NONE", "NONE"
    film.video_bitrate, film.maxrate, film.minrate, film.buffersize = (
        BITRATE_KBIT,
        2 * BITRATE_KBIT,
        0,
        4 * BITRATE_KBIT,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    render.filepath, render.use_file_extension = str(output.resolve()), False
    bpy.ops.render.render(animation=True, scene=scene.name)


def write_truth(path: Path, poses: dict[int, np.ndarray], checks: dict[str, Matrix], to_sun: Vector) -> None:
    """Write lens, poses, ground height and check points."""
    centres = np.array([-pose[:, :3].T @ pose[:, 3] for pose in poses.values()])
    truth = {
        "schema": 1,
        "status": "solved",
        "kind": "general",
        "image_size_px": list(SIZE_PX),
        "lens": {
            "model": "brown_conrady", "direction": "undistorted_to_distorted",
            "fx_px": FOCAL_PX, "fy_px": FOCAL_PX, "cx_px": SIZE_PX[0] / 2, "cy_px": SIZE_PX[1] / 2,
            "k1": K1, "k2": K2, "p1": 0.0, "p2": 0.0, "k3": 0.0,
        },
        "frames": list(poses),
        "cam_from_world": [[round(float(v), 9) for v in pose.ravel()] for pose in poses.values()],
        "path_length": float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum()),
        "pose_time": "the whole frame, which is the middle of the shutter",
        "ground_z_m": 0.0,
        "towards_sun": [round(v, 6) for v in to_sun],
        "checks": [{"name": name, "xyz_m": [round(v, 6) for v in at.translation]} for name, at in checks.items()],
    }  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(truth, separators=(",", ":")) + "\n", encoding="utf-8")


def main() -> None:
    """Command line: build the scene, render what is missing, encode when all frames exist."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames-dir", type=Path, required=True, help="folder for the picture files")
    parser.add_argument("--output-mp4", type=Path, required=True)
    parser.add_argument("--output-truth", type=Path, required=True)
    parser.add_argument(
        "--frames", type=int, nargs="+", default=list(FRAMES), help="render only these; files that exist are kept"
    )
    parser.add_argument("--samples", type=int, default=8, help="Cycles samples per pixel")
    options = parser.parse_args()
    folder: Path = options.frames_dir.resolve()
    folder.mkdir(parents=True, exist_ok=True)

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.data.scenes[0]
    size_px = pinhole_size_px()
    set_render_settings(scene, size_px, options.samples)
    checks = build_desk(scene, np.random.default_rng(SEED)) | build_room(scene, np.random.default_rng(SEED + 1))
    join_matte_things(scene)
    to_sun = create_lights(scene)
    camera = create_camera(scene, np.random.default_rng(SEED + 2), size_px)
    poses = {frame: evaluated_pose(scene, camera, frame) for frame in FRAMES}
    write_truth(options.output_truth, poses, checks, to_sun)

    for frame in options.frames:
        pinhole, plate = folder / f"pinhole.{frame:04d}.png", folder / f"plate.{frame:04d}.png"
        start_s = time.perf_counter()
        if not pinhole.exists():
            render_pinhole(scene, frame, pinhole)
        if not plate.exists():
            save_png(plate, add_grain(distort_picture(load_picture(pinhole)), frame))
        print(f"frame {frame}: {time.perf_counter() - start_s:.1f} s", flush=True)
    plates = [folder / f"plate.{frame:04d}.png" for frame in FRAMES]
    if all(plate.exists() for plate in plates):
        render_movie(plates, options.output_mp4)


if __name__ == "__main__":
    main()
