"""The scripts' command line: the same arguments under `python SCRIPT ARGS` and `blender --python SCRIPT -- ARGS`.

And the words of their messages.
"""

import argparse
import sys
from collections.abc import Iterable
from typing import NoReturn


class UserError(Exception):
    """An error for something in the input that the user can cure, said in one line."""


def quote_error(error: BaseException) -> str:
    """Return what an error says, in one line that is never empty.

    An error of the system gives its reason alone, and a missing key gives `no 'key'`.
    """
    said = str(getattr(error, "strerror", None) or error)
    if isinstance(error, KeyError):
        said = f"no {said}"
    return " ".join(said.split()).removeprefix("Error: ") or type(error).__name__


def count_of(count: int, one: str) -> str:
    """Return a count with its noun: `1 frame`, `2 frames`."""
    return f"{count} {one}{'' if count == 1 else 's'}"


def show_size(size_px: Iterable[int]) -> str:
    """Return a size as messages say it: 1920x1080."""
    return "x".join(map(str, size_px))


class OneLineParser(argparse.ArgumentParser):
    """An argparse parser that ends on a bad argument with one line on stderr and exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 1 and the message in one line."""
        self.exit(1, f"{self.prog}: {message}\n")


def list_script_arguments() -> list[str]:
    """Return the arguments for the script: all behind `--` (Blender's way), else the whole command line."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
