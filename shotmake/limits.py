"""The limits in force: how long a program may run before it is ended.

A show cannot raise a limit, since a show may come from a stranger. The user raises it in a config of their own
(tasks/own_config.py), as `limits: {blender_minutes: 600}`.
"""

import math
from dataclasses import dataclass, fields

from shotmake.errors import ShotError

RAISED_IN = "~/.config/shotmake/config.yaml"


@dataclass(frozen=True)
class Limits:
    """Every limit with its unit in its name. The defaults are generous: honest work does not meet them."""

    blender_minutes: float = 240.0  # one script in Blender, or one frame of a render
    detector_minutes: float = 1440.0  # tracking.objects.detector_cmd, for one stretch of frames
    install_minutes: float = 60.0  # one step of the private Blender's installation
    silent_minutes: float = 30.0  # a program that says nothing, writes no frame and uses no processor
    composing_minutes: float = 10.0  # the YAML of the next shots, where many are composed at once


_in_force = [Limits()]


def limits() -> Limits:
    """The limits in force in this process."""
    return _in_force[-1]


def set_limits(values: dict) -> None:
    """Put other values in force, {name: number}; what is not named has its default. Raises ShotError for a name that
    is no limit, or a value that is no number above 0."""
    known = {one.name for one in fields(Limits)}
    faults = []
    for name, value in values.items():
        if name not in known:
            faults.append(f"limits.{name}: found no such limit; there are: {', '.join(sorted(known))}")
        elif isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value <= 0:
            faults.append(f"limits.{name}: found {value!r}; needed a number above 0")
    if faults:
        raise ShotError(*faults)
    _in_force[:] = [Limits(**values)]


def how_to_raise(name: str) -> str:
    """The end of a message that refuses by the limit of this name."""
    return f"raise limits.{name} in {RAISED_IN}"
