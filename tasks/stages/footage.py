"""footage: the plate, read once from end to end -> what it really is."""

from pathlib import Path

from shotmake.config.schema import MAIN_CAMERA, Config, Footage
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import json_bytes
from shotmake.tasks.show import show_folder


def footage_of(config: Config, camera: str = MAIN_CAMERA) -> Footage:
    return config.shot.footage if camera == MAIN_CAMERA else config.shot.cameras[camera].footage


def settings(config: Config, camera: str = MAIN_CAMERA) -> dict:
    # The range is a matter of the tracks: another one does not read the plate again.
    return slices.without(slices.block(footage_of(config, camera)), "frame_range")


def plate_inputs(config: Config, camera: str = MAIN_CAMERA) -> dict[str, Path]:
    """The plate's files, for every stage that decodes it."""
    from shotmake.footage.file_names import plate_files

    footage = footage_of(config, camera)
    return {
        f"plate {number}": show_folder() / path
        for number, path in plate_files(footage.file, show_folder(), footage.missing)
    }


def read_plate(path: Path):
    """footage.json -> Plate."""
    from shotmake.footage.plate import Plate

    record = read_json(path)
    if not isinstance(record, dict):
        raise ShotError(f"{path.name}: found no record of a plate; remove it, and doit makes it anew")
    return Plate.from_json(record)


def build(job: Job) -> str:
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
    build=build,
)
