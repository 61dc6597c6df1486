"""Objects as Blender's empties: where each object stands before the camera, frame by frame, in the camera's own space.

One camera does not show how far away a box is, so all objects stand at one depth, that of the subject. An empty that is
moved along its ray and scaled by the same factor looks the same through the camera.
"""

import numpy as np

from shotmake.objects.smoothed_boxes import make_box_path
from shotmake.objects.tracklet_file import Tracklet
from shotmake.scene.corner_pin import Field


def make_empties(
    tracklets: list[Tracklet], field: Field, frames: tuple[int, int], depth: float, zooms: np.ndarray
) -> list[dict]:
    """Return the `objects` of the scene stage's empties.json: those that are there in some of the frames first..last.

    zooms: (last - first + 1,) focal length of each frame, as a factor of the lens's focal length.
    frames: of each object, without gaps; location (N, 3): of the box's centre before Blender's camera (x right, y up,
    it looks along -z), world units; scale (N,): the box's height there. Through the camera without its distortion, they
    land on the straightened box.
    """
    return [
        one for one in (_make_empty(tracklet, field, frames, depth, zooms) for tracklet in tracklets) if one["frames"]
    ]


def _make_empty(tracklet: Tracklet, field: Field, frames: tuple[int, int], depth: float, zooms: np.ndarray) -> dict:
    path = make_box_path(tracklet, frames)
    straight = field.lens.normalised_from_px(field.to_straight_px(path.marks_px) - field.overscan_px)
    centre, top, bottom = np.moveaxis(straight / zooms[path.frames - frames[0], None, None] * depth, 1, 0)
    return {
        "name": f"object {tracklet.track_id} {tracklet.label}".strip(),
        "track_id": tracklet.track_id,
        "camera_id": tracklet.camera_id,
        "frames": path.frames.tolist(),
        "location": np.round(np.column_stack([centre * (1, -1), np.full(len(centre), -depth)]), 9).tolist(),
        "scale": np.round(np.linalg.norm(bottom - top, axis=1), 9).tolist(),
    }
