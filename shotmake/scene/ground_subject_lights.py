"""What stands in the shot beside the camera: the scene sheet's ground, subject, lights and backdrop.

Places and directions count from where the subject stands and from the middle camera, which is the camera nearest to the
median of all places and view axes.
"""

from dataclasses import dataclass

import numpy as np

from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.change_of_world import DEPTH_UNITS
from shotmake.geometry.lens import Lens
from shotmake.scene.ground import Ground, fit_ground

# World units. A camera that is nearer to the subject stands in it. (Blender clips at 1e-6 at least; the sheet's clip
# start is the distance / 200.)
NEAREST = 2e-4
SUBJECT_SHARE_OF_VIEW = 1 / 8  # the subject's size, as a share of the view's width where it stands
GROUND_REACH = 8.0  # the width of the ground and of the infinite curve, in distances of the camera
CURVE_FLOOR = 2.0  # from so many subject widths behind the subject, the infinite curve bends up
CURVE_RADIUS = 0.75  # the radius of its bend, in distances of the camera
PICTURE_BEHIND = 1.0  # how far the picture is behind the subject, in distances of the camera
PICTURE_NEAREST = 0.1  # how far it is ahead of a camera that has the subject behind itself, in the same distances
PICTURE_WIDEST = 3.0  # the picture ends at so many times what the middle camera sees of it
# Lamps as portrait photographers place them: elevation in deg and size in subject sizes; distance in subject sizes.
LAMPS = {"key": (40.0, 2.0), "fill": (15.0, 3.0), "rim": (45.0, 1.0)}
LAMP_DISTANCE = 4.0


@dataclass(frozen=True)
class Standpoint:
    """Where the subject stands, and who sees it.

    place (3,): on the ground, world units; cam_from_world (N, 3, 4).
    distance: the cameras' median distance, world units (5 units where they stand in the subject, because no distance
    can be measured there).
    auto_size: an eighth of the view's width at the subject, world units; middle: the index of the middle camera.
    """

    place: np.ndarray
    cam_from_world: np.ndarray
    distance: float
    auto_size: float
    middle: int


def find_standpoint(place: np.ndarray, cam_from_world: np.ndarray, lens: Lens, width_px: int) -> Standpoint:
    """Find where the subject stands for the cameras. place (3,): on the ground; cam_from_world (N, 3, 4)."""
    centres, axes = find_camera_centres(cam_from_world), cam_from_world[:, 2, :3]
    distance = float(np.median(np.linalg.norm(centres - place, axis=1)))
    if distance < NEAREST:
        distance = DEPTH_UNITS
    auto_size = distance * width_px / lens.fx_px * SUBJECT_SHARE_OF_VIEW
    away = np.linalg.norm((centres - np.median(centres, 0)) / distance, axis=1)
    away += np.linalg.norm(axes - np.median(axes, 0), axis=1)
    return Standpoint(place, cam_from_world, distance, auto_size, int(np.argmin(away)))


def find_ground(
    shot: dict, solution: dict, cam_from_world: np.ndarray, lens: Lens, points_xyz: np.ndarray, error_px: np.ndarray
) -> Ground:
    """Find the ground: shot.backdrop.ground_z, else what the solved points around the subject show.

    cam_from_world (N, 3, 4); points_xyz (P, 3): world units; error_px (P,): their errors.
    """
    ground_z, subject = shot["backdrop"]["ground_z"], shot["subject"]
    if ground_z is not None:
        return Ground(ground_z, f"z = {ground_z:g} as given")
    if solution["status"] != "solved" or not len(points_xyz):
        return Ground(0.0, "z = 0: no solved points")
    stands = find_standpoint(np.array(subject["location"]), cam_from_world, lens, solution["image_size_px"][0])
    noise = np.asarray(error_px, float) * stands.distance / lens.fx_px
    return fit_ground(np.asarray(points_xyz, float), noise, stands.place[:2], subject["size"] or stands.auto_size)


def find_rendered_field(
    lens: Lens, size_px: tuple[int, int], overscan_px: tuple[int, int], zoom_px: list[float] | None
) -> np.ndarray:
    """Return the corners (4, 2) of what is rendered, normalised: plate and overscan, zoomed out farthest."""
    (width, height), (over_x, over_y) = size_px, overscan_px
    corners_px = np.array([[x, y] for x in (-over_x, width + over_x) for y in (-over_y, height + over_y)], float)
    return lens.normalised_from_px(corners_px) * lens.fx_px / min(zoom_px or [lens.fx_px])


def make_blocks(shot: dict, stands: Standpoint, scale_known: bool, field: np.ndarray) -> dict:
    """Return the sheet's blocks for ground, subject, lights and backdrop.

    field (4, 2): the find_rendered_field, which a picture as backdrop fills.
    """
    size = shot["subject"]["size"] or stands.auto_size
    x, y, z = stands.place.tolist()
    return {
        "ground": {"z": z - shot["subject"]["location"][2], "center": [x, y], "size": GROUND_REACH * stands.distance},
        "subject": _make_subject(shot["subject"], stands, scale_known),
        "lights": _make_lights(shot["lights"], stands),
        "backdrop": {
            **{name: shot["backdrop"][name] for name in ("kind", "color", "image")},
            "curve": _make_curve(stands, size) if shot["backdrop"]["kind"] == "infinite_curve" else None,
            "picture": _make_picture(stands, field) if shot["backdrop"]["kind"] == "image" else None,
        },
    }


