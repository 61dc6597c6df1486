"""COLMAP text model: cameras.txt, images.txt and points3D.txt in one folder.

cameras.txt   `CAMERA_ID MODEL WIDTH HEIGHT PARAMS[]`, px from the top-left corner, the first pixel's centre
              at 0.5: as ours.
images.txt    two lines for each image: `IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME`, which is cam_from_world with
              x right, y down, z forward, as ours; then its features `X Y POINT3D_ID ...`, or an empty line. The frame
              is the last number in NAME (before its suffix).
points3D.txt  `POINT3D_ID X Y Z R G B ERROR` and the features that see the point, `IMAGE_ID POINT2D_IDX ...`.
World         any world in COLMAP; we write Z up.
Lens          kept whole: SIMPLE_PINHOLE, PINHOLE, SIMPLE_RADIAL, RADIAL, OPENCV and FULL_OPENCV without k4 k5 k6 are
              Brown-Conrady; other models are refused. We write OPENCV, or FULL_OPENCV where k3 is not 0; for a zoom, a
              camera for every image.
Written as    colmap.zip: unpack it, and name images.txt or its folder in shot.camera.import_file.
Lost          scale_known, confidence; the names and weights of tracks.

Source: https://colmap.github.io/format.html and https://colmap.github.io/cameras.html.
"""

import re
import zipfile
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.formats.cameras.camera_request import Asked
from shotmake.formats.cameras.imported_camera import KEY, Cameras, cut_to_shot
from shotmake.formats.cameras.to_our_camera import KINDS, status_of
from shotmake.formats.given_to_writers import Take
from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number, read_whole_number
from shotmake.geometry.lens import COEFFICIENTS, PLACE, Lens
from shotmake.numbers_in_words import count_of
from shotmake.tracks.markers import DISABLED

PARAMETERS = {
    "SIMPLE_PINHOLE": "f cx cy", "PINHOLE": "fx fy cx cy", "SIMPLE_RADIAL": "f cx cy k1", "RADIAL": "f cx cy k1 k2",
    "OPENCV": "fx fy cx cy k1 k2 p1 p2", "FULL_OPENCV": "fx fy cx cy k1 k2 p1 p2 k3 k4 k5 k6",
}  # fmt: skip
SAME = 1e-6  # relative: lenses that differ by less are the same lens
STILLS = (".exr", ".dpx", ".png", ".jpg", ".jpeg", ".tif", ".tiff")
MIDDAY = (1980, 1, 1, 0, 0, 0)  # a zip entry has a date: a fixed date makes the same bytes every time
ID_MAX = 2**32


def list_folder_files(images: Path) -> dict[str, Path]:
    """Return the files that `read` needs besides images.txt: what each one holds -> its path."""
    return {"camera's lens": images.with_name("cameras.txt")}


def read(path: Path, asked: Asked) -> Cameras:
    """Load the cameras of a COLMAP text model. `path` is images.txt.

    Raises ShotError, with the line, when images.txt or cameras.txt is not as COLMAP writes it, when an image's name has
    no frame number or its camera is not in cameras.txt, when a lens model or k4, k5, k6 is not supported, and when a
    camera has another picture size than the plate. Raises ShotError also when cameras.txt is missing or empty, when the
    lenses of the images differ in more than the focal length, and as `cut_to_shot` and
    `shotmake.formats.text_files.read_lines` do.
    """
    lenses = _read_lenses(path.with_name("cameras.txt"), asked)
    frames, poses, used, is_image = [], [], [], True
    for line, text in read_lines(path, KEY):
        if text.startswith("#") or (is_image and not text.strip()):
            continue
        if is_image:
            words = text.split(maxsplit=9)
            if len(words) != 10:
                needed = "IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME"
                raise make_fault(path, line, count_of(len(words), "word"), needed, KEY)
            digits = re.findall(r"\d+", words[9].strip().rpartition(".")[0] or words[9])
            if not digits:
                raise make_fault(path, line, quote_word(words[9]), "a frame number in the image's name", KEY)
            camera = read_whole_number(words[8], path, line, KEY, high=ID_MAX)
            if camera not in lenses:
                raise make_fault(path, line, f"camera {camera}", "a camera of cameras.txt", KEY)
            frames.append(int(digits[-1][-9:]))
            poses.append(_make_pose([read_number(word, path, line, KEY) for word in words[1:8]], path, line))
            used.append(lenses[camera])
        is_image = not is_image
    lens, focals = _merge_lenses(used, path) if used else (next(iter(lenses.values())), None)
    matrices = np.array(poses, float).reshape(-1, 3, 4)
    status = status_of(matrices)
    imported = Cameras(
        path.name, status, KINDS[status], lens, np.array(frames, int), matrices, focals, scale_known=False
    )
    return cut_to_shot(imported, asked.size_px, asked.frames)


