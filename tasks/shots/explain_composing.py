"""The faults that Hydra, OmegaConf and PyYAML find while a shot is composed, as lines of ours.

A line says where the fault stands, with its key, what was found and what is needed.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from shotmake.errors import ShotError, quote_error
from shotmake.tasks.shots.quote_shot_name import quote
from shotmake.tasks.show import get_show_folder, name_in_show

LONGEST_LINE = 600  # the most characters of what Hydra says
FORMS = "needed ${key} or ${oc.env:NAME}"
NO_KEY = re.compile(r"Interpolation key '(.*)' not found")
NO_VARIABLE = re.compile(r"Environment variable '(.*)' not found")
UNKNOWN_KIND = re.compile(r"Unsupported interpolation type (\S+)")


def explain_composing(error: BaseException, locate: Callable[[str], str], file: str) -> str:
    """Return one line on an error that ended composing a shot.

    locate: a key -> the file that says it, or "command line"; file: the shot's own file, where nothing tells more.
    """
    behind = list(_yield_behind(error))
    key = next((str(found) for one in behind if (found := getattr(one, "full_key", None))), "")
    where = f"{locate(key)}: {key}" if key else file
    ours = next((one for one in behind if isinstance(one, ShotError)), None)  # OmegaConf wraps what a resolver raises
    if ours is not None:
        return f"{where}: {ours.faults[0]}"
    if place := next(filter(None, map(_find_place, behind)), ""):
        return place
    said = next((str(one) for one in behind if str(one).strip()), "")
    if key:
        return f"{where}: {_explain_value(said)}"
    return f"{where}: {quote_error(next((one for one in behind if str(one).strip()), error), LONGEST_LINE)}"


def explain_sweep(word: str, groups: tuple[str, ...]) -> str:
    """Return what is wrong with a typed word that is a sweep to Hydra, where one shot is built.

    groups: the groups of presets, whose words take no text or list of one's own.
    """
    key, value = word.split("=", 1)
    found = "a comma, which begins a sweep" if "," in value and "(" not in value else "a sweep"
    if key.removeprefix("shot.").removesuffix(".preset") in groups:
        return f"found {found}; needed one preset, or python dodo.py -m for the sweep"
    text = f'{key}="{value}"' if not set(value) & set('"\\') else f"{key}={quote(value, always=True)}"
    listed = f"{shlex.quote(f'{key}=[{value}]')} for a list, " if "comma" in found else ""
    return f"found {found}; needed {listed}{shlex.quote(text)} for one text, or python dodo.py -m for the sweep"


def _yield_behind(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and those that lie behind it."""
    behind: BaseException | None = error
    while behind is not None:
        yield behind
        behind = behind.__cause__ or behind.__context__


def _find_place(error: BaseException) -> str:
    """Return the line on a file that is no YAML to Hydra, where the error names the file; "" for any other error."""
    mark = getattr(error, "problem_mark", None)
    path = Path(mark.name) if mark is not None else None
    if mark is None or path is None or not path.is_relative_to(get_show_folder()):
        return ""
    said = " ".join(str(getattr(error, "problem", "")).split())
    return f"{name_in_show(path)}:{mark.line + 1}:{mark.column + 1}: not YAML: {said}"


def _explain_value(said: str) -> str:
    """Return what is wrong with a value with an interpolation, of what OmegaConf says about it."""
    if found := NO_KEY.search(said):
        return f"found ${{{found[1]}}}; needed a key that exists"
    if found := NO_VARIABLE.search(said):
        return (
            f"found ${{oc.env:{found[1]}}}, which is not set; set it, or give a default: ${{oc.env:{found[1]},value}}"
        )
    if found := UNKNOWN_KIND.search(said):
        return f"found ${{{found[1]}:...}}; {FORMS}"
    if "Recursive interpolation" in said:
        return "found an interpolation that leads back to itself; needed a value, or another key"
    first = said.strip().partition("\n")[0][:LONGEST_LINE]
    return f"found an interpolation that cannot be read ({first}); {FORMS}"
