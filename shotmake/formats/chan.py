"""Nuke .chan camera: `frame tx ty tz rx ry rz vfov`, one line a frame, separated by tabs.

Degrees; rotation order ZXY (Nuke's default; the file does not store it); vertical field of view;
Y up, the camera looks along -Z. Our world is Z up: (x, y, z) here becomes (x, z, -y) there.
Read in Nuke: Camera > Import chan file, rotation order ZXY.
"""

from pathlib import Path

import numpy as np

from shotmake.formats.take import Take

CHAN_FROM_WORLD = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # Z up -> Y up
CV_FROM_GL = np.diag([1.0, -1, -1])  # x right, y up, looking along -z -> x right, y down, looking along z


def write(path: Path, take: Take) -> None:
    assert take.solution is not None
    solution, lens = take.solution, take.solution["lens"]
    cameras = np.array(solution["cam_from_world"], float).reshape(-1, 3, 4)
    zoom_px = solution["focal_px_per_frame"] or [lens["fx_px"]] * len(cameras)
    fy_px = np.array(zoom_px) * lens["fy_px"] / lens["fx_px"]
    path.write_text(chan_text(solution["frames"], cameras, fy_px, take.size_px[1]))


def chan_text(frames: list[int], cam_from_world: np.ndarray, fy_px: np.ndarray, height_px: int) -> str:
    """The file's text. cam_from_world (N, 3, 4), fy_px (N,); Euler angles are continuous from frame to frame."""
    rotation = cam_from_world[:, :, :3]
    centres = -np.einsum("nji,nj->ni", rotation, cam_from_world[:, :, 3]) @ CHAN_FROM_WORLD.T
    world_from_gl = CHAN_FROM_WORLD @ np.swapaxes(rotation, 1, 2) @ CV_FROM_GL
    angles_deg = continuous_deg(euler_zxy_deg(world_from_gl))
    vfov_deg = np.degrees(2 * np.arctan(height_px / 2 / np.asarray(fy_px)))
    rows = np.column_stack([centres, angles_deg, vfov_deg])
    words = ([str(frame), *(f"{value:.10g}" for value in row)] for frame, row in zip(frames, rows, strict=True))
    return "".join("\t".join(line) + "\n" for line in words)


def euler_zxy_deg(rotation: np.ndarray) -> np.ndarray:
    """(N, 3, 3) world_from_camera -> (N, 3) rx, ry, rz in degrees; R = Ry Rx Rz (Nuke's ZXY: Z is applied first)."""
    rx = np.arcsin(np.clip(-rotation[:, 1, 2], -1, 1))
    ry = np.arctan2(rotation[:, 0, 2], rotation[:, 2, 2])
    rz = np.arctan2(rotation[:, 1, 0], rotation[:, 1, 1])
    return np.degrees(np.stack([rx, ry, rz], 1))


def rotation_zxy(angles_deg: np.ndarray) -> np.ndarray:
    """(3,) rx, ry, rz in degrees -> 3x3 world_from_camera; the inverse of `euler_zxy_deg`."""
    (sx, sy, sz), (cx, cy, cz) = np.sin(np.radians(angles_deg)), np.cos(np.radians(angles_deg))
    about_x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return about_y @ about_x @ about_z


def continuous_deg(angles_deg: np.ndarray) -> np.ndarray:
    """(N, 3) Euler ZXY -> the same rotations without jumps between frames (motion blur would smear them)."""
    smooth = angles_deg.copy()
    for row in range(1, len(smooth)):
        rx, ry, rz = angles_deg[row]
        candidates = np.array([[rx, ry, rz], [180 - rx, ry + 180, rz + 180]])  # the two ways to say one rotation
        candidates += 360 * np.round((smooth[row - 1] - candidates) / 360)
        smooth[row] = candidates[np.argmin(np.abs(candidates - smooth[row - 1]).sum(1))]
    return smooth
