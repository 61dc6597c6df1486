"""How much a file may ask for before it is refused, and how long a program may run: the one place of these limits.

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
    """mb: a million bytes; mpx: a million pixels. Honest work does not meet them."""

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
    blender_minutes: float = 240.0  # one script in Blender, or one frame of a render
    detector_minutes: float = 1440.0  # tracking.objects.detector_cmd, for one stretch of frames
    install_minutes: float = 60.0  # one step of the private Blender's installation
    silent_minutes: float = 30.0  # a program that says nothing, writes no frame and uses no processor
    composing_minutes: float = 10.0  # the YAML of the next shots, where many are composed at once


_in_force = Limits()


def limits() -> Limits:
    """The limits in force in this process."""
    return _in_force


def set_limits(values: dict) -> None:
    """Put these values, by their names in Limits, in place of the defaults. ShotError, with a line for each fault,
    where one is no limit's name, or no whole number from 1 (for minutes: no number above 0)."""
    global _in_force
    known = {field.name: field.type for field in fields(Limits)}
    faults = [
        f"limits.{name}: found no limit of that name; there are: {', '.join(known)} ({OWN_FILE})"
        for name in values
        if name not in known
    ]
    for name in (name for name in values if name in known):
        is_whole, value = known[name] is int, values[name]
        fits = isinstance(value, int if is_whole else int | float) and not isinstance(value, bool)
        if not fits or not (1 if is_whole else 0) <= value <= MOST or value == 0:
            needed = f"a whole number from 1 to {MOST}" if is_whole else "a number above 0"
            faults.append(f"limits.{name}: found {ascii(value)[:40]}; needed {needed} ({OWN_FILE})")
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
