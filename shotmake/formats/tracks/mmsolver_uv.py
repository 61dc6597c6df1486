"""mmSolver .uv 2D tracks, versions 1 (text) to 5 (JSON); version 5 is written.

u and v are 0..1 of the image, (0, 0) its bottom-left corner and (1, 1) its top-right, so the tracks of any proxy fit.
Frames are the plate's own numbers. Version 1: the number of points, then for each point its name, its number of frames
and `frame u v weight` lines. Versions 2 to 5: {"version", "num_points", "is_undistorted", "points": [{"name", "id",
"set_name", "per_frame": [{"frame", "pos", "pos_dist", "weight"}], "3d"}]}; 2 has no pos_dist, 4 and 5 have the camera's
resolution, film back (cm) and focal lengths, 5 the scene's and point group's matrices too.

pos_dist is where the plate shows the point, pos is the same without lens distortion. pos_dist is read. Versions 1 and 2
have only pos, which is taken as the plate's; where a file says that it is undistorted, there is a note. We write our
pos_dist as pos as well: choose the distorted positions in mmSolver. A disabled marker has weight 0; the weight of a
track is that of its markers; expected errors, interpolation and the 3D points are lost. Refused: a resolution of
another shape.

Source: mmSolver python/mmSolver/utils/loadmarker/formats/uvtrack.py (reads 1 to 5), its 3DEqualizer exporter
copy_tracks_mmsolver.py (writes them; a file of no points is empty there) and tests/data/uvtrack.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from shotmake.formats.given_to_writers import Take
from shotmake.formats.number_rows import Lines
from shotmake.formats.text_files import load_json, make_fault, quote_field, quote_word, read_head, read_number
from shotmake.formats.tracks.named_tracks import KEY, NamedTracks, ReadTrack, name_tracks, yield_tracks
from shotmake.numbers_in_words import count_of
from shotmake.tracks.markers import DISABLED

VERSIONS = (2, 3, 4, 5)
SHAPE_TOLERANCE = 0.02  # relative, of width / height: allows the rounding of a proxy, but no crop
IDENTITY = np.eye(4).ravel().tolist()


def read(path: Path, size_px: tuple[int, int]) -> NamedTracks:
    """Load the tracks of a .uv file. size_px: (width, height) of the plate.

    Raises ShotError when the file is neither a text nor a JSON as above, when its version is not 1 to 5, when
    num_points is not the number of points, when its resolution has another shape than the plate, and as `name_tracks`
    and the functions of shotmake.formats.text_files do.
    """
    if not read_head(path).lstrip().startswith("{"):
        return name_tracks(_read_text_points(Lines(path, KEY), size_px), path)
    record = load_json(path, KEY)
    version, points = record.get("version"), record.get("points")
    if version not in VERSIONS or isinstance(version, bool):
        raise make_fault(path, 1, quote_field(record, "version"), "a .uv file of version 1 to 5", KEY)
    if not isinstance(points, list):
        raise make_fault(path, 1, quote_field(record, "points"), "a list", KEY)
    if record.get("num_points", len(points)) != len(points):
        told = f"num_points: {quote_word(record['num_points'])}"
        raise make_fault(path, 1, count_of(len(points), "point"), told, KEY)
    _check_shape(record.get("camera"), path, size_px)
    undistorted = version == 2 and record.get("is_undistorted") is True
    notes = ("the file says that its positions are without lens distortion",) if undistorted else ()
    key = "pos" if version == 2 else "pos_dist"
    return name_tracks(
        (_read_point(at, point, key, path, size_px) for at, point in enumerate(points)), path, notes=notes
    )


def _read_text_points(source: Lines, size_px: tuple[int, int]) -> Iterator[ReadTrack]:
    points = source.count("the number of points, or JSON")
    for _ in range(points):
        name = source.take(count_of(points, "point"))[1]
        frames = source.count(f"the number of frames of {quote_word(name)}")
        line, table = source.read_table(frames, 4, 4, "frame u v weight")
        yield ReadTrack(name, table[:, 0], _to_px(table[:, 1:3], size_px), line, weight=table[:, 3])
    if source.peek() is not None:
        at, text = source.take("nothing")
        needed = f"the end of the file after {count_of(points, 'point')}"
        raise make_fault(source.path, at, quote_word(text), needed, KEY)


def _read_point(at: int, point: object, key: str, path: Path, size_px: tuple[int, int]) -> ReadTrack:
    """Return the track of the JSON's points[at]."""
    per_frame = point.get("per_frame") if isinstance(point, dict) else None
    if not isinstance(point, dict) or not isinstance(per_frame, list) or not isinstance(point.get("name"), str):
        raise make_fault(path, 1, f"points[{at}] {quote_word(point)}", "{name, per_frame: [...]}", KEY)
    rows = np.zeros((0, 4))
    try:
        values = [(one["frame"], *one[key], one.get("weight")) for one in per_frame]
        rows = np.array([(frame, u, v, 1.0 if weight is None else weight) for frame, u, v, weight in values], float)
        plain = np.isfinite(rows).all()
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        plain = False
    if not plain:
        rows = np.array(
            [_read_marker(one, f"points[{at}].per_frame[{i}]", key, path) for i, one in enumerate(per_frame)]
        )
    rows = rows.reshape(-1, 4)
    return ReadTrack(
        point["name"], rows[:, 0], _to_px(rows[:, 1:3], size_px), np.ones(len(rows), int), weight=rows[:, 3]
    )