def _read_lenses(path: Path, asked: Asked) -> dict[int, Lens]:
    if not path.is_file():
        raise ShotError(f"{path.name}: not beside images.txt; needed COLMAP's text model ({KEY})")
    made = {}
    for line, text in read_lines(path, KEY):
        words = text.split()
        if not words or text.startswith("#"):
            continue
        if len(words) < 4 or words[1] not in PARAMETERS:
            found = f"camera model {quote_word(words[1])}" if len(words) > 1 else "1 word"
            raise make_fault(
                path, line, found, f"CAMERA_ID MODEL WIDTH HEIGHT, a model of {', '.join(PARAMETERS)}", KEY
            )
        names = PARAMETERS[words[1]].split()
        values = [read_number(word, path, line, KEY) for word in words[4:]]
        if len(values) != len(names):
            raise make_fault(path, line, f"{count_of(len(values), 'parameter')} of {words[1]}", " ".join(names), KEY)
        size_px = tuple(read_whole_number(word, path, line, KEY) for word in words[2:4])
        if size_px != tuple(asked.size_px):
            found, needed = (f"{width}x{height}" for width, height in (size_px, asked.size_px))
            raise make_fault(path, line, f"a camera for {found}", f"the plate's {needed}", KEY)
        number_of_it = read_whole_number(words[0], path, line, KEY, high=ID_MAX)
        made[number_of_it] = _make_lens(dict(zip(names, values, strict=True)), path, line)
    if not made:
        raise ShotError(f"{path.name}: found no camera, needed one ({KEY})")
    return made


def _make_lens(values: dict[str, float], path: Path, line: int) -> Lens:
    if any(values.pop(name, 0.0) for name in ("k4", "k5", "k6")):
        raise make_fault(path, line, "k4, k5 or k6", "0: no lens of ours has them", KEY)
    fx_px = values.pop("f", None) or values.pop("fx")
    fy_px = values.pop("fy", fx_px)
    if not (0 < fx_px < 1e9 and 0 < fy_px < 1e9):
        raise make_fault(path, line, f"focal lengths {fx_px:g} and {fy_px:g} px", "px above 0", KEY)
    return Lens(fx_px, fy_px, values.pop("cx"), values.pop("cy"), **values, grid=None)


def _make_pose(values: list[float], path: Path, line: int) -> np.ndarray:
    """Return cam_from_world (3, 4) of qw qx qy qz tx ty tz."""
    size = float(np.linalg.norm(values[:4]))
    if not 0.5 < size < 2:  # written with few digits, its length is not exactly 1
        raise make_fault(path, line, f"a quaternion of length {size:.3g}", "1", KEY)
    w, x, y, z = np.array(values[:4]) / size
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.column_stack([rotation, values[4:]])


def _list_values(lens: Lens) -> list[float]:
    return [getattr(lens, name) for name in (*PLACE, *COEFFICIENTS)]


def _merge_lenses(used: list[Lens], path: Path) -> tuple[Lens, np.ndarray | None]:
    """Return the lens of all images, and the focal lengths (N,) in px of the images of a zoom, else None."""
    focals = np.array([lens.fx_px for lens in used])
    lens = used[0].with_focal_px(float(np.median(focals)))
    terms = np.array([_list_values(one.with_focal_px(lens.fx_px)) for one in dict.fromkeys(used)])
    if (np.abs(terms - _list_values(lens)) > SAME * np.maximum(1, np.abs(terms))).any():
        raise ShotError(f"{path.name}: its images have different lenses; needed one, which may zoom ({KEY})")
    return lens, focals if np.ptp(focals) > SAME * lens.fx_px else None


def write(path: Path, take: Take) -> None:
    """Write colmap.zip: the folder colmap with cameras.txt, images.txt and points3D.txt."""
    texts = make_model_texts(take)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in texts.items():
            entry = zipfile.ZipInfo(f"colmap/{name}", MIDDAY)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED)