def _make_subject(subject: dict, stands: Standpoint, scale_known: bool) -> dict:
    found = {"location": stands.place.tolist(), "rotation_z_deg": subject["rotation_z_deg"]}
    if subject["blend"] is None:
        return {**found, "kind": subject["kind"], "size": subject["size"] or stands.auto_size}
    size, scale = subject["size"], subject["scale"]
    if size is None and scale is None:
        size, scale = (None, 1.0) if scale_known else (stands.auto_size, None)
    brought = {name: subject[name] for name in ("blend", "collection", "link")}
    return {**found, "kind": "blend", "size": size, "scale": scale, **brought}


def _make_lights(lights: dict, stands: Standpoint) -> dict:
    """Return the config's numbers, the sun as a direction, and the lamps by their directions from the subject."""
    view = _find_level_view(stands)
    camera_deg, key_deg = np.degrees(np.arctan2(-view[1], -view[0])), lights["key_azimuth_deg"]
    key_strength = lights["key_strength"]
    lamps = {
        "key": (key_deg, key_strength),
        "fill": (-key_deg, key_strength * lights["fill_strength"]),
        "rim": (key_deg + 180, lights["rim_strength"]),
    }
    same = ("preset", "sun_strength", "sun_angle_deg", "fill_strength", "dome_strength", "image", "rotation_z_deg")
    return {
        **{name: lights[name] for name in same},
        "sun_direction": (-_to_direction(lights["sun_azimuth_deg"], lights["sun_elevation_deg"])).tolist(),
        "lamps": {
            name: {
                "direction": _to_direction(camera_deg + round_deg, LAMPS[name][0]).tolist(),
                "distance": LAMP_DISTANCE,
                "size": LAMPS[name][1],
                "strength": strength,
            }
            for name, (round_deg, strength) in lamps.items()
        },
    }


def _to_direction(azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    level = np.cos(elevation)
    return np.array([level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)])


def _find_level_view(stands: Standpoint) -> np.ndarray:
    """Return the horizontal view as a unit vector (3,): from the middle camera towards the subject.

    A camera straight above the subject takes the direction up its picture; where it looks at the horizon from there, it
    takes its view. A camera that stands in the subject has only its view.
    """
    camera = stands.cam_from_world[stands.middle]
    ahead, up, along = stands.place - find_camera_centres(camera[None])[0], -camera[1, :3], camera[2, :3]
    level = np.zeros(3)
    for view in (along, up) if np.linalg.norm(ahead) < NEAREST else (ahead, up, along):  # one of the last two is level
        level = view * [1.0, 1.0, 0.0]
        if np.linalg.norm(level) > 0.05 * np.linalg.norm(view):
            break
    return level / np.linalg.norm(level)


def _make_curve(stands: Standpoint, size: float) -> dict:
    ahead = _find_level_view(stands)
    return {
        "azimuth_deg": float(np.degrees(np.arctan2(ahead[1], ahead[0]))),  # away from the camera
        "floor": CURVE_FLOOR * size,
        "radius": CURVE_RADIUS * stands.distance,
        "width": GROUND_REACH * stands.distance,
    }


def _make_picture(stands: Standpoint, field: np.ndarray) -> dict:
    """Return a rectangle behind the subject, across the middle camera's view axis, that fills all cameras' view."""
    camera = stands.cam_from_world[stands.middle]
    depth = float(camera[2, :3] @ stands.place + camera[2, 3]) + PICTURE_BEHIND * stands.distance
    depth = max(depth, PICTURE_NEAREST * stands.distance)
    rays = np.einsum("kj,njm,im->nki", _append_one(field), stands.cam_from_world[:, :, :3], camera[:, :3])
    starts = find_camera_centres(stands.cam_from_world) @ camera[:, :3].T + camera[:, 3]
    ahead = np.where(rays[..., 2] > 1e-6, rays[..., 2], np.nan)
    seen = starts[:, None, :2] + rays[..., :2] * ((depth - starts[:, None, 2]) / ahead)[..., None]
    own = field * depth
    spare = (PICTURE_WIDEST - 1) / 2 * np.ptp(own, 0)
    low = np.maximum(np.fmin(own.min(0), np.nanmin(seen, (0, 1))), own.min(0) - spare)
    high = np.minimum(np.fmax(own.max(0), np.nanmax(seen, (0, 1))), own.max(0) + spare)
    centre = camera[:, :3].T @ ([*(low + high) / 2, depth] - camera[:, 3])
    return {"location": centre.tolist(), "size": (high - low).tolist(), "towards": (-camera[2, :3]).tolist(),
            "up": (-camera[1, :3]).tolist()}  # fmt: skip


def _append_one(field: np.ndarray) -> np.ndarray:
    return np.concatenate([field, np.ones((len(field), 1))], 1)
