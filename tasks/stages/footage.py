"""footage: reads the plate once from end to end, and says what it really is."""

from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import MAIN_CAMERA, Config, Footage
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import json_bytes
from shotmake.tasks.show import show_folder

if TYPE_CHECKING:
    from shotmake.footage.plate import Plate


def footage_of(config: Config, camera: str = MAIN_CAMERA) -> Footage:
    """Return the footage block of a camera: the shot's own, or a witness camera."""
    return config.shot.footage if camera == MAIN_CAMERA else config.shot.cameras[camera].footage


def settings(config: Config, camera: str = MAIN_CAMERA) -> dict:
    """Return the stage's settings for one camera."""
    # The frame range matters to the tracks: another range does not read the plate again.
    return slices.without(slices.block(footage_of(config, camera)), "frame_range")


def plate_inputs(config: Config, camera: str = MAIN_CAMERA) -> dict[str, Path]:
    """Return the plate's files, for every stage that decodes it. Raises ShotError when there are none."""
    from shotmake.footage.file_names import plate_files

    footage = footage_of(config, camera)
    return {
        f"plate {number}": show_folder() / path
        for number, path in plate_files(footage.file, show_folder(), footage.missing)
    }


def read_plate(path: Path) -> "Plate":
    """Read a footage.json as a Plate. Raises ShotError when the file is not one."""
    from shotmake.footage.plate import Plate

    record = read_json(path)
    if not isinstance(record, dict):
        raise ShotError(f"{path.name}: found no record of a plate; remove it, and doit makes it anew")
    return Plate.from_json(record)


def build(job: Job) -> str:
    """Build footage.json: read the whole plate. Return the plate's facts as text.

    Raises ShotError for a plate that cannot be tracked frame by frame.
    """
    from shotmake.footage.plate import probe
    from shotmake.footage.summary import footage_text

    with job.progress(None, "reading") as bar:
        plate = probe(**job.settings, root=show_folder(), on_frame=bar)
    job.targets["footage"].write_bytes(json_bytes(plate.to_json()))
    return footage_text(plate)


FOOTAGE = Stage(
    "footage",
    version=4,
    targets={"footage": "tracking/footage/{id}.json"},
    settings=settings,
    files=plate_inputs,
    needs_camera=lambda config: False,
    build=build,
)
