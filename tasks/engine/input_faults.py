"""Faults of input files. An input that cannot be read (a bad sector, a share that went away, no permission) is named
with its key in the config.

The system's error names no file when reading began well and failed later.
"""

from pathlib import Path

from shotmake.config.check import Fault, list_file_values
from shotmake.config.schema import Config
from shotmake.errors import ShotError, quote_error
from shotmake.files.behind.what_readers_follow import key_of_input
from shotmake.files.input_file import FOLDER, NO_SUCH_FILE, find_file_fault, to_one_line
from shotmake.files.self_contained_movies import find_playlist_fault
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.show import get_show_folder

# A COLMAP model is a folder. The name of a session or a shot may also be the name of a folder. Where a plate is a
# folder, the stage's own message proposes a pattern.
MAY_BE_FOLDERS = ("camera.import_file", "tracking.session_file", "camera.lens_from", "footage.file", "mask.file")
SHOWN = ("footage.file", "mask.file", "image")  # the ends of the config keys of plates and pictures


def find_wrong_inputs(config: Config) -> list[Fault]:
    """Return a fault for each file that the config names, that exists and that cannot be read as a file.

    These faults are told before any task, not after an hour of tracking. A missing file is told by the stage that needs
    it, for the file may still come.
    """
    found = []
    for key, name in list_file_values(config):
        fault = find_file_fault(get_show_folder() / name)
        if fault == NO_SUCH_FILE or (fault == FOLDER and key.endswith(MAY_BE_FOLDERS)):
            continue
        fault = f"{fault}; needed a file" if fault else _find_playlist_fault(key, get_show_folder() / name)
        if fault:
            found.append(Fault(key, f"{to_one_line(name)}: {fault}"))
    return found


def _find_playlist_fault(key: str, path: Path) -> str:
    """Return what is wrong with a plate or picture that is a playlist; "" for any other file."""
    try:
        return find_playlist_fault(path) if key.endswith(SHOWN) else ""
    except OSError:  # the stage that reads it says so
        return ""


def digests_of(inputs: dict[str, Path], camera: str = "") -> dict[str, str]:
    """Return the digest of each input, by name.

    `camera` is the witness camera whose stage reads the inputs, "" for the shot's own camera. Raises ShotError when
    inputs cannot be read: one line for each, with its key in the config.
    """
    found, faults = {}, []
    for name, path in inputs.items():
        try:
            found[name] = digest(path)
        except OSError as error:
            faults.append(_describe_fault(key_of_input(name, camera), path, error))
    if faults:
        raise ShotError(*faults)
    return found


def find_unreadable(inputs: dict[str, Path], camera: str = "") -> ShotError | None:
    """Return an error that names the inputs that cannot be read to their end now; None when all can.

    This reads all the inputs again. `camera` is as in `digests_of`.
    """
    faults = []
    for name, path in inputs.items():
        try:
            digest(path, remembered=False)
        except OSError as error:
            faults.append(_describe_fault(key_of_input(name, camera), path, error))
    return ShotError(*faults) if faults else None


def _describe_fault(key: str, path: Path, error: OSError) -> str:
    cure = f"restore it, or check {key}" if key else "build it again"
    place = path.relative_to(get_show_folder()) if path.is_relative_to(get_show_folder()) else path
    return f"{to_one_line(str(place))}: cannot be read ({quote_error(error).lower()}); {cure}"
