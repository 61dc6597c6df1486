"""lens: an imported lens, in px of the plate: from another shot, from a file, or from checkerboard
stills.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import Checkerboard, Config
from shotmake.errors import ShotError
from shotmake.files.input_file import NO_SUCH_FILE, check_file, find_file_fault, to_one_line
from shotmake.files.json_file import read_json
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.inputs.plate_keys import PlateKeys
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.shots import did_you_mean
from shotmake.tasks.shots.up_to_date import list_shot_names
from shotmake.tasks.show import get_show_folder
from shotmake.tasks.stages.footage import read_plate
from shotmake.tasks.stages.solve.stage import has_camera

if TYPE_CHECKING:
    import numpy as np

    from shotmake.geometry.lens import Lens

KEY = "shot.camera.lens_from"
STILLS_KEY = "shot.camera.checkerboard.files"
STILLS_KEYS = PlateKeys({"file": STILLS_KEY})


def slice_settings(config: Config) -> dict:
    """Return the stage's settings: those of another shot's lens, of a lens file, or of checkerboard stills."""
    camera = config.shot.camera
    if camera.lens_from is not None and camera.lens_from in list_shot_names():
        return {"lens_from": camera.lens_from}
    if camera.lens_from is not None:
        of_map = {"focal_mm": camera.focal_mm, "sensor_width_mm": camera.sensor_width_mm}
        is_map = str(camera.lens_from).lower().endswith(".exr")
        return {
            "lens_from": camera.lens_from,
            "max_fit_px": camera.lens_max_fit_px,
            **({**of_map, "direction": camera.st_map_direction} if is_map else {}),
        }
    return {"checkerboard": slices.slice_block(camera.checkerboard)}


def find_lender(config: Config) -> str | None:
    """Return the shot whose lens this shot takes, by the name of its YAML file, as it stands behind shot=; None without
    one.
    """
    name = config.shot.camera.lens_from
    return name if is_wanted(config) and name in list_shot_names() else None


def is_wanted(config: Config) -> bool:
    """Return whether the shot has such a lens and can use it: it has a camera, and its solve is not pinned."""
    camera = config.shot.camera
    has_use = has_camera(config) and config.tracking.solve.pin is None
    return has_use and (camera.lens_from is not None or camera.checkerboard.files is not None)


def list_files(config: Config) -> dict[str, Path]:
    """Return the lens file, or the checkerboard stills; {} where the lens is another shot's.

    Raises ShotError when there is no such shot and no such file.
    """
    name, stills = config.shot.camera.lens_from, config.shot.camera.checkerboard.files
    if name is None:
        return list_still_files(str(stills))
    if find_lender(config):
        return {}
    if find_file_fault(get_show_folder() / name) == NO_SUCH_FILE:
        others = [shot for shot in did_you_mean.list_shots() if shot != config.shot.name]  # it cannot take its own lens
        raise ShotError(
            f"{to_one_line(name)}: no such shot ({did_you_mean.make_hint(name, others)}) and no such file; check {KEY}"
        )
    return {"lens file": check_file(get_show_folder() / name, name, KEY, "a shot, or a lens file")}


def list_still_files(pattern: str) -> dict[str, Path]:
    """Return the checkerboard stills that a pattern names. Raises ShotError when they are not several, or not there."""
    from shotmake.footage.file_names import is_sequence, list_plate_files

    if not is_sequence(pattern, get_show_folder()):
        raise ShotError(f"{pattern}: needed several stills, like lens/board.####.jpg ({STILLS_KEY})")
    with STILLS_KEYS.name_in_faults():  # missing numbers are stills that were thrown away
        numbered = list_plate_files(pattern, get_show_folder(), missing="skip")
    return {f"still {number}": get_show_folder() / path for number, path in numbered}


def build(job: Job) -> str:
    """Build lens.json. Return the lens in words, and what there is to say about it.

    Raises ShotError for checkerboard stills of a plate whose pixels are not square, and for a lens that cannot be read.
    """
    from shotmake.formats.lenses.lens_request import LensAsked
    from shotmake.lens.read_lens import lens_of, read_lens

    plate = read_plate(job.inputs["footage"])
    size_px, aspect = plate.width_height_px, plate.pixel_aspect
    more: dict = {}
    if "lender's solve" in job.inputs:
        lens, notes = lens_of(read_json(job.inputs["lender's solve"]), size_px, job.settings["lens_from"], aspect)
    elif "lens file" in job.inputs:
        focal_mm = job.settings.get("focal_mm")
        focal_px = None if focal_mm is None else focal_mm / job.settings["sensor_width_mm"] * size_px[0]
        asked = LensAsked(size_px, aspect, focal_px, job.settings.get("direction"))
        lens, notes = read_lens(job.inputs["lens file"], asked, job.settings["max_fit_px"])
    elif aspect != 1:
        raise ShotError(f"{STILLS_KEY}: measures square pixels, the plate's are {aspect:g}:1; needed {KEY}, a file")
    else:
        lens, notes, more = measure_lens(job, size_px)
    record = {"schema": 1, "image_size_px": size_px, "lens": lens.to_json(), "notes": notes, "warnings": [], **more}
    job.targets["lens"].write_bytes(to_json_bytes(record))
    line = f"{lens.fx_px:.1f} px, k1 {lens.k1:.4g}, centre {lens.cx_px:.1f}, {lens.cy_px:.1f}"
    if more:
        used = sum(error is not None for error in more["error_px"].values())
        line = f"{line}, rms {more['rms_px']:.3f} px in {used} stills, {more['coverage']:.0%} of the picture covered"
    return "\n".join([line, *(f"      {text}" for text in [*notes, *record["warnings"]])])


def measure_lens(job: Job, size_px: tuple[int, int]) -> "tuple[Lens, list[str], dict]":
    """Measure the lens from the checkerboard stills. Return the lens, the notes on it, and what else its record holds.

    Raises ShotError when a still cannot be read, or when the stills do not give a lens.
    """
    import cv2

    from shotmake.footage.images import read_image
    from shotmake.lens.checkerboard import calibrate

    stills = [path for name, path in job.inputs.items() if name.startswith("still ")]
    with job.show_progress(len(stills), "looking for boards", unit="stills") as bar:

        def yield_pictures() -> "Iterator[tuple[str, np.ndarray]]":
            for count, path in enumerate(stills, 1):
                image = read_image(path, "Linear" if path.suffix.lower() == ".exr" else "sRGB")
                yield path.name, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
                bar(count)

        with STILLS_KEYS.name_in_faults():  # where a still cannot be read
            found = calibrate(yield_pictures(), Checkerboard(**job.settings["checkerboard"]), size_px)
    more = {"rms_px": found.rms_px, "error_px": found.error_px, "coverage": found.coverage}
    return found.lens, list(found.notes), {**more, "warnings": list(found.warnings)}


LENS = Stage(
    "lens",
    version=1,
    targets={"lens": "lenses/{id}.json"},
    reads=("footage",),
    borrows=lambda config: {"lender's solve": "solve"} if find_lender(config) else {},
    settings=slice_settings,
    files=list_files,
    wanted=is_wanted,
    published={"lens": "lens.json"},
    build=build,
)
