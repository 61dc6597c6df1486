"""The files besides the plate from which a shot is assembled: they are part of the .blend and of what it renders."""

from pathlib import Path

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.files.behind.what_readers_follow import key_of_input
from shotmake.files.input_file import check_file
from shotmake.tasks.engine.inputs.files_behind import BEHIND, add_behind, list_unwatched
from shotmake.tasks.show import get_show_folder

PICTURES = ("shot.lights.image", "shot.backdrop.image", "composite.background_image")


def check_assets(inputs: dict[str, Path]) -> list[str]:
    """Check the assets before Blender opens them. Return a line for each that is not watched as a whole.

    `inputs` are those of a stage that reads list_asset_files. Raises ShotError for an asset that shows what lies in
    other files: nobody would watch these files.
    """
    from shotmake.files.self_contained_movies import check_no_playlist, check_shown

    for name, path in inputs.items():
        if name in PICTURES:
            check_shown(path, name)
        elif BEHIND in name:
            check_no_playlist(path, key_of_input(name))
    return list_unwatched({name: path for name, path in inputs.items() if name.startswith("shot.subject.blend")})


def list_asset_files(config: Config) -> dict[str, Path]:
    """Return the assets that are used: the subject's .blend with the files that it names, and the pictures for light,
    backdrop and background.

    Raises ShotError when some of them are missing.
    """
    shot, composite = config.shot, config.composite
    used = {
        "shot.subject.blend": shot.subject.blend,
        "shot.lights.image": shot.lights.image if shot.lights.preset == "hdri" else None,
        "shot.backdrop.image": shot.backdrop.image if shot.backdrop.kind == "image" else None,
        "composite.background_image": composite.background_image if composite.background_source == "image" else None,
    }
    found = {key: get_show_folder() / file for key, file in used.items() if file is not None}
    faults = []
    for key, path in found.items():
        try:
            check_file(path, str(used[key]), key)
        except ShotError as error:
            faults += error.faults
    if faults:
        raise ShotError(*faults)
    return add_behind(found)
