"""Keys for all frames of one property, set at once."""

from typing import Any

import bpy
import numpy as np

from kit import versions

INTERPOLATIONS = bpy.types.Keyframe.bl_rna.properties["interpolation"].enum_items  # pyright: ignore


def set_keys(owner: Any, path: str, frames: list[int], values: np.ndarray, interpolation: str = "LINEAR") -> None:
    """Set keys on owner.path of an object, a camera or a node's socket: (N,) values, or (N, components) of a vector."""
    setattr(owner, path, values[0].tolist())
    owner.keyframe_insert(path, frame=frames[0])  # this makes the action, its slot and the curves
    curves = versions.curves_of(owner.id_data)
    values = values.reshape(len(frames), -1)
    for component in range(values.shape[1]):
        curve = curves.find(owner.path_from_id(path), index=component)
        assert curve
        points = curve.keyframe_points
        points.add(len(frames) - len(points))
        points.foreach_set("co", np.stack([np.array(frames, float), values[:, component]], 1).ravel())
        points.foreach_set("interpolation", [INTERPOLATIONS[interpolation].value] * len(frames))
        curve.update()
