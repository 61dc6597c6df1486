"""The variants of a sweep, as a file: `doit variants=<file>` takes its shots from it, as one graph."""

import re
from pathlib import Path

from shotmake.errors import ShotError, quote_error
from shotmake.files.input_file import check_file
from shotmake.files.json_file import read_json
from shotmake.new_shot.shot_yaml import make_safe_name
from shotmake.tasks.engine.stamp import hash_short, to_json_bytes, write_atomically
from shotmake.tasks.shots.quote_shot_name import unquote
from shotmake.tasks.shots.up_to_date import keep_overrides
from shotmake.tasks.show import get_build_folder, get_show_folder

KEY = "variants="
Asked = tuple[str, tuple[str, ...]]  # the name of a shot's YAML file, and the overrides


def from_words(words: list[str]) -> Asked:
    """Return one job of a sweep, which Hydra gives in its own words: it writes true as True.

    Written as it is typed, the job has the same folder as with doit.
    """
    typed = [re.sub("=(True|False)$", lambda found: found[0].lower(), word) for word in words]
    (name,) = (word.removeprefix("shot=") for word in typed if word.startswith("shot="))
    return unquote(name), tuple(keep_overrides(typed))


def get_folder(asked: list[Asked]) -> Path:
    """Return the folder for the results of a sweep: the same for the same variants, in whatever order."""
    names = sorted({name for name, _ in asked})
    digest = hash_short(sorted([name, *sorted(overrides)] for name, overrides in asked))
    name = make_safe_name(names[0], ())[:64] if len(names) == 1 else f"{len(names)}-shots"
    return get_build_folder() / "sweeps" / f"{name}-{digest}"


def write(path: Path, asked: list[Asked]) -> Path:
    """Write the variants to a file, each once, in the order asked for; return the path."""
    write_atomically(path, to_json_bytes({"schema": 1, "variants": list(dict.fromkeys(asked))}))
    return path


def read(path: str) -> list[Asked]:
    """Read the variants from a file that `write` wrote. Raises ShotError when it is not such a file."""
    try:
        check_file(get_show_folder() / path, path, KEY, "a file that a sweep has written")
        tree = read_json(get_show_folder() / path, KEY)
    except OSError as error:
        raise ShotError(f"{path}: {quote_error(error).lower()}; check {KEY}") from error
    try:
        asked = [(name, tuple(overrides)) for name, overrides in tree["variants"]]
        if not all(isinstance(word, str) for name, overrides in asked for word in (name, *overrides)):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise ShotError(f"{path}: found no list of variants; needed a file that a sweep has written ({KEY})") from error
    return asked
