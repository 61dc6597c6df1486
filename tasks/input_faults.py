"""An input that cannot be read (a bad sector, a share that went away, no permission) is the input's fault: it is named
with its key. An error of the system names no file where the reading had begun well."""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.followed import key_of_input
from shotmake.input_file import one_line
from tasks import ROOT
from tasks.digests import digest


def digests_of(inputs: dict[str, Path], camera: str = "") -> dict[str, str]:
    """The digest of each. ShotError that names those that cannot be read, with their keys.

    camera: the witness camera whose stage reads them, "" for the shot's own.
    """
    found, faults = {}, []
    for name, path in inputs.items():
        try:
            found[name] = digest(path)
        except OSError as error:
            faults.append(_fault(key_of_input(name, camera), path, error))
    if faults:
        raise ShotError(*faults)
    return found


def unreadable(inputs: dict[str, Path], camera: str = "") -> ShotError | None:
    """Which of the inputs cannot be read to its end now; None when all can. This reads them all again."""
    faults = []
    for name, path in inputs.items():
        try:
            digest(path, remembered=False)
        except OSError as error:
            faults.append(_fault(key_of_input(name, camera), path, error))
    return ShotError(*faults) if faults else None


def _fault(key: str, path: Path, error: OSError) -> str:
    cure = f"restore it, or check {key}" if key else "build it again"
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{one_line(str(place))}: cannot be read ({(error.strerror or str(error)).lower()}); {cure}"
