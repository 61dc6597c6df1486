"""The place of the world: Z up, the ground at z = 0, the origin where the cameras look, a scale.

A solve knows its world only up to rotation, shift and size. Up comes from how people hold cameras (the horizon level)
and, better, from the dominant plane near that up: the floor or the desk. The artist's settings (schema.Orient) come
before what is found.
"""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from shotmake.config import schema
from shotmake.config.picks import name_pick
from shotmake.errors import ShotError
from shotmake.geometry.camera import find_camera_centres
from shotmake.geometry.change_of_world import DEPTH_UNITS, World
from shotmake.reasons import Reason
from shotmake.solve.orient.picks import Solved, check_pick, find_place, find_tracks, is_of_track, warn_of_sliding
from shotmake.solve.orient.survey import THINNEST, place_by_survey

EYE_HEIGHT = 1.6
ROLL_SIGMA_DEG, PITCH_SIGMA_DEG, FLOOR_SIGMA_DEG = 3.0, 22.0, 12.0
GROUND_SIGMAS = 2.5
LEVEL = 1e-3  # a shorter mean of unit directions tells no direction
GROUND_TRIES = 600
GROUND_THICKNESS = 0.008  # of the median depth
KEY = "tracking.solve.orient"
NO_GROUND = "no ground plane found among the points: up is guessed from the cameras"
UNEVEN = 0.05  # of the extent of the ground picks: a pick further off their plane is not on the floor
OTHER_UNIT = 1.5  # two measures that differ by such a factor have different units
SAME_SCALE = 0.05  # a height and a distance, measured by hand, agree within this share


