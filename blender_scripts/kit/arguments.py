"""The scripts' command line: the same arguments under `python SCRIPT ARGS` and `blender --python SCRIPT -- ARGS`."""

import argparse
import sys
from typing import NoReturn


class UserError(Exception):
    """Something in the input that the user can cure, told in one line."""


def said_by(error: BaseException) -> str:
    """What an error says, in one line that is never empty."""
    return " ".join(str(error).split()).removeprefix("Error: ") or type(error).__name__


class OneLineParser(argparse.ArgumentParser):
    """argparse, but a bad argument is one line on stderr and exit code 1, as for any other bad input."""

    def error(self, message: str) -> NoReturn:
        self.exit(1, f"{self.prog}: {message}\n")


def script_arguments() -> list[str]:
    """What was meant for the script: all behind `--` (Blender's way), else all of the command line."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
