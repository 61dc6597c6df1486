"""Plates with known truth: textured quads seen by a known camera through a known lens.

Everything is numpy and OpenCV, seeded, and independent of shotmake's own camera and lens code: the
lens here is cv2.projectPoints and cv2.undistortPoints. Pixels have their origin at the top-left
corner (first centre at 0.5, 0.5); cv2's is half a pixel off, so 0.5 is taken off at each cv2 call.

    plate = make_plate("desk")
    for number, image in frames(plate): ...          # (H, W, 3) uint8 BGR
    for number, image in luma_frames(plate): ...     # (H, W) uint8
    there_px = true_position(plate, xy_px, 1, 25)    # where these plate points are in frame 25
    truth(plate)                                     # dict, as ../shared/tools/evaluate.py reads it
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

import cv2
import numpy as np

KINDS = ("desk", "pan", "static", "planar", "dolly", "handheld", "moving", "crossing")
SUPERSAMPLING = 1.3  # the undistorted picture is drawn this much larger
BLUR_SAMPLES = 2  # sub-frames averaged over the shutter's opening
HANDHELD_BLUR_SAMPLES = 5  # its blur is longer
NEAR = 0.05  # world units


@dataclass(frozen=True)
class Quad:
    """A textured parallelogram: origin + s * side_u + t * side_v with s, t in 0..1. Boxes show only their outside."""

    origin: np.ndarray
    side_u: np.ndarray
    side_v: np.ndarray
    mipmaps: list[np.ndarray]
    one_sided: bool
    shift_at: Callable[[float], np.ndarray] | None = None  # time 0..1 -> (3,) how far it has moved

    @property
    def normal(self) -> np.ndarray:
        return np.cross(self.side_u, self.side_v)


@dataclass(frozen=True)
class Plate:
    """A scene, a camera path and a lens. World Z is up; camera axes are OpenCV's."""

    kind: str
    size_px: tuple[int, int]
    first_frame: int
    frame_count: int
    focal_px: float
    k1: float
    k2: float
    noise: float  # grey levels, deviation
    shutter: float  # share of the frame's time that the shutter is open
    seed: int
    quads: list[Quad]
    camera_at: Callable[[float], tuple[np.ndarray, np.ndarray]]  # time 0..1 -> rotation (3, 3), centre (3,)

    def time(self, frame: float) -> float:
        return (frame - self.first_frame) / max(1, self.frame_count - 1)

    @property
    def frame_numbers(self) -> range:
        return range(self.first_frame, self.first_frame + self.frame_count)

    @property
    def coefficients(self) -> np.ndarray:
        return np.array([self.k1, self.k2, 0.0, 0.0])

    def camera_matrix(self) -> np.ndarray:
        """With the principal point in the middle, origin at the top-left corner of the image."""
        width, height = self.size_px
        return np.array([[self.focal_px, 0, width / 2], [0, self.focal_px, height / 2], [0, 0, 1]])

    def undistorted(self, xy_px: np.ndarray) -> np.ndarray:
        """(N, 2) plate px -> (N, 2) normalised coordinates without distortion."""
        until = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
        points = np.asarray(xy_px, float).reshape(-1, 1, 2)
        return cv2.undistortPointsIter(points, self.camera_matrix(), self.coefficients, None, None, until)[:, 0]

    @cached_property
    def lens_maps(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
        """What turns the undistorted picture into the plate: two cv2.remap maps, its camera matrix and size."""
        width, height = self.size_px
        pixels = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1).reshape(-1, 2)
        normalised = self.undistorted(pixels)
        focal = self.focal_px * SUPERSAMPLING
        half = np.ceil(np.abs(normalised).max(0) * focal + 4)
        matrix = np.array([[focal, 0, half[0]], [0, focal, half[1]], [0, 0, 1]])
        positions = (normalised * focal + half - 0.5).astype(np.float32).reshape(height, width, 2)
        size = (int(2 * half[0]), int(2 * half[1]))
        return np.ascontiguousarray(positions[..., 0]), np.ascontiguousarray(positions[..., 1]), matrix, size


