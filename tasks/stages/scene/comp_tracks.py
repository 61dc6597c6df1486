"""The parts of the comp that follow tracks, objects or the solve: the scene sheet's stabilization and corner pin."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.numbers_in_words import count_of
from shotmake.tasks.engine.inputs.plate_keys import PlateKeys
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.footage import read_plate

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.objects.tracklet_file import Tracklet
    from shotmake.scene.corner_pin import Field
    from shotmake.tracks.markers import Tracks

IMAGE_KEY = "composite.corner_pin.image"
IMAGE_KEYS = PlateKeys({"file": IMAGE_KEY}, takes_still=True)
SQUARE = 1e-3  # how far fy may be from fx


def list_reads(config: Config) -> tuple[str, ...]:
    """Return the names of the targets of earlier stages that the scene needs for these parts."""
    pinned = bool(config.composite.corner_pin.image and config.composite.corner_pin.tracks)
    stabilized = config.composite.stabilization.enabled and config.composite.stabilization.tracklet is None
    tracks = ("tracks", "quality") if stabilized or pinned else ()
    objects = ("objects",) if config.tracking.objects.enabled else ()
    return (*tracks, *(["points"] if pinned else []), *objects)


def list_pinned_files(config: Config) -> dict[str, Path]:
    """Return the files of the pinned picture: "pinned <plate frame>" of a sequence, "pinned 0" of a still or a movie.

    Raises ShotError when they are missing or cannot be used.
    """
    from shotmake.footage.file_names import list_plate_files

    if config.composite.corner_pin.image is None:
        return {}
    with IMAGE_KEYS.name_in_faults():
        found = list_plate_files(config.composite.corner_pin.image, get_show_folder())
    return {f"pinned {number}": get_show_folder() / path for number, path in found}


def make_blocks(job: Job, solution: dict, sheet: dict) -> tuple[dict, str]:
    """Return the sheet's `stabilization` and `corner_pin`, null when they are off, and a text on both.

    `job` is of the scene stage. Raises ShotError when the tracks or objects that they name do not exist or are not
    enough.
    """
    from shotmake.objects.tracklet_file import read_tracklets
    from shotmake.tracks.markers import load_tracks

    stabilization, pin = (job.settings["composite"][name] for name in ("stabilization", "corner_pin"))
    field = field_of(solution, sheet)
    found: dict = {"stabilization": None, "corner_pin": None}
    line, tracks, quality, per_track = "", None, {}, {}
    if "tracks" in job.inputs:
        tracks = load_tracks(job.inputs["tracks"])
        quality = read_json(job.inputs["quality"])
        per_track = quality["per_track"]
    tracklets = read_tracklets(job.inputs["objects"]) if "objects" in job.inputs else []
    if stabilization["enabled"]:
        found["stabilization"] = _make_stabilization(job, tracks, quality, tracklets, sheet, field)
        line += ", stabilized"
    if pin["image"] is not None:
        image = _make_pinned_image(job, sheet)
        corners, told = _make_corners(job, tracks, per_track, tracklets, solution, sheet, field)
        found["corner_pin"] = {"image": image, "object": pin["object"], **corners}
        line += f", pinned{told}"
    return found, line


def field_of(solution: dict, sheet: dict) -> "Field":
    """Return the undistorted, overscanned picture of the comp: lens, plate size and overscan on each side, in px."""
    from shotmake.geometry.lens import Lens
    from shotmake.scene.corner_pin import Field

    size_px, whole_px = sheet["resolution_px"], sheet["overscan"]["resolution_px"]
    overscan_px = tuple((whole - inner) // 2 for whole, inner in zip(whole_px, size_px, strict=True))
    return Field(Lens.from_json(solution["lens"]), tuple(size_px), overscan_px)


def _make_stabilization(
    job: Job, tracks: "Tracks | None", quality: dict, tracklets: "list[Tracklet]", sheet: dict, field: "Field"
) -> dict:
    from shotmake.objects.smoothed_boxes import choose_path
    from shotmake.scene.stabilization import KEY, stabilize, stabilize_box
    from shotmake.tracks.find_tracks import select_named

    settings, lens = job.settings["composite"]["stabilization"], field.lens
    frames, reference = (sheet["frame_start"], sheet["frame_end"]), settings["frame"]
    on_plate = job.settings["composite"]["lens_distortion"]["apply_to_cg"]  # else the comp is the undistorted picture
    size_px = tuple(sheet["resolution_px"] if on_plate else sheet["overscan"]["resolution_px"])
    if settings["tracklet"] is not None:
        path = choose_path(tracklets, settings["tracklet"], frames, f"{KEY}.tracklet")
        marks_px = path.marks_px if on_plate else field.to_straight_px(path.marks_px)
        made = stabilize_box(path.frames, marks_px, size_px, frames, reference)
        return {**made.to_json(), "put_back": settings["put_back"]}
    assert tracks is not None
    if abs(lens.fy_px / lens.fx_px - 1) > SQUARE:
        raise ShotError(
            f"{KEY}.enabled: found a focal length of {lens.fx_px:.1f} by {lens.fy_px:.1f} px, so no square pixels, and "
            "Blender's Rotate turns square ones only; needed such a plate, or false"
        )
    chosen = select_named(tracks, settings["tracks"], quality["per_track"], f"{KEY}.tracks")
    if not on_plate:
        chosen = replace(chosen, xy_px=field.to_undistorted_px(chosen.xy_px))
    skipped = quality.get("bad_frames", [])
    repeated = set(skipped and read_plate(job.inputs["footage"]).unusable.get("repeated", ())) & set(skipped)
    made = stabilize(chosen, size_px, frames, reference, settings["tracks"] == "all", skipped, repeated)
    return {**made.to_json(), "put_back": settings["put_back"]}


def _make_pinned_image(job: Job, sheet: dict) -> dict:
    """Return the pinned file, and the scene frame that shows its first frame. Blender itself counts the frames of a
    movie.
    """
    from shotmake.files.self_contained_movies import check_shown
    from shotmake.footage.file_names import list_plate_files

    numbers = [int(name.removeprefix("pinned ")) for name in job.inputs if name.startswith("pinned ")]
    is_sequence = numbers != [0]
    if not is_sequence:
        check_shown(job.inputs["pinned 0"], IMAGE_KEY)
    with IMAGE_KEYS.name_in_faults():
        (_, file), *_ = list_plate_files(job.settings["composite"]["corner_pin"]["image"], get_show_folder())
    return {
        "file": file,  # as the config names it
        "kind": "sequence" if is_sequence else "file",
        "first_frame": numbers[0] if is_sequence else sheet["plate"]["first_frame"],
        "frame_count": len(numbers) if is_sequence else None,
    }


def _make_corners(
    job: Job,
    tracks: "Tracks | None",
    per_track: dict,
    tracklets: "list[Tracklet]",
    solution: dict,
    sheet: dict,
    field: "Field",
) -> tuple[dict, str]:
    """Return the corners by frame (none here when an object has them), and how they are held where tracks do not hold
    them.
    """
    import numpy as np

    from shotmake.files.npz_file import read_npz
    from shotmake.geometry.cameras_of_solve_json import read_projecting_matrices
    from shotmake.objects.smoothed_boxes import choose_path
    from shotmake.scene.corner_pin import KEY, pin_of_box, pin_of_places, pin_of_tracks
    from shotmake.tracks.find_tracks import find_track, map_names, select_enabled

    pin, frames = job.settings["composite"]["corner_pin"], (sheet["frame_start"], sheet["frame_end"])
    if pin["object"]:
        return {}, ""
    cameras = dict(zip(solution["frames"], read_projecting_matrices(solution), strict=True))
    if pin["tracks"]:
        assert tracks is not None
        among = select_enabled(tracks, sheet["resolution_px"][0], map_names(per_track))
        ids = [find_track(pick, among, f"{KEY}.tracks[{at}]") for at, pick in enumerate(pin["tracks"])]
        arrays = read_npz(job.inputs["points"], needed=("track_id", "point_xyz"))
        points = dict(zip(arrays["track_id"].tolist(), arrays["point_xyz"].astype(float), strict=True))
        made = pin_of_tracks(tracks, ids, frames, field, cameras, points)
    elif pin["tracklet"] is not None:
        path = choose_path(tracklets, pin["tracklet"], frames, f"{KEY}.tracklet")
        made = pin_of_box(path, frames, field)
    else:
        made = pin_of_places(np.array(pin["corners_xyz"], float), frames, field, cameras)
    hidden = int((~made.visible).sum())
    told = f" (by solved points in {count_of(made.by_points, 'frame')})" if made.by_points else ""
    return made.to_json(), told + (f" (hidden in {count_of(hidden, 'frame')})" if hidden else "")