def find_up(cam_from_world: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find the unit up (3,) from cam_from_world (N, 3, 4), and how sure it is: an information matrix (3, 3).

    Cameras are held level (roll within 3 deg), so up is across all their x axes. Where these axes hardly differ
    (a dolly) the pitch stays open, and the cameras' own up decides, within 22 deg. For a unit vector u, u' A u is its
    squared distance from up in sigmas.
    """
    own_up = -cam_from_world[:, 1, :3].mean(0)
    if np.linalg.norm(own_up) < LEVEL:  # the cameras look in all directions: the first one is as good as any
        own_up = -cam_from_world[0, 1, :3]
    own_up /= np.linalg.norm(own_up)
    sideways = cam_from_world[:, 0, :3]
    # a hand's roll is one slow movement: the frames count as four independent ones
    information = 4 * (sideways.T @ sideways) / len(sideways) / np.radians(ROLL_SIGMA_DEG) ** 2
    information += (np.eye(3) - np.outer(own_up, own_up)) / np.radians(PITCH_SIGMA_DEG) ** 2
    values, vectors = np.linalg.eigh(information)
    up = vectors[:, 0] * np.sign(vectors[:, 0] @ own_up or 1.0)
    spread = np.radians(FLOOR_SIGMA_DEG) ** 2
    softened = np.maximum(values - values[0], 0)  # 0 along up itself
    softened = softened / (1 + spread * softened)  # never surer than 12 deg
    return up, (vectors * softened) @ vectors.T


def find_ground(
    points: np.ndarray, cam_from_world: np.ndarray, up: np.ndarray, information: np.ndarray, seed: int = 0
) -> tuple[np.ndarray, np.ndarray] | None:
    """Find the ground's unit normal (3,) and a point (3,) on it; None if there is none.

    Seeded RANSAC over triples of points (N, 3), with normals within 2.5 sigmas of `up`. Points count more the nearer
    they are to the view axes; points below the plane count against it. cam_from_world (N, 3, 4). M. Fischler and R.
    Bolles, "Random Sample Consensus", CACM 24 (1981).
    """
    if len(points) < 20:
        return None
    centres = find_camera_centres(cam_from_world)
    axes = cam_from_world[:, 2, :3]
    some = np.linspace(0, len(centres) - 1, min(len(centres), 12)).astype(int)
    away = points[:, None] - centres[some]
    depth = np.einsum("pci,ci->pc", away, axes[some])
    tangent = np.linalg.norm(away - depth[..., None] * axes[some], axis=2) / np.maximum(depth, 1e-9)
    weight = np.exp(-((np.median(tangent, axis=1) / 0.35) ** 2)) + 0.05
    thickness = GROUND_THICKNESS * float(np.median(depth))
    mean_centre = centres.mean(0)

    random = np.random.default_rng(seed)
    chance = weight / weight.sum()
    best_score, best = 0.0, None
    for _ in range(GROUND_TRIES):
        a, b, c = points[random.choice(len(points), 3, replace=False, p=chance)]
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal)
        if length < 1e-12:
            continue
        normal = normal / length * np.sign(normal @ up or 1.0)
        if normal @ up < 0.5 or normal @ information @ normal > GROUND_SIGMAS**2 or (mean_centre - a) @ normal <= 0:
            continue
        height = (points - a) @ normal
        score = weight[np.abs(height) < thickness].sum() - 0.3 * weight[height < -3 * thickness].sum()
        if score > best_score:
            best_score, best = score, (normal, a)
    if best is None:
        return None
    normal, middle = best
    near, values = np.zeros(len(points), bool), np.zeros(3)
    for _ in range(5):
        near = np.abs((points - middle) @ normal) < thickness
        middle = np.average(points[near], axis=0, weights=weight[near])
        spread = (points[near] - middle) * np.sqrt(weight[near])[:, None]
        values, vectors = np.linalg.eigh(spread.T @ spread)
        normal = vectors[:, 0] * np.sign(vectors[:, 0] @ up or 1.0)
    enough = near.sum() >= max(15, 0.08 * len(points)) and weight[near].sum() > 0.12 * weight.sum()
    flat = values[1] > 25 * values[0]  # a plane, not a line or a ball of points
    if not (enough and flat and normal @ information @ normal <= GROUND_SIGMAS**2):
        return None
    return normal, middle


def orient_moving(solved: Solved, reliable: np.ndarray, median_depth: float, settings: schema.Orient) -> World:
    """Orient the world of a moving camera. reliable (P, 3): the points among which a ground is looked for.

    Survey points give the whole world. Else there is a ground, then a size, an origin and a heading. Raises ShotError
    for picks, measures and survey points that cannot be used or that contradict each other.
    """
    world = _place(solved, reliable, median_depth, settings)
    return replace(world, warnings=(*world.warnings, *warn_of_sliding(_list_picks(settings), solved)))


def _list_picks(settings: schema.Orient) -> list[tuple[str, dict]]:
    """Return the picks that stand for tracks, each with its config key."""
    single = {name: getattr(settings, name) for name in ("origin", "x_axis", "y_axis")}
    anywhere = [(f"{KEY}.{name}", pick) for name, pick in single.items() if pick is not None]
    if settings.distance is not None:
        anywhere += [(f"{KEY}.distance", end) for end in _list_ends(settings.distance)]
    always = [(f"{KEY}.{name}", pick) for name in ("ground", "survey") for pick in getattr(settings, name)]
    return always + [(key, pick) for key, pick in anywhere if is_of_track(pick)]


def _place(solved: Solved, reliable: np.ndarray, median_depth: float, settings: schema.Orient) -> World:
    centres = find_camera_centres(solved.cam_from_world)
    up, information = find_up(solved.cam_from_world)
    if len(settings.survey) > 2:
        return _check_survey(place_by_survey(solved, settings.survey, up), solved, settings)
    is_found, warnings = True, ()
    if settings.ground:
        normal, on_ground, warnings = _fit_ground(solved, settings.ground)
    elif (ground := find_ground(reliable, solved.cam_from_world, up, information)) is not None:
        normal, on_ground = ground
    else:
        heights = reliable @ up if len(reliable) else np.array([centres.mean(0) @ up - 1])
        is_found, normal, on_ground = False, up, up * np.percentile(heights, 5)
    if settings.survey:
        world = _check_survey(place_by_survey(solved, settings.survey, normal), solved, settings)
        said = (*warnings, *world.warnings)
        unknown = Reason("ground_unknown", f"{NO_GROUND}; give a third survey point")
        return replace(world, warnings=said if is_found else (unknown, *said))
    origin = _get_origin(settings)
    if origin is not None and is_of_track(origin) and not settings.ground:
        (row,) = find_tracks([origin], f"{KEY}.origin", solved)
        on_ground = solved.places[row]
    if not is_found:
        fix = f"set {KEY}.ground or place the subject with shot.subject.location"
        text = f"{NO_GROUND} and z = 0 lies at the lowest points or the origin picked; {fix}"
        warnings = (Reason("ground_unknown", text),)
    world = _make_upright(solved.cam_from_world, normal, on_ground, DEPTH_UNITS / median_depth)
    return _apply_picks(replace(world, ground_found=is_found, warnings=warnings), solved, settings)


def _check_survey(world: World, solved: Solved, settings: schema.Orient) -> World:
    """Return the world of a survey, compared with the other measures unless the survey contradicts itself."""
    if all(one.code != "survey_contradicts" for one in world.warnings):
        check_sizes(world, solved, settings)
    return world


def orient_tripod(solved: Solved, settings: schema.Orient) -> World:
    """Orient the world of a camera that only turns (or stands still): all centres are at the old origin.

    Nothing is known of the ground. So the camera is put above z = 0 such that its average view axis meets the ground 5
    units away. If it looks up or almost level (less than 5 deg down), it is put 1.6 units above the ground. Picks on
    that ground and the camera's height can still be given. Raises ShotError for picks of tracks and survey points, and
    for picks and measures that cannot be used.
    """
    for name in ("survey", "ground"):
        if getattr(settings, name):
            raise ShotError(
                f"{KEY}.{name}: found tracks of a camera that only turns or stands still, which have directions but no "
                f"points; needed {KEY}.camera_height_m or {KEY}.distance on the level ground below it"
            )
    cam_from_world = solved.cam_from_world
    up, _ = find_up(cam_from_world)
    axis = cam_from_world[:, 2, :3].mean(0)
    down = -float(axis @ up) / max(float(np.linalg.norm(axis)), LEVEL)
    height = DEPTH_UNITS * down if down > np.sin(np.radians(5)) else EYE_HEIGHT
    world = _make_upright(cam_from_world, up, -up * height, 1.0)
    return _apply_picks(world, solved, settings)


def _fit_ground(solved: Solved, picks: list[dict]) -> tuple[np.ndarray, np.ndarray, tuple[Reason, ...]]:
    """Fit the least-squares plane of three or more tracks.

    Returns the unit normal (3,) towards the cameras, a point (3,) on the plane, and warnings. Raises ShotError for
    fewer than three picks and for picks on a line.
    """
    key = f"{KEY}.ground"
    points = solved.places[find_tracks(picks, key, solved)]
    if len(points) < 3:
        raise ShotError(f"{key}: found {len(points)} picks; needed three or more")
    middle = points.mean(0)
    _, spread, axes = np.linalg.svd(points - middle)
    extent = spread[0] / np.sqrt(len(points))
    if spread[1] < THINNEST * spread[0]:
        width = f"{spread[1] / max(spread[0], 1e-12):.1%} as wide as long"
        raise ShotError(f"{key}: found picks on a line ({width}); needed one at least {THINNEST:.0%} off it")
    normal = axes[2] * np.sign(np.median((find_camera_centres(solved.cam_from_world) - middle) @ axes[2]) or 1.0)
    off = np.abs((points - middle) @ normal)
    if off.max() < UNEVEN * extent:
        return normal, middle, ()
    worst = f"{name_pick(picks[int(off.argmax())])} is off it by {off.max() / extent:.0%} of their extent"
    text = f"{key}: the picks are not on one plane: {worst}; drop what is not on the floor"
    return normal, middle, (Reason("ground_uneven", text),)


def _make_upright(cam_from_world: np.ndarray, normal: np.ndarray, on_ground: np.ndarray, scale: float) -> World:
    """Return a world with Z along `normal` and Y along the average view over the ground.

    The origin is where that view meets the ground. From straight above, Y is up in the picture. A camera that turns
    once round has no average view: its first view counts.
    """
    centres, axes, tops = find_camera_centres(cam_from_world), cam_from_world[:, 2, :3], -cam_from_world[:, 1, :3]
    for view in (axes.mean(0), tops.mean(0), axes[0], tops[0]):  # one of the last two is level
        forward = view - (view @ normal) * normal
        if np.linalg.norm(forward) >= LEVEL:
            break
    forward = forward / np.linalg.norm(forward)
    rotation = np.stack([np.cross(forward, normal), forward, normal])
    slope = axes @ normal
    heights = (centres - on_ground) @ normal
    meets = slope < -0.08  # steeper than about 5 deg
    if meets.mean() > 0.5:
        hits = centres[meets] - axes[meets] * (heights[meets] / slope[meets])[:, None]
        origin = np.median(hits, axis=0)
    else:
        origin = centres.mean(0) + forward * (DEPTH_UNITS / scale)
    origin = origin - ((origin - on_ground) @ normal) * normal
    return World(rotation, -scale * rotation @ origin, scale, False, False, ())


def _apply_picks(world: World, solved: Solved, settings: schema.Orient) -> World:
    """Apply the artist's settings to an upright world: the size, then the origin, then the heading.

    Raises ShotError when a setting cannot be used, or when distance and camera height disagree.
    """
    if settings.distance is not None:
        key = f"{KEY}.distance"
        metres = float(check_pick(settings.distance, key, ("metres",))["metres"])
        picks = _list_ends(settings.distance)
        ends = [find_place(pick, key, world, solved) for pick in picks]
        length = float(np.linalg.norm(ends[0] - ends[1]))
        if not metres > 0 or length < 1e-9:
            where = " and ".join(map(name_pick, picks))
            raise ShotError(f"{key}: found {metres:g} metres between {where}; needed two places and metres > 0")
        world = _scale(world, metres / length)
    if settings.camera_height_m is not None:
        key = f"{KEY}.camera_height_m"
        heights = find_camera_centres(world.transform_cameras(solved.cam_from_world))[:, 2]
        frame = settings.camera_height_frame
        height = float(np.median(heights) if frame is None else heights[solved.camera_of(frame, key)])
        if height < 1e-6 * DEPTH_UNITS:
            raise ShotError(f"{key}: found the camera on the ground or under it; needed it above: set {KEY}.ground")
        factor = settings.camera_height_m / height
        if settings.distance is None:
            world = _scale(world, factor)
        elif abs(np.log(factor)) > SAME_SCALE:
            raise ShotError(
                f"{KEY}.distance puts the camera {height:.3g} m above the ground, {key} says "
                f"{settings.camera_height_m:g} m; needed two that agree within {SAME_SCALE:.0%}, or one of them"
            )
    origin = _get_origin(settings)
    if origin is not None:
        spot = find_place(origin, f"{KEY}.origin", world, solved)
        world = replace(world, shift=world.shift - [spot[0], spot[1], 0.0])
    for name, from_x in (("x_axis", 0.0), ("y_axis", np.pi / 2)):
        pick = getattr(settings, name)
        if pick is None:
            continue
        x, y, _ = find_place(pick, f"{KEY}.{name}", world, solved)
        if np.hypot(x, y) < 1e-6 * world.scale:
            raise ShotError(
                f"{KEY}.{name}: found {name_pick(pick)}, straight above the origin; needed a place beside it"
            )
        angle = from_x - np.arctan2(y, x)
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
        world = replace(world, rotation=turn @ world.rotation, shift=turn @ world.shift)
    return world


def check_sizes(world: World, solved: Solved, settings: schema.Orient) -> None:
    """Compare the artist's measures with the size of a world that comes from a survey or from an imported camera.

    Raises ShotError when they differ by a factor of OTHER_UNIT or more: a tape measure errs by little, another unit by
    a factor. Picks without a solved point are left out: they place nothing here.
    """
    for key, measured, there in _measure_sizes(world, solved, settings):
        factor = there / measured if measured > 0 else np.inf
        if not 1 / OTHER_UNIT < factor < OTHER_UNIT:
            raise ShotError(
                f"{key}: found {measured:.3g} m for what is {there:.3g} m in the world that the camera or the survey "
                f"brings along; needed one size: are both in metres (cm: 100 times as many, feet: 3.28)? Correct one "
                "or leave it out"
            )


def _measure_sizes(world: World, solved: Solved, settings: schema.Orient) -> Iterator[tuple[str, float, float]]:
    """Yield (key, metres measured, metres in the world) of all measures that could be looked up."""
    if len(settings.survey) > 1 and not world.survey:
        yield from _measure_survey(world, solved, settings)
    if settings.camera_height_m is not None:
        heights = np.abs(find_camera_centres(world.transform_cameras(solved.cam_from_world))[:, 2])
        frame, key = settings.camera_height_frame, f"{KEY}.camera_height_m"
        there = float(np.median(heights) if frame is None else heights[solved.camera_of(frame, key)])
        yield key, settings.camera_height_m, there
    if settings.distance is not None:
        key = f"{KEY}.distance"
        metres = float(check_pick(settings.distance, key, ("metres",))["metres"])
        try:
            ends = [find_place(pick, key, world, solved) for pick in _list_ends(settings.distance)]
        except ShotError:
            return
        yield key, metres, float(np.linalg.norm(ends[0] - ends[1]))


def _measure_survey(world: World, solved: Solved, settings: schema.Orient) -> Iterator[tuple[str, float, float]]:
    try:
        rows = find_tracks(settings.survey, f"{KEY}.survey", solved)
    except ShotError:
        return
    places = (
        world.transform_points(solved.places[rows]),
        np.array([entry["xyz_m"] for entry in settings.survey], float),
    )
    there, measured = (float(np.linalg.norm(xyz - xyz.mean(0), axis=1).mean()) for xyz in places)
    yield f"{KEY}.survey", measured, there


def _get_origin(settings: schema.Orient) -> dict | None:
    assert not isinstance(settings.origin, str)  # a name: it has become a place (check_orient.with_places)
    return settings.origin


def _list_ends(distance: dict) -> list[dict]:
    """Return the two picks of orient.distance, in either of its forms."""
    if "a" in distance:
        return [distance["a"], distance["b"]]
    distance = check_pick(distance, f"{KEY}.distance", ("frame", "a_px", "b_px"))
    common = {name: distance[name] for name in ("frame", "snap") if name in distance}
    return [{**common, "xy_px": distance["a_px"]}, {**common, "xy_px": distance["b_px"]}]


def _scale(world: World, factor: float) -> World:
    return replace(world, scale=world.scale * factor, shift=world.shift * factor, scale_known=True)