def make_plate(
    kind: str = "desk",
    size_px: tuple[int, int] = (480, 270),
    frame_count: int = 40,
    first_frame: int = 1,
    k1: float = -0.12,
    k2: float = 0.03,
    noise: float = 2.0,
    shutter: float = 0.35,
    seed: int = 7,
    span: float = 1.0,
) -> Plate:
    """A plate of one of KINDS.

    desk (an orbit round boxes), pan (tripod), static (locked off), planar (one wall), dolly (forward), handheld
    (shaken; a shutter of 0.5 blurs it by several px), moving (an orbit while a tall box walks past), crossing (the same
    with a wider one: a quarter of the picture, in every frame).
    `span` is how much of the camera's path the frames cover (1 = all of it: fast for few frames).
    """
    if kind not in KINDS:
        raise ValueError(f"kind: found {kind!r}, needed one of {', '.join(KINDS)}")
    rng = np.random.default_rng(seed)
    detail = size_px[0] / 1280  # texture density follows the plate's resolution
    quads = [_quad([-3, -0.1, -2], [6, 0, 0], [0, 0, 4], 420 * detail, rng)] if kind == "planar" else _room(detail, rng)
    if kind == "moving":
        quads += _walker(detail, np.random.default_rng(seed + 2), span)
    elif kind == "crossing":
        quads += _walker(detail, np.random.default_rng(seed + 2), span, CROSSING)
    path = _path(kind, np.random.default_rng(seed + 1))
    return Plate(
        kind=kind,
        size_px=size_px,
        first_frame=first_frame,
        frame_count=frame_count,
        focal_px=1100 * size_px[0] / 1280,
        k1=k1,
        k2=k2,
        noise=noise,
        shutter=shutter,
        seed=seed,
        quads=quads,
        camera_at=lambda time: path(span * time),
    )


def frames(plate: Plate) -> Iterator[tuple[int, np.ndarray]]:
    """Every (frame number, (H, W, 3) uint8 BGR image)."""
    picture = None
    for frame in plate.frame_numbers:
        if picture is None or plate.kind != "static":  # a locked-off camera sees one picture, under changing noise
            picture = _expose(plate, frame)
        rng = np.random.default_rng([plate.seed, frame])
        grain = rng.standard_normal((*picture.shape[:2], 1), np.float32) * np.float32(plate.noise)
        yield frame, np.clip(picture + grain + 0.5, 0, 255).astype(np.uint8)


def luma_frames(plate: Plate) -> Iterator[tuple[int, np.ndarray]]:
    """Every (frame number, (H, W) uint8 luma)."""
    for frame, image in frames(plate):
        yield frame, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def cam_from_world(plate: Plate, frame: int) -> np.ndarray:
    """(3, 4)."""
    rotation, centre = plate.camera_at(plate.time(frame))
    return np.concatenate([rotation, -(rotation @ centre)[:, None]], 1)


def truth(plate: Plate) -> dict:
    """The true solve, as evaluate.py reads it (lengths in world units)."""
    cameras = [cam_from_world(plate, frame) for frame in plate.frame_numbers]
    centres = np.array([plate.camera_at(plate.time(frame))[1] for frame in plate.frame_numbers])
    width, height = plate.size_px
    return {
        "schema": 1,
        "status": "solved",
        "kind": plate.kind,
        "image_size_px": [width, height],
        "lens": {
            "model": "brown_conrady",
            "direction": "undistorted_to_distorted",
            "fx_px": plate.focal_px,
            "fy_px": plate.focal_px,
            "cx_px": width / 2,
            "cy_px": height / 2,
            "k1": plate.k1,
            "k2": plate.k2,
            "p1": 0.0,
            "p2": 0.0,
            "k3": 0.0,
        },
        "frames": list(plate.frame_numbers),
        "cam_from_world": [camera.ravel().tolist() for camera in cameras],
        "path_length": float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum()),
    }


def world_points(plate: Plate, xy_px: np.ndarray, frame: int) -> np.ndarray:
    """(N, 3) the surface points seen at plate pixels (N, 2); NaN where nothing is hit."""
    return surfaces(plate, xy_px, frame)[0]


