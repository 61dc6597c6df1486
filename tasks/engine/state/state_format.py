"""The format of the state folder. A format newer than this tool knows is refused before anything in the folder is
believed.
"""

from pathlib import Path

from shotmake.errors import ShotError, quote_error
from shotmake.files.json_file import read_json
from shotmake.tasks.show import get_state_folder, name_in_show

SCHEMA = 1  # raise it with a change of stamps or places that an older tool would read wrongly; no file means 1


def get_format_file() -> Path:
    """Return the file that says the format."""
    return get_state_folder() / "format.json"


def check() -> None:
    """Refuse the state folder of a newer tool: raises ShotError when its format is newer, or its format file is
    unreadable.
    """
    try:
        found = read_json(get_format_file())
    except FileNotFoundError:
        return
    except (OSError, ShotError) as error:
        raise ShotError(f"{_name_place()}: cannot be read ({quote_error(error)}); remove it") from error
    schema = found.get("schema") if isinstance(found, dict) else None
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise ShotError(f"{_name_place()}: names no schema; remove it")
    if schema > SCHEMA:
        raise ShotError(
            f"{_name_place()}: found state of schema {schema}; this shotmake knows {SCHEMA}: use the newer one, or "
            "remove "
            ".gsd-state"
        )


def _name_place() -> str:
    return name_in_show(get_format_file())
