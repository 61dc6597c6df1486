"""The format of the state folder. A format newer than this tool knows is refused before anything in the folder is
believed.
"""

from pathlib import Path

from shotmake.errors import ShotError, said_by
from shotmake.files.json_file import read_json
from shotmake.tasks.show import in_show, state_folder

SCHEMA = 1  # raise it with a change of stamps or places that an older tool would read wrongly; no file means 1


def format_file() -> Path:
    """Return the file that says the format."""
    return state_folder() / "format.json"


def check() -> None:
    """Refuse the state folder of a newer tool: raises ShotError when its format is newer, or its format file is
    unreadable.
    """
    try:
        found = read_json(format_file())
    except FileNotFoundError:
        return
    except (OSError, ShotError) as error:
        raise ShotError(f"{_place()}: cannot be read ({said_by(error)}); remove it") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ShotError(f"{_place()}: names no schema; remove it")
    if schema > SCHEMA:
        raise ShotError(
            f"{_place()}: found state of schema {schema}; this shotmake knows {SCHEMA}: use the newer one, or remove "
            ".gsd-state"
        )


def _place() -> str:
    return in_show(format_file())
