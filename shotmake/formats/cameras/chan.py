"""Nuke .chan camera: `frame tx ty tz rx ry rz [vfov]`, one line a frame, between spaces, tabs or commas; # comments.

Axes    the world is Y up, the camera looks along -z with y up: our (x, y, z) is (x, z, -y) there.
Angles  degrees. The file does not store their order. We write ZXY, Nuke's default (z turns first); for another order,
        set shot.camera.import_rotation_order. The angles are continuous from frame to frame.
vfov    the *vertical* field of view, degrees. Optional: without it, shot.camera.focal_mm or lens_from says the focal.
Frames  plate numbers, whole. A frame without a line has no camera.
Lost    distortion, scale_known, and the lens centre where it is not in the middle of the picture. For the centre, the
        export says so: set win_translate of Nuke's camera, or take the format nk.

In Nuke: Camera > Import chan file, rotation order ZXY.

Sources: Blender's manual, addons/import_export/anim_nuke_chan.rst (the columns; "angle_y stands for vertical field of
view"; the rotation orders of writer and reader must agree), Nuke's user guide on channel files.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from shotmake.formats.cameras.axes import find_euler_deg, from_y_up_poses, make_rotations, to_y_up_poses
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.film import compute_fov_deg, film_of, focal_of, measure_off_centre_px
from shotmake.formats.cameras.imported_camera import KEY, Cameras
from shotmake.formats.cameras.to_our_camera import CENTRED_PX, cameras_of
from shotmake.formats.given_to_writers import Take
from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number, read_whole_number
from shotmake.geometry.lens import Lens
from shotmake.numbers_in_words import count_of

COLUMNS = (7, 8)


def write(path: Path, take: Take) -> tuple[str, ...]:
    """Write the camera of a shot as a .chan file.

    Returns a line for the user when the lens centre is CENTRED_PX or more off the middle of the picture (a .chan cannot
    hold it), else ().
    """
    assert take.solution is not None
    solution, lens = take.solution, Lens.from_json(take.solution["lens"])
    cameras = np.array(solution["cam_from_world"], float).reshape(-1, 3, 4)
    zoom_px = solution["focal_px_per_frame"] or [lens.fx_px] * len(cameras)
    fy_px = [focal_px * lens.fy_px / lens.fx_px for focal_px in zoom_px]
    path.write_text(make_chan_text(solution["frames"], cameras, fy_px, take.size_px[1]), encoding="utf-8")
    off_px = measure_off_centre_px(lens, take.size_px)
    if off_px < CENTRED_PX:
        return ()
    u, v = np.multiply(film_of(lens, take.size_px, 1.0).shift, 2)
    told = f"a .chan cannot say that the lens's centre is {off_px:.1f} px off"
    return (f"{told}: in Nuke, set win_translate {u:.6f} {v:.6f}",)


def make_chan_text(frames: list[int], cam_from_world: np.ndarray, fy_px: Sequence[float], height_px: int) -> str:
    """Return the text of a .chan file. cam_from_world (N, 3, 4), world Z up; fy_px (N,), vertical focal lengths in px.

    The Euler angles do not jump from frame to frame.
    """
    centres, world_from_gl = to_y_up_poses(cam_from_world)
    rows = np.column_stack([centres, find_euler_deg(world_from_gl, "ZXY"), compute_fov_deg(np.array(fy_px), height_px)])
    words = ([str(frame), *(f"{value:.10g}" for value in row)] for frame, row in zip(frames, rows, strict=True))
    return "".join("\t".join(line) + "\n" for line in words)


def read(path: Path, asked: Asked) -> Cameras:
    """Load the cameras of a .chan file.

    Raises ShotError, with the line, when a line does not have 7 or 8 columns, or not as many as the first line; when a
    frame is not a whole number, or another word not a number; and when a field of view is not between 0 and 180
    degrees. Raises ShotError also as `shotmake.formats.text_files.read_lines` does, and as `cameras_of` does for
    cameras that are none of this shot.
    """
    frames, rows, columns = [], [], 0
    for line, text in read_lines(path, KEY):
        words = text.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        if len(words) not in COLUMNS or columns not in (0, len(words)):
            needed = f"{columns or '7 or 8'} columns: frame tx ty tz rx ry rz and, in all lines or none, vertical fov"
            raise make_fault(path, line, count_of(len(words), "column"), needed, KEY)
        columns = len(words)
        frames.append(read_whole_number(words[0], path, line, KEY, low=-100_000_000))
        rows.append([read_number(word, path, line, KEY) for word in words[1:]])
        if columns == 8 and not 0 < rows[-1][6] < 180:
            raise make_fault(
                path, line, quote_word(words[7]), "a vertical field of view between 0 and 180 degrees", KEY
            )
    table = np.array(rows, float).reshape(len(rows), max(columns - 1, 6))
    poses = from_y_up_poses(table[:, :3], make_rotations(table[:, 3:6], asked.rotation_order))
    focal_px = focal_of(table[:, 6], asked.size_px[1]) / asked.pixel_aspect if columns == 8 else None
    return cameras_of(path.name, asked, np.array(frames, int), poses, focal_px)