def _read_marker(one: object, where: str, key: str, path: Path) -> list[float]:
    """Return frame, u, v, weight of one marker. Slow: it looks for the fault and says where it is."""
    if not isinstance(one, dict) or "frame" not in one or not isinstance(one.get(key), list) or len(one[key]) != 2:
        raise make_fault(path, 1, f"{where} {quote_word(one)}", f"{{frame, {key}: [u, v]}}", KEY)
    weight = one.get("weight")
    return [read_number(word, path, 1, KEY) for word in (one["frame"], *one[key], 1.0 if weight is None else weight)]


def _to_px(uv: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    return np.stack([uv[:, 0], 1 - uv[:, 1]], 1) * size_px


def _check_shape(camera: object, path: Path, size_px: tuple[int, int]) -> None:
    resolution = camera.get("resolution") if isinstance(camera, dict) else None
    if not isinstance(resolution, list) or len(resolution) != 2:
        return
    width, height = (read_number(word, path, 1, KEY) for word in resolution)
    if width <= 0 or height <= 0 or abs(width / height * size_px[1] / size_px[0] - 1) > SHAPE_TOLERANCE:
        found, needed = f"tracks of a plate of {width:g}x{height:g}", "{}x{}, or its shape".format(*size_px)
        raise make_fault(path, 1, found, needed, KEY)


def write(path: Path, take: Take) -> None:
    """Write all tracks of a shot as version 5. A disabled marker has weight 0."""
    width, height = take.size_px
    film_back_cm = [take.sensor_width_mm / 10, take.sensor_width_mm / 10 * height / (width * take.pixel_aspect)]
    last = take.frames[1] + 1
    tracks = list(yield_tracks(take))
    front = {
        "version": 5,
        "num_points": len(tracks),
        "is_undistorted": None,
        "scene": {"transform": IDENTITY},
        "point_group": {
            "name": take.shot,
            "type": "CAMERA",
            "transform": dict.fromkeys(range(take.frames[0], last), IDENTITY),
        },
        "camera": {
            "resolution": [width, height],
            "film_back_cm": film_back_cm,
            "lens_center_offset_cm": [0.0, 0.0],
            "per_frame": [],
        },
    }
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        file.write(json.dumps(front)[:-1] + ', "points": [')
        for at, (track, name, one) in enumerate(tracks):
            u, v = (one.xy_px.astype(float) / (width, height)).T
            weight = np.where(one.status == DISABLED, 0.0, take.weights.get(track, 1.0))
            known = {"x": None, "y": None, "z": None, "x_lock": False, "y_lock": False, "z_lock": False}
            point = {"name": name, "id": track, "set_name": None, "3d": known}
            rows = zip(one.frame.tolist(), u.tolist(), (1 - v).tolist(), weight.tolist(), strict=True)
            markers = ",\n".join(_format_marker(*row) for row in rows)
            file.write(f'{"," if at else ""}\n{json.dumps(point)[:-1]}, "per_frame": [\n{markers}]}}')
        file.write("\n]}\n")


def _format_marker(frame: int, u: float, v: float, weight: float) -> str:
    place = f"[{u:.10f}, {v:.10f}]"
    return f'{{"frame": {frame}, "pos": {place}, "pos_dist": {place}, "weight": {weight!r}}}'
