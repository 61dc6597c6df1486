"""What errors say of themselves: never nothing, in one printable line; no message of ours ends in an empty reason."""

import ast
import errno
import zipfile

import av
import numpy as np
import pytest
from yaml import YAMLError

from helpers.shows.project import REPOSITORY
from shotmake.errors import ShotError, quote_error
from shotmake.numbers_in_words import count_of, tell_apart

pytestmark = pytest.mark.fast

SAID = {
    "no 'lens'": KeyError("lens"),
    "no 3": KeyError(3),
    "There is no item named 'a' in the archive": KeyError("There is no item named 'a' in the archive"),
    "there is too little memory": MemoryError(),
    "Unable to allocate 3 GiB": MemoryError("Unable to allocate 3 GiB"),
    "it took too long": TimeoutError(),
    "it ends too early": EOFError(),
    "it is too deep in one another": RecursionError(""),
    "No space left on device": OSError(errno.ENOSPC, "No space left on device", "/a/b"),
    "Input/output error": OSError(errno.EIO, ""),
    "OSError": OSError(),
    "ValueError": ValueError(" \n "),
    "AssertionError": AssertionError(),
    "YAMLError": YAMLError(),
    "BadZipFile": zipfile.BadZipFile(),
    "two lines": ValueError("two\n  lines"),
    "a bell \\x07": ValueError("a bell \x07"),
    "Invalid data found": av.error.InvalidDataError(1, "Invalid data found"),
    "one: found a; two: found b": ShotError("one: found a;", "two: found b"),
}


@pytest.mark.parametrize("text", SAID)
def test_an_error_says_something_in_one_line(text):
    assert quote_error(SAID[text]) == text


def every_kind(kind: type[BaseException] = Exception) -> set[type[BaseException]]:
    return {kind}.union(*(every_kind(below) for below in kind.__subclasses__()))


def test_no_kind_of_error_says_nothing():
    """All that Python and the libraries loaded here have, made without a word."""
    tried = 0
    for kind in every_kind():
        try:
            error = kind()
            str(error)
        except Exception:  # it cannot be made, or shown, without a word
            continue
        said = quote_error(error)
        tried += 1
        assert any(letter.isalnum() for letter in said) and "\n" not in said, kind
    assert tried > 60 and np.linalg.LinAlgError in every_kind()


def test_what_an_error_says_has_an_end():
    assert (
        quote_error(ValueError("x" * 10**6)) == "x" * 197 + "..."
        and len(quote_error(ValueError("a\0" * 500), 80)) == 80
    )


@pytest.mark.parametrize("faults", [(), ("",), (" ", "\n")])
def test_a_shot_error_says_what_is_wrong(faults):
    with pytest.raises(ValueError, match="without a fault"):
        raise ShotError(*faults)


def test_one_thing_is_one_and_a_value_is_not_shown_as_the_limit_it_breaks():
    assert [count_of(count, "value") for count in (0, 1, 2)] == ["0 values", "1 value", "2 values"]
    assert [count_of(count, "box", "boxes") for count in (1, 2)] == ["1 box", "2 boxes"]
    assert [tell_apart(value, 1.0, ".2f") for value in (1.004, 1.2, 0.9999)] == ["1.004", "1.20", "0.9999"]
    assert [tell_apart(value, 0.1, ".2g") for value in (0.1004, 0.12, 12.0)] == ["0.1004", "0.12", "12"]
    assert tell_apart(float("nan"), 1.0, ".1f") == "nan" and tell_apart(1.0, 1.0, ".1f") == "1.0"


OURS = {"ShotError", "UserError", "ConfigFaults", "Refused", "TooLittle"}  # they never come without a text


def shown_unchecked(source: str) -> list[int]:
    """Lines where an error that is not ours stands in a text as it is: `except OSError as error: f"... {error}"`."""
    found = []
    for handler in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ExceptHandler) and node.name):
        each = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        kinds = {ast.unparse(one).rpartition(".")[2] for one in each}
        if kinds <= OURS:
            continue
        for node in (node for line in handler.body for node in ast.walk(line)):
            value = node.value if isinstance(node, ast.FormattedValue) and node.conversion != ord("r") else None
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
                value = node.args[0]
            if isinstance(value, ast.Attribute) and value.attr == "strerror":
                value = value.value
            if isinstance(value, ast.Name) and value.id == handler.name:
                found.append(node.lineno)
    return found


ALLOWED = {  # what the message needs of the error itself is there
    "blender_scripts/kit/libmv/tracking_settings.py",  # of a KeyError, the key in its quotes
    "blender_scripts/read_camera.py",  # the last line of many, or the kind
}


@pytest.mark.parametrize("folder", ["shotmake", "tasks", "blender_scripts"])
def test_no_message_shows_an_error_that_may_say_nothing(folder):
    found = [
        f"{path.relative_to(REPOSITORY)}:{line}"
        for path in sorted((REPOSITORY / folder).rglob("*.py"))
        for line in shown_unchecked(path.read_text())
        if str(path.relative_to(REPOSITORY)) not in ALLOWED
    ]
    assert not found, f"use quote_error: {found}"


def test_the_search_for_such_messages_finds_them():
    body = "try:\n    pass\nexcept {kind} as error:\n    raise ShotError({text}) from error\n"
    for text in ('f"a ({error})"', "str(error)", "f'{error.strerror}'", "f'{str(error)[:9]}'"):
        assert shown_unchecked(body.format(kind="OSError", text=text)) == [4], text
        assert shown_unchecked(body.format(kind="(ValueError, ShotError)", text=text)) == [4], text
    for text in ('f"a ({quote_error(error)})"', "'a'", "f'{error!r}'"):
        assert not shown_unchecked(body.format(kind="OSError", text=text)), text
    assert not shown_unchecked(body.format(kind="ShotError", text="str(error)"))
