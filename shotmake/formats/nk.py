"""Nuke scripts (.nk) as data: their nodes, knobs and curves. Nothing is evaluated.

A script is a list of nodes: `Class {`, then lines of `knob value`, then `}`. A value is a word, "quoted" or {braced},
and may run over several lines. An animated value is `{curve x1001 0.5 0.6 x1010 1.5}`: x sets the frame, and every
further number stands one frame later. Letters (i, K, L ...) and slopes (s0.1, t0, u.3, v.3) say how the curve runs
between keys. Anything else in a curve is an expression.

Source: scripts that Nuke and 3DEqualizer's exporter write (tde4's export_nuke.py: `{curve i x1 0.5 x2 0.6}`), as public
repositories hold them. The Foundry has published no grammar.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number
from shotmake.limits import get_limits, make_limit_fault

NODE = re.compile(r"\s*([A-Za-z_][\w.]*)\s*\{\s*$")
WORD = re.compile(r'[{}]|"(?:\\.|[^"\\])*"|(?:\\.|[^\s{}"\\])+')
BETWEEN_KEYS = re.compile(r"[A-Za-z]|[stuv]-?[\d.]+(?:e-?\d+)?")  # the course between keys: not needed
DEPTH_MAX = 16
KNOBS_MAX = 10_000


@dataclass(frozen=True)
class Node:
    """One node of a script.

    kind: its class, such as Camera3. line: the line of the file where the node begins. knobs: name -> (the value as
    written, the line where the value begins). users: the names of the knobs that a user added.
    """

    kind: str
    line: int
    knobs: dict[str, tuple[str, int]]
    users: set[str]


def read_nodes(path: Path, kinds: re.Pattern, key: str) -> Iterator[Node]:
    """Yield the nodes of a script whose class matches `kinds`, also the nodes inside groups.

    Raises ShotError when the script ends inside such a node, when the node has a closing brace too many, more than
    KNOBS_MAX knobs or a knob over the limit knob_mb, and as `shotmake.formats.text_files.read_lines` does.
    """
    node: Node | None = None
    knob, parts, first, depth, size = "", [], 0, 0, 0
    for line, text in read_lines(path, key):
        if node is None:
            found = NODE.match(text)
            if found and kinds.fullmatch(found[1]):
                node = Node(found[1], line, {}, set())
            continue
        if not depth:
            if text.strip() == "}":
                yield node
                node = None
                continue
            knob, _, text = text.strip().partition(" ")
            parts, first, size = [], line, 0
        parts.append(text)
        size += len(text)
        depth += _count_open(text)
        if depth < 0:
            raise make_fault(path, line, "a brace too many", "a Nuke script", key)
        if size > get_limits().knob_mb * 10**6:
            raise make_limit_fault(f"{path.name}:{line}", f"knob {quote_word(knob)} that does not end", "knob_mb", key)
        if len(node.knobs) > KNOBS_MAX:
            raise make_fault(path, line, f"over {KNOBS_MAX} knobs in a node", "a Nuke script", key)
        if not depth and knob == "addUserKnob":
            node.users.update(WORD.findall(" ".join(parts))[2:3])  # {type name ...}
        elif not depth and knob:
            node.knobs[knob] = ("\n".join(parts).strip(), first)
    if node is not None:
        raise ShotError(f"{path.name}:{node.line}: found {node.kind} without its end, needed a whole script ({key})")


def _count_open(text: str) -> int:
    """Return how many braces a line leaves open. Braces in quotes or after a backslash do not count."""
    if '"' not in text and "\\" not in text:
        return text.count("{") - text.count("}")
    return sum({"{": 1, "}": -1}.get(match[0], 0) for match in WORD.finditer(text))


def read_components(value: str, knob: str, path: Path, line: int, key: str) -> list[float | dict[int, float]]:
    """Return the numbers of a knob in order, with or without nested braces. An animated number is {frame: value}.

    Raises ShotError for an expression, for a key that is not on a whole frame, for an empty curve, and for braces that
    do not close or are nested deeper than DEPTH_MAX.
    """
    found: list[float | dict[int, float]] = []
    open_braces: list[list[str]] = [[]]  # the words so far in each brace that is open

    def close(words: list[str]) -> None:
        if words[:1] == ["curve"]:
            found.append(_read_curve(words[1:], knob, path, line, key))
        else:
            found.extend(_read_number(word, knob, path, line, key) for word in words)

    for match in WORD.finditer(value):
        word = match[0]
        if word == "{":
            close(open_braces[-1])
            open_braces[-1] = []
            open_braces.append([])
        elif word == "}":
            close(open_braces.pop())
        else:
            open_braces[-1].append(word)
        if not 0 < len(open_braces) <= DEPTH_MAX:
            raise make_fault(path, line, f"knob {knob} with braces that do not close", "numbers or curves", key)
    if len(open_braces) > 1:
        raise make_fault(path, line, f"knob {knob} with braces that do not close", "numbers or curves", key)
    close(open_braces[0])
    return found


def _read_number(word: str, knob: str, path: Path, line: int, key: str) -> float:
    try:
        return read_number(word, path, line, key)
    except ShotError as error:
        raise make_fault(
            path, line, f"knob {knob} with {quote_word(word)}", "a number or a curve: bake it", key
        ) from error


def _read_curve(words: list[str], knob: str, path: Path, line: int, key: str) -> dict[int, float]:
    made: dict[int, float] = {}
    frame = 0.0
    for word in words:
        if re.fullmatch(r"x-?[\d.]+", word):
            frame = _read_number(word[1:], knob, path, line, key)
        elif not BETWEEN_KEYS.fullmatch(word):
            value = _read_number(word, knob, path, line, key)
            if frame != int(frame) or abs(frame) > 100_000_000:
                found = f"knob {knob} with a key at frame {frame:g}"
                raise make_fault(path, line, found, "keys on whole frames: bake it", key)
            made[int(frame)] = value
            frame += 1
    if not made:
        raise make_fault(path, line, f"knob {knob} with an empty curve", "a key a frame", key)
    return made
