"""The scripts' command line: the same arguments under `python SCRIPT ARGS` and `blender --python SCRIPT -- ARGS`."""

import argparse
import sys
from typing import NoReturn


class UserError(Exception):
    """An error for something in the input that the user can cure, said in one line."""


def quote_error(error: BaseException) -> str:
    """Return what an error says, in one line that is never empty."""
    return " ".join(str(error).split()).removeprefix("Error: ") or type(error).__name__


class OneLineParser(argparse.ArgumentParser):
    """An argparse parser that ends on a bad argument with one line on stderr and exit code 1."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 1 and the message in one line."""
        self.exit(1, f"{self.prog}: {message}\n")


def list_script_arguments() -> list[str]:
    """Return the arguments for the script: all behind `--` (Blender's way), else the whole command line."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
