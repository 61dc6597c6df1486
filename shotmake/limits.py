"""The limits: how much a file may ask for before it is refused, and how long a program may run. All limits stand here.

A show cannot raise a limit, because a show may come from a stranger. A user raises limits in a file of their own
(find_own_file), as `limits: {picture_mpx: 2000}`. The code that starts a process passes them on with one call of
`set_limits`.
"""

import os
from dataclasses import dataclass, fields, replace
from pathlib import Path

from shotmake.errors import ShotError

MOST = 10**12  # the highest value that any limit may have
UNITS = {"_mb": " MB", "_mpx": " Mpx"}  # the unit, by the end of a limit's name; other limits are counts


@dataclass(frozen=True)
class Limits:
    """The limits by name: mb is a million bytes, mpx is a million pixels. Normal work does not reach them."""

    text_mb: int = 512  # size of a text file of another program, which is read line by line
    text_line_mb: int = 1  # size of one line of such a file
    text_lines: int = 10_000_000  # lines in such a file
    knob_mb: int = 16  # size of the value of one knob in a Nuke script
    json_mb: int = 256  # size of a JSON file
    json_depth: int = 100  # how deep brackets may be nested in JSON
    json_objects: int = 5_000_000  # lists and objects in JSON; each takes some 200 bytes of memory
    yaml_mb: int = 1  # size of a YAML file
    yaml_depth: int = 50  # how deep blocks and brackets may be nested in YAML
    yaml_nodes: int = 100_000  # keys and values in YAML; an alias counts as everything that it stands for
    npz_mb: int = 128  # how much the arrays of an .npz may unpack to, above the size of the file itself
    npz_arrays: int = 1_000  # arrays in an .npz
    picture_mpx: int = 268  # pixels of a picture
    picture_mb: int = 512  # size of a picture's decoded pixels, above the size of its file
    picture_channels: int = 1_024  # channels of a picture
    movie_mpx: int = 70  # pixels of a movie's frame
    movie_frames: int = 2_000_000  # frames that an mp4 or mov announces
    camera_mb: int = 4_000  # size of a camera file that Blender reads
    camera_depth: int = 1_000  # how deep brackets may be nested in a text USD
    camera_values: int = 20_000_000  # values in all arrays that a glTF announces
    cut_mb: int = 64  # size of an OTIO file or EDL
    blender_minutes: float = 240.0  # time for one script in Blender, or for one frame of a render
    detector_minutes: float = 1440.0  # time for one run of tracking.objects.detector_cmd
    install_minutes: float = 60.0  # time for one step of the private Blender's installation
    silent_minutes: float = 30.0  # how long a program may say nothing, write no frame and use no processor
    composing_minutes: float = 10.0  # time to compose the YAML of the next shots, where many are composed at once


_in_force = Limits()


def get_limits() -> Limits:
    """Return the limits that are in force in this process."""
    return _in_force


def set_limits(values: dict) -> None:
    """Put these values, by their names in Limits, in place of the defaults.

    Raises ShotError, with one line for each fault, when a name is not the name of a limit, or when a value is not a
    whole number from 1 (for minutes: not a number above 0). The lines do not name the user's own file.
    """
    global _in_force
    known = {field.name: field.type for field in fields(Limits)}
    faults = [
        f"limits.{name}: found no limit of that name; there are: {', '.join(known)}"
        for name in values
        if name not in known
    ]
    for name in (name for name in values if name in known):
        is_whole, value = known[name] is int, values[name]
        fits = isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
        if not fits or not (1 if is_whole else 0) <= value <= MOST or value == 0:
            needed = f"a whole number from 1 to {MOST}" if is_whole else f"a number above 0 and at most {MOST}"
            faults.append(f"limits.{name}: found {ascii(value)[:40]}; needed {needed}")
    if faults:
        raise ShotError(*faults)
    _in_force = replace(Limits(), **values)


def make_limit_fault(where: str, found: str, limit: str, key: str = "", most: str = "") -> ShotError:
    """Return the error for something above a limit, for the caller to raise.

    It reads `<where>: found ..., needed at most ... (<key>); raise limits.<limit> in <the user's own file>`. limit: the
    name of a field of Limits. most: the highest that may be found, where that is not the limit's own value.
    """
    unit = next((unit for end, unit in UNITS.items() if limit.endswith(end)), "")
    needed = f"at most {most or f'{getattr(get_limits(), limit)}{unit}'}"
    return ShotError(
        f"{where}: found {found}, needed {needed}{f' ({key})' if key else ''}; raise {say_how_to_raise(limit)}"
    )


def say_how_to_raise(limit: str) -> str:
    """Return where a user raises a limit, as text for the end of a message."""
    return f"limits.{limit} in {name_own_file()}"


def find_own_file() -> Path | None:
    """Return where the user's own config lies, or would lie; None when there is no home folder to look in."""
    named = os.environ.get("SHOTMAKE_CONFIG")
    if named:
        return Path(named)
    folder = os.environ.get("XDG_CONFIG_HOME") or ""
    if os.path.isabs(folder):
        return Path(folder) / "shotmake" / "config.yaml"
    home = os.path.expanduser("~")
    return Path(home) / ".config" / "shotmake" / "config.yaml" if os.path.isabs(home) else None


def name_own_file() -> str:
    """Return the user's own config as messages name it: the home folder is ~."""
    path = find_own_file()
    if path is None:
        return "a file that SHOTMAKE_CONFIG names"
    return str(path).replace(f"{os.path.expanduser('~')}{os.sep}", f"~{os.sep}", 1)
