"""How much a file may ask for before it is refused: the one place of these limits.

A show cannot raise them, for a show may come from a stranger. A user raises them in a file of their own (OWN_FILE),
as `limits: {picture_mpx: 2000}`; whoever starts a process hands them on with `set_limits`, once.
"""

from dataclasses import dataclass, fields, replace

from shotmake.errors import ShotError

OWN_FILE = "~/.config/shotmake/config.yaml"
MOST = 10**12  # of any limit
UNITS = {"_mb": " MB", "_mpx": " Mpx"}  # by the end of a limit's name; the others are counts


@dataclass(frozen=True)
class Limits:
    """mb: a million bytes; mpx: a million pixels."""

    text_mb: int = 512  # a text file of another program, read line by line
    text_line_mb: int = 1
    text_lines: int = 10_000_000
    knob_mb: int = 16  # the value of one knob of a Nuke script
    json_mb: int = 256
    json_depth: int = 100  # brackets in one another
    json_objects: int = 5_000_000  # lists and objects; each takes some 200 bytes once it is read
    yaml_mb: int = 1
    yaml_depth: int = 50
    yaml_nodes: int = 100_000  # keys and values, with each alias counted as all that it stands for
    npz_mb: int = 128  # what an .npz holds packed, beyond the size of the file itself
    npz_arrays: int = 1_000
    picture_mpx: int = 268
    picture_mb: int = 512  # a picture's pixels as they are decoded, beyond the size of its file
    picture_channels: int = 1_024
    movie_mpx: int = 70
    movie_frames: int = 2_000_000  # that an mp4 or mov announces
    camera_mb: int = 4_000  # a camera that Blender reads
    camera_depth: int = 1_000  # brackets in one another in a text USD
    camera_values: int = 20_000_000  # of all arrays that a glTF announces
    cut_mb: int = 64


_in_force = Limits()


def limits() -> Limits:
    """The limits in force in this process."""
    return _in_force


def set_limits(values: dict) -> None:
    """Put these values, by their names in Limits, in place of the defaults. ShotError, with a line for each fault,
    where one is no limit's name or no whole number from 1."""
    global _in_force
    known = [field.name for field in fields(Limits)]
    faults = [
        f"limits.{name}: found no limit of that name; there are: {', '.join(known)} ({OWN_FILE})"
        for name in values
        if name not in known
    ]
    faults += [
        f"limits.{name}: found {ascii(value)[:40]}; needed a whole number from 1 to {MOST} ({OWN_FILE})"
        for name, value in values.items()
        if name in known and (isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST)
    ]
    if faults:
        raise ShotError(*faults)
    _in_force = replace(Limits(), **values)


def over_limit(where: str, found: str, limit: str, key: str = "") -> ShotError:
    """`<where>: found ..., needed at most ... (<key>); raise limits.<limit> in the user's own file`, to be raised."""
    unit = next((unit for end, unit in UNITS.items() if limit.endswith(end)), "")
    needed = f"at most {getattr(limits(), limit)}{unit}"
    return ShotError(f"{where}: found {found}, needed {needed}{f' ({key})' if key else ''}; raise {raised(limit)}")


def raised(limit: str) -> str:
    """Where a user raises a limit, for the end of a message."""
    return f"limits.{limit} in {OWN_FILE}"