def make_model_texts(take: Take) -> dict[str, str]:
    """Return the three files of the model: file name -> text."""
    from shotmake.geometry.camera import to_quaternions_wxyz

    assert take.solution is not None and take.points is not None
    solution, lens = take.solution, Lens.from_json(take.solution["lens"])
    poses = np.array(solution["cam_from_world"], float).reshape(-1, 3, 4)
    frames, zoom_px = solution["frames"], solution["focal_px_per_frame"]
    lenses = [lens.with_focal_px(focal_px) for focal_px in zoom_px] if zoom_px else [lens]
    cameras = [_format_camera(number, one, take.size_px) for number, one in enumerate(lenses, 1)]
    features, seen = _collect_features(take, {frame: number for number, frame in enumerate(frames, 1)})
    quaternions = to_quaternions_wxyz(poses[:, :, :3])
    images = []
    for image, (frame, pose, turn) in enumerate(zip(frames, poses, quaternions, strict=True), 1):
        words = " ".join(f"{value:.15g}" for value in (*turn, *pose[:, 3]))
        camera = image if zoom_px else 1
        images.append(f"{image} {words} {camera} {name_image(take, frame)}\n{features.get(image, '')}\n")
    points = [
        f"{track} {x:.9g} {y:.9g} {z:.9g} 128 128 128 {max(error, 0):.6g} {seen[track]}\n"
        for track, (x, y, z), error in _list_points(take)
        if track in seen
    ]
    return {"cameras.txt": "".join(cameras), "images.txt": "".join(images), "points3D.txt": "".join(points)}


def name_image(take: Take, frame: int) -> str:
    """Return the file name of a frame: the plate's own for a sequence; for a movie, `<stem>.<frame>.png`."""
    name = Path(take.plate_file).name
    stem, suffix = Path(name).stem, Path(name).suffix
    numbered = re.fullmatch(r"(.*?)(\d+)(\D*)", stem, flags=re.DOTALL)
    if suffix.lower() in STILLS and numbered:
        return f"{numbered[1]}{frame:0{len(numbered[2])}d}{numbered[3]}{suffix}"
    return f"{stem}.{frame:04d}.png"


def _format_camera(number: int, lens: Lens, size_px: tuple[int, int]) -> str:
    names, more = ("fx_px", "fy_px", "cx_px", "cy_px", "k1", "k2", "p1", "p2"), ""
    if lens.k3:
        more = f" {lens.k3:.15g} 0 0 0"
    values = " ".join(f"{getattr(lens, name):.15g}" for name in names)
    return f"{number} {'FULL_OPENCV' if lens.k3 else 'OPENCV'} {size_px[0]} {size_px[1]} {values}{more}\n"


def _list_points(take: Take) -> list[tuple[int, list[float], float]]:
    """Return (track id, xyz in world units, error in px) of each bundle. A camera that stays in its place has none."""
    assert take.solution is not None and take.points is not None
    if take.solution["status"] != "solved":
        return []
    arrays = (take.points[name].tolist() for name in ("track_id", "point_xyz", "error_px"))
    return list(zip(*arrays, strict=True))


def _collect_features(take: Take, image_of: dict[int, int]) -> tuple[dict[int, str], dict[int, str]]:
    """Return the features of every image, and for every track that has a bundle, the features where it is seen."""
    if take.tracks is None:
        return {}, {}
    solved = [track for track, _, _ in _list_points(take)]
    tracks = take.tracks.select(take.tracks.status != DISABLED)
    tracks = tracks.select(np.isin(tracks.track_id, solved) & np.isin(tracks.frame, list(image_of)))
    order = np.lexsort((tracks.track_id, tracks.frame))
    features: dict[int, list[str]] = {}
    seen: dict[int, list[str]] = {}
    for track, frame, (x, y) in zip(
        tracks.track_id[order].tolist(), tracks.frame[order].tolist(), tracks.xy_px[order].tolist(), strict=True
    ):
        image = image_of[frame]
        there = features.setdefault(image, [])
        seen.setdefault(track, []).append(f"{image} {len(there)}")
        there.append(f"{x:.8g} {y:.8g} {track}")
    return ({image: " ".join(words) for image, words in features.items()},
            {track: " ".join(words) for track, words in seen.items()})  # fmt: skip