def surfaces(plate: Plate, xy_px: np.ndarray, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Like world_points, and the index of the quad that is hit (N,), -1 for none."""
    rotation, centre = plate.camera_at(plate.time(frame))
    normalised = plate.undistorted(xy_px)
    directions = np.concatenate([normalised, np.ones((len(normalised), 1))], 1) @ rotation
    nearest, points = np.full(len(directions), np.inf), np.full((len(directions), 3), np.nan)
    hit_quad = np.full(len(directions), -1)
    for number, resting in enumerate(plate.quads):
        quad = _moved(resting, plate.time(frame))
        facing = directions @ quad.normal
        with np.errstate(divide="ignore", invalid="ignore"):
            depth = ((quad.origin - centre) @ quad.normal) / facing
            hit = centre + depth[:, None] * directions
            s = (hit - quad.origin) @ quad.side_u / (quad.side_u @ quad.side_u)
            t = (hit - quad.origin) @ quad.side_v / (quad.side_v @ quad.side_v)
            seen = (depth > NEAR) & (depth < nearest) & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
        if quad.one_sided:
            seen &= facing < 0
        nearest[seen], points[seen], hit_quad[seen] = depth[seen], hit[seen], number
    return points, hit_quad


def project(plate: Plate, points: np.ndarray, frame: int) -> np.ndarray:
    """(N, 2) plate px of world points (N, 3); NaN behind the camera."""
    camera = cam_from_world(plate, frame)
    rotation_vector = cv2.Rodrigues(camera[:, :3])[0]
    depth = points @ camera[2, :3] + camera[2, 3]
    good = depth > NEAR  # False for NaN
    xy_px = np.full((len(points), 2), np.nan)
    if good.any():
        projected = cv2.projectPoints(
            points[good], rotation_vector, camera[:, 3], plate.camera_matrix(), plate.coefficients
        )
        xy_px[good] = projected[0][:, 0]
    return xy_px


def true_position(plate: Plate, xy_px: np.ndarray, frame_a: int, frame_b: int) -> np.ndarray:
    """Where the surface points at xy_px (N, 2) in frame_a are in frame_b (hidden or not); NaN where nothing is hit."""
    points, hit_quad = surfaces(plate, xy_px, frame_a)
    for number, quad in enumerate(plate.quads):
        if quad.shift_at:
            points[hit_quad == number] += quad.shift_at(plate.time(frame_b)) - quad.shift_at(plate.time(frame_a))
    return project(plate, points, frame_b)


def on_depth_edge(plate: Plate, xy_px: np.ndarray, frame: int, reach_px: float = 5.0) -> np.ndarray:
    """(N,) whether a depth edge passes within reach_px: there T-junctions arise, which are no points in space.

    Inverse depth is linear in the picture on a plane, so opposite neighbours on it average to the middle.
    """
    forward, centre = cam_from_world(plate, frame)[2, :3], plate.camera_at(plate.time(frame))[1]

    def nearness(offset_px) -> np.ndarray:
        depth = (world_points(plate, np.asarray(xy_px, float) + offset_px, frame) - centre) @ forward
        return np.where(np.isfinite(depth), 1 / depth, 0.0)

    here, found = nearness((0.0, 0.0)), np.zeros(len(xy_px), bool)
    for angle in np.arange(4) * np.pi / 4:
        offset_px = reach_px * np.array([np.cos(angle), np.sin(angle)])
        found |= np.abs(nearness(offset_px) + nearness(-offset_px) - 2 * here) > 0.03 * here
    return found


def _moved(quad: Quad, time: float) -> Quad:
    """Where a quad that moves is at a time."""
    return replace(quad, origin=quad.origin + quad.shift_at(time)) if quad.shift_at else quad


def write_movie(
    path, frames: Iterable[tuple[int, np.ndarray]], rate=24, codec: str = "libx264", crf: int = 16, exact: bool = False
) -> None:
    """Write (number, BGR or luma uint8 image) frames as a movie; `rate` may be a Fraction.

    exact: the same bytes for the same frames. x264's macroblock tree gives others from run to run.
    """
    import av

    options = {"crf": str(crf), "preset": "veryfast"} | ({"x264-params": "mbtree=0"} if exact else {})
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=Fraction(rate), options=options)
        for _, image in frames:
            if not stream.codec_context.is_open:  # the first frame tells the size, which must be even
                stream.height, stream.width, stream.pix_fmt = *image.shape[:2], "yuv420p"
            picture = av.VideoFrame.from_ndarray(image, format="gray" if image.ndim == 2 else "bgr24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


# The scenes


def _room(detail: float, rng: np.random.Generator) -> list[Quad]:
    """A desk with boxes in a room."""
    quads = [
        _quad([-3, 2.2, -0.8], [6, 0, 0], [0, 0, 3], 400 * detail, rng),  # back wall
        _quad([-2.6, 2.3, -0.8], [0, -5, 0], [0, 0, 3], 400 * detail, rng),  # left wall
        _quad([-3, -3, -0.75], [6, 0, 0], [0, 6, 0], 350 * detail, rng),  # floor
        _quad([-1.1, -0.5, 0], [2.2, 0, 0], [0, 1.2, 0], 900 * detail, rng),  # desk
    ]
    boxes = [  # foot, size, turn about Z in radians, texels per unit
        ((-0.6, 0.2, 0), (0.3, 0.2, 0.35), 0.3, 1000),
        ((0.1, 0.35, 0), (0.25, 0.3, 0.5), -0.4, 1000),
        ((0.65, 0.1, 0), (0.3, 0.25, 0.2), 0.8, 1000),
        ((-0.2, -0.15, 0), (0.18, 0.14, 0.12), 1.1, 1000),
        ((0.45, -0.25, 0), (0.2, 0.12, 0.08), -0.9, 1000),
        ((1.6, 1.6, -0.75), (0.7, 0.5, 1.6), 0.2, 450),
        ((-1.8, 1.2, -0.75), (0.6, 0.5, 1.1), 0.5, 450),
    ]
    for foot, size, turn, density in boxes:
        quads += _box(foot, size, turn, density * detail, rng)
    return quads


MOVING = ((-0.95, -0.75, -0.3), (0.3, 0.15, 1.0), 1.9)  # foot, size, how far it walks: a tenth of the picture
CROSSING = ((-0.6, -0.3, -0.1), (0.55, 0.25, 0.85), 1.25)  # a quarter


def _walker(detail: float, rng: np.random.Generator, span: float, walk=MOVING) -> list[Quad]:
    """A tall box that walks past the desk, swaying."""
    foot, size, length = walk

    def shift_at(time: float) -> np.ndarray:
        walked = span * time
        return np.array([length * walked, -0.15 * walked, 0.03 * np.sin(25 * walked)])

    return [replace(quad, shift_at=shift_at) for quad in _box(foot, size, 0.2, 900 * detail, rng)]


def walker_box_px(plate: Plate, frame: int) -> np.ndarray:
    """(4,) x, y, w, h in plate px of all that moves, as far as it is in the picture; empty where it is not."""
    moving = [_moved(quad, plate.time(frame)) for quad in plate.quads if quad.shift_at]
    s, t = (side.ravel() for side in np.meshgrid(np.linspace(0, 1, 9), np.linspace(0, 1, 9)))  # a lens bends sides
    points = [quad.origin + s[:, None] * quad.side_u + t[:, None] * quad.side_v for quad in moving]
    corners = np.clip(project(plate, np.concatenate(points), frame), 0, plate.size_px)
    return np.concatenate([corners.min(0), corners.max(0) - corners.min(0)])


def _box(foot, size, turn: float, density: float, rng: np.random.Generator) -> list[Quad]:
    """The top and four sides of a box that stands on `foot`."""
    x = np.array([np.cos(turn), np.sin(turn), 0]) * size[0]
    y = np.array([-np.sin(turn), np.cos(turn), 0]) * size[1]
    z = np.array([0, 0, size[2]])
    corner = np.array(foot, float) - x / 2 - y / 2
    faces = [(corner + z, x, y), (corner, x, z), (corner + x, y, z), (corner + x + y, -x, z), (corner + y, -y, z)]
    return [_quad(*face, density, rng, one_sided=True) for face in faces]


def _quad(origin, side_u, side_v, density: float, rng: np.random.Generator, one_sided: bool = False) -> Quad:
    origin, side_u, side_v = (np.array(vector, float) for vector in (origin, side_u, side_v))
    width, height = (int(np.clip(np.linalg.norm(side) * density, 32, 2600)) for side in (side_u, side_v))
    mipmaps = [_texture(width, height, rng)]
    while min(mipmaps[-1].shape[:2]) > 16:
        rows, columns = mipmaps[-1].shape[:2]
        mipmaps.append(cv2.resize(mipmaps[-1], (columns // 2, rows // 2), interpolation=cv2.INTER_AREA))
    return Quad(origin, side_u, side_v, mipmaps, one_sided)


def _texture(width: int, height: int, rng: np.random.Generator) -> np.ndarray:
    """(height, width, 4) uint8 BGRA, opaque: soft clouds, scattered shapes with corners, grain."""
    image = np.ones((height, width, 3), np.float32) * rng.integers(60, 190, 3)
    for octave in range(2, 8):
        columns = 2**octave
        rows = max(2, columns * height // width + 1)
        clouds = rng.normal(0, 1, (rows, columns, 3)).astype(np.float32) * np.array([1, 0.8, 0.6], np.float32)
        image += cv2.resize(clouds, (width, height), interpolation=cv2.INTER_CUBIC) * (26 / np.sqrt(octave))
    image = np.clip(image, 0, 255).astype(np.uint8)
    for _ in range(12 + width * height // 900):
        colour = rng.integers(0, 255, 3).tolist()
        centre, size, corners = rng.integers(0, [width, height]), rng.uniform(3, 16), int(rng.integers(2, 6))
        if corners == 2:
            cv2.circle(image, tuple(centre.tolist()), int(size / 2), colour, -1, cv2.LINE_AA)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, corners))
            outline = centre + size * np.stack([np.cos(angles), np.sin(angles)], 1)
            cv2.fillPoly(image, [outline.astype(np.int32)], colour, cv2.LINE_AA)
    grain = rng.standard_normal((height, width, 1), np.float32) * 6
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    return np.concatenate([image, np.full((height, width, 1), 255, np.uint8)], 2)


def _path(kind: str, rng: np.random.Generator) -> Callable[[float], tuple[np.ndarray, np.ndarray]]:
    """Time 0..1 -> rotation (3, 3) and centre (3,) of a hand-held camera."""
    from scipy.interpolate import CubicSpline

    sway = CubicSpline(np.linspace(0, 1, 9), rng.normal(0, 1, (9, 3)))
    aim = CubicSpline(np.linspace(0, 1, 11), rng.normal(0, 1, (11, 3)))

    shake = CubicSpline(np.linspace(0, 1, 31), rng.normal(0, 1, (31, 3))) if kind == "handheld" else None

    def camera(time: float) -> tuple[np.ndarray, np.ndarray]:
        if kind in ("desk", "moving", "crossing"):
            angle, radius = -1.55 + 0.75 * time, 2.1 - 0.25 * time
            centre = np.array([0.9 * radius * np.cos(angle) - 0.3, radius * np.sin(angle), 0.85])
            centre = centre + (0, 0, 0.25 * np.sin(2.5 * time)) + 0.02 * sway(time)
            target = np.array([0, 0.35, 0.18]) + 0.03 * aim(time)
        elif kind == "pan":
            centre = np.array([0.2, -1.9, 0.8])
            target = np.array([-1.0 + 1.8 * time, 0.9 + 0.2 * np.sin(3 * time), 0.2]) + 0.05 * aim(time)
        elif kind == "dolly":
            centre = np.array([-0.25 + 0.4 * time, -2.75 + 1.2 * time, 0.75 - 0.1 * time]) + 0.02 * sway(time)
            target = np.array([0.1, 1.2, 0.1]) + 0.04 * aim(time)
        elif kind == "handheld":
            centre = np.array([-0.5 + 0.9 * time, -2.05 + 0.25 * time, 0.8]) + 0.03 * sway(time) + 0.006 * shake(time)
            target = np.array([-0.1 + 0.3 * time, 0.35, 0.15]) + 0.04 * aim(time) + 0.02 * shake(time)
        elif kind == "planar":
            centre = np.array([-1 + 2 * time, -2.3 + 0.4 * time, 0.3 * np.sin(2 * time)]) + 0.02 * sway(time)
            target = np.array([-0.3 + 0.6 * time, 0, 0.1]) + 0.04 * aim(time)
        else:
            return _look_at(np.array([0.2, -1.9, 0.8]), np.array([0.0, 0.4, 0.2]), 0.0)
        return _look_at(centre, target, 0.02 * aim(time)[0])

    return camera


def _look_at(centre: np.ndarray, target: np.ndarray, roll: float) -> tuple[np.ndarray, np.ndarray]:
    forward = (target - centre) / np.linalg.norm(target - centre)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    upright = np.stack([right, np.cross(forward, right), forward])
    turn = np.array([[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    return turn @ upright, centre


# Drawing


def _expose(plate: Plate, frame: int) -> np.ndarray:
    """(H, W, 3) float32 BGR without noise: the sub-frames of the shutter's opening, averaged, seen through the lens."""
    map_x, map_y, matrix, size = plate.lens_maps
    total = np.zeros((size[1], size[0], 3), np.uint16)
    samples = BLUR_SAMPLES if plate.kind != "handheld" else HANDHELD_BLUR_SAMPLES
    for sample in range(samples):
        moment = frame + plate.shutter * ((sample + 0.5) / samples - 0.5)
        quads = [_moved(quad, plate.time(moment)) for quad in plate.quads]
        total += _draw(quads, *plate.camera_at(plate.time(moment)), matrix, size)
    sharp = cv2.GaussianBlur((total / np.float32(samples)).astype(np.float32), (0, 0), 0.7)
    return cv2.remap(sharp, map_x, map_y, cv2.INTER_LINEAR)


def _draw(quads: list[Quad], rotation, centre, matrix: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, 3) uint8 BGR through a pinhole camera: every quad is warped by its homography and depth-tested."""
    width, height = size
    image = np.zeros((height, width, 4), np.uint8)
    inverse_depth = np.full((height, width), 1e-3, np.float32)
    for quad in quads:
        origin, side_u, side_v = rotation @ (quad.origin - centre), rotation @ quad.side_u, rotation @ quad.side_v
        normal = np.cross(side_u, side_v)
        distance = normal @ origin
        if abs(distance) < 1e-9 or (quad.one_sided and distance >= 0):
            continue
        box = _bounds(np.array([origin, origin + side_u, origin + side_u + side_v, origin + side_v]), matrix, size)
        if box is None:
            continue
        left, top, right, bottom = box
        texture = _fitting_mipmap(quad, origin, side_u, side_v, matrix[0, 0])
        rows, columns = texture.shape[:2]
        # Texel (i + 0.5) / columns = s; both ends in cv2's pixels, so half a pixel off each.
        first_texel = origin + 0.5 * (side_u / columns + side_v / rows)
        from_texture = np.stack([side_u / columns, side_v / rows, first_texel], 1)
        shift = np.array([[1, 0, -left - 0.5], [0, 1, -top - 0.5], [0, 0, 1]])
        patch = cv2.warpPerspective(texture, shift @ matrix @ from_texture, (right - left, bottom - top))

        plane = (normal @ np.linalg.inv(matrix)) / distance  # inverse depth is linear in pixels
        x, y = np.arange(left, right) + 0.5, np.arange(top, bottom)[:, None] + 0.5
        closeness = (plane[0] * x + plane[1] * y + plane[2]).astype(np.float32)
        nearest = inverse_depth[top:bottom, left:right]
        seen = ((patch[..., 3] > 127) & (closeness > nearest)).astype(np.uint8)
        cv2.copyTo(patch, seen, image[top:bottom, left:right])
        cv2.copyTo(closeness, seen, nearest)
    return image[..., :3]


def _bounds(corners: np.ndarray, matrix: np.ndarray, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom px of a quad's picture, cut off at the near plane; None if it is not seen."""
    outline = []
    for here, following in zip(corners, np.roll(corners, -1, 0), strict=True):
        if here[2] >= NEAR:
            outline.append(here)
        if (here[2] - NEAR) * (following[2] - NEAR) < 0:
            outline.append(here + (following - here) * (NEAR - here[2]) / (following[2] - here[2]))
    if not outline:
        return None
    projected = np.array(outline) @ matrix.T
    projected = projected[:, :2] / projected[:, 2:]
    left, top = np.clip(np.floor(projected.min(0)), 0, size).astype(int).tolist()
    right, bottom = np.clip(np.ceil(projected.max(0)) + 1, 0, size).astype(int).tolist()
    return (left, top, right, bottom) if right > left and bottom > top else None


def _fitting_mipmap(quad: Quad, origin, side_u, side_v, focal_px: float) -> np.ndarray:
    """The mipmap with about one texel a pixel at the quad's middle depth."""
    places = [origin + side_u * s + side_v * t for s in (0.1, 0.5, 0.9) for t in (0.1, 0.5, 0.9)]
    depths = [place[2] for place in places if place[2] > 2 * NEAR]
    texels_per_px = quad.mipmaps[0].shape[1] / np.linalg.norm(side_u) * (np.median(depths) if depths else 1) / focal_px
    level = int(np.clip(np.floor(np.log2(max(texels_per_px, 1e-6)) + 0.5), 0, len(quad.mipmaps) - 1))
    return quad.mipmaps[level]
