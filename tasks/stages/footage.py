"""footage: reads the plate once from end to end, and says what it really is."""

from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import MAIN_CAMERA, Config, Footage
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.processes.kernels import begin_kernels
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.show import get_show_folder

if TYPE_CHECKING:
    from shotmake.footage.plate import Plate


def footage_of(config: Config, camera: str = MAIN_CAMERA) -> Footage:
    """Return the footage block of a camera: the shot's own, or a witness camera."""
    return config.shot.footage if camera == MAIN_CAMERA else config.shot.cameras[camera].footage


def slice_settings(config: Config, camera: str = MAIN_CAMERA) -> dict:
    """Return the stage's settings for one camera."""
    # These keys matter to the tracks: another range does not read the plate again.
    return slices.leave_out(slices.slice_block(footage_of(config, camera)), "frame_range", "bad_frames")


def list_plate_inputs(config: Config, camera: str = MAIN_CAMERA) -> dict[str, Path]:
    """Return the plate's files, for every stage that decodes it. Raises ShotError when there are none."""
    from shotmake.footage.file_names import list_plate_files

    footage = footage_of(config, camera)
    return {
        f"plate {number}": get_show_folder() / path
        for number, path in list_plate_files(footage.file, get_show_folder(), footage.missing)
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
    from shotmake.footage.plate_in_words import describe_footage

    begin_kernels()
    with job.show_progress(None, "reading") as bar:
        plate = probe(**job.settings, root=get_show_folder(), on_frame=bar)
    job.targets["footage"].write_bytes(to_json_bytes(plate.to_json()))
    return describe_footage(plate)


FOOTAGE = Stage(
    "footage",
    version=5,
    targets={"footage": "tracking/footage/{id}.json"},
    settings=slice_settings,
    files=list_plate_inputs,
    needs_camera=lambda config: False,
    build=build,
)
