"""Which of the user's environment variables a show's YAML may read with ${oc.env:NAME}.

A show may come from a stranger, and what it reads ends in reports and in the words of programs. So it may read only
variables that say where in a production one is, and variables that the user lists in their own config.
"""

import os

from shotmake.errors import ShotError
from shotmake.limits import name_own_file
from shotmake.tasks.engine.processes.users_config import read_own_config

NAMES = ("SHOT", "SHOW", "SEQ", "SEQUENCE", "EPISODE", "PROJECT")
PREFIXES = ("SHOTMAKE_", "SHOT_", "SHOW_", "SEQ_")
SECRETS = {"KEY", "APIKEY", "TOKEN", "SECRET", "PASS", "PASSWORD", "PASSWD", "PWD", "AUTH", "CREDENTIAL", "CREDENTIALS"}


def may_be_read(name: str) -> bool:
    """Return whether a show's YAML may read this variable.

    A variable with the name of a secret may be read only if the user lists it.
    """
    is_ours = name in NAMES or name.startswith(PREFIXES)
    return (is_ours and not SECRETS & set(name.upper().split("_"))) or name in read_own_config().environment


def read(name: str) -> str | None:
    """Return the value of a variable, None when it is not set. Raises ShotError for a variable that a show may not
    read.
    """
    if not may_be_read(name):
        cure = f"list it in {name_own_file()}, as environment: [{name}]"
        raise ShotError(f"${{oc.env:{name}}}: a show may not read this variable; {cure}")
    return os.environ.get(name)


def are_unchanged(seen: dict[str, str | None]) -> bool:
    """Return whether the variables have these values, and may still be read."""
    return all(os.environ.get(name) == value and may_be_read(name) for name, value in seen.items())
