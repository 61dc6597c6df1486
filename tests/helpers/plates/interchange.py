"""A solved shot as a format's writer is given it, with a known camera: for round trips."""

from fractions import Fraction

import numpy as np

from helpers.plates.simulated import simulate
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.imported_camera import Cameras
from shotmake.formats.given_to_writers import Take
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.lens import Lens

SIZE_PX = (960, 540)
OFF_CENTRE = Lens(1000.0, 1000.0, 491.5, 258.25)


def take_of(
    kind: str = "orbit",
    lens: Lens = OFF_CENTRE,
    frame_count: int = 8,
    first_frame: int = 1001,
    gaps: tuple[int, ...] = (),
    aspect: float = 1.0,
    shot: str = "sc010 0040 é",
) -> Take:
    """gaps: frames without a camera. The points are those the simulated tracks are of, as a solve stores them."""
    made = simulate(
        kind, seed=5, frame_count=frame_count, size_px=SIZE_PX, lens=lens, visible=30, first_frame=first_frame
    )
    frames = [frame for frame in made.truth["frames"] if frame not in gaps]
    rows = [
        row for row, frame in zip(made.truth["cam_from_world"], made.truth["frames"], strict=True) if frame in frames
    ]
    zoom = dict(zip(made.truth["frames"], made.truth["focal_px_per_frame"] or [], strict=False))
    status = {"pan": "tripod", "static": "static"}.get(kind, "solved")
    solution = {
        **made.truth, "shot": shot, "status": status, "frames": frames, "cam_from_world": rows, "scale_known": True,
        "focal_px_per_frame": [zoom[frame] for frame in frames] if zoom else None,
    }  # fmt: skip
    points = {
        "track_id": np.arange(len(made.points), dtype=np.int32),
        "point_xyz": made.points.astype(np.float32),
        "error_px": np.full(len(made.points), 0.25, np.float32),
        "holdout": np.zeros(len(made.points), bool),
    }
    span = (made.truth["frames"][0], made.truth["frames"][-1])
    return Take(
        shot,
        "footage/sc010.1001.exr",
        SIZE_PX,
        aspect,
        Fraction(24000, 1001),
        span,
        24.9,
        solution,
        points,
        made.tracks,
        {},
    )


def asked_of(take: Take, **more) -> Asked:
    return Asked(take.size_px, take.pixel_aspect, take.frames, take.sensor_width_mm, **more)


def poses_of(take: Take) -> np.ndarray:
    assert take.solution is not None
    return np.array(take.solution["cam_from_world"]).reshape(-1, 3, 4)


def centre_error(found: Cameras, take: Take) -> float:
    """The largest, in scene sizes (of the points and the path together)."""
    assert take.points is not None
    centres = find_camera_centres(poses_of(take))
    size = np.linalg.norm(np.ptp(np.concatenate([centres, take.points["point_xyz"]]), axis=0))
    return float(np.linalg.norm(find_camera_centres(found.cam_from_world) - centres, axis=1).max() / size)


def turn_error_deg(found: Cameras, take: Take) -> float:
    """The largest angle between the rotations."""
    difference = found.cam_from_world[:, :, :3] - poses_of(take)[:, :, :3]  # of one turned by a: 2 sqrt(2) sin(a / 2)
    return float(np.degrees(2 * np.arcsin(np.linalg.norm(difference, axis=(1, 2)).max() / np.sqrt(8))))
