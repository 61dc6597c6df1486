"""YAML that anybody may have written.

It is read after its events are counted: its depth, its size, and what its aliases unfold to.

A few lines of aliases of aliases unfold to gigabytes as soon as something writes them out ("billion laughs").
"""

import re
from dataclasses import dataclass, field
from typing import Any

from shotmake.errors import ShotError, quote_error
from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import tell_apart

PLAIN_TAGS = ("str", "seq", "map")  # any other tag may stand before a value that it does not fit
TAG = "tag:yaml.org,2002:"
NUMBER_CHARS = 400
LONG_NUMBER = re.compile(rf"[-+.\w:]{{{NUMBER_CHARS},}}")  # to YAML, 1:1:1... is a number too, in base 60
STARTS_NUMBER = re.compile(r"[-+]?\.?\d")


def load_yaml(text: str, name: str, key: str = "") -> Any:
    """Return the value of a YAML text. name: the name of its file, which starts the message.

    Raises ShotError, with line and column where they are known, when the text is not YAML, or is too large, too deep,
    or unfolds to too much.
    """
    import yaml

    check_events(text, name, key)
    try:
        return yaml.load(text, Loader=_find_loader())
    except yaml.YAMLError as error:
        raise _make_yaml_fault(error, name, key) from error
    # PyYAML raises these for a value that looks like a date or a number and is none: 2001-99-99, 0b_
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        found = f"a value that is none ({quote_error(error, 80)})"
        raise ShotError(f"{name}: not YAML: {found}{f'; check {key}' if key else ''}") from error


def name_kind(value: Any) -> str:
    """Return what the value of a YAML file is, as text for a message."""
    if isinstance(value, bool):
        return str(value).lower()
    kinds = {dict: "a block of keys", list: "a list", str: "a text", type(None): "an empty file"}
    return kinds.get(type(value), "a date" if hasattr(value, "year") else "a number")


def show_value(value: Any, most_chars: int = 120) -> str:
    """Return a value as YAML says it, for a message: null and true, not None and True."""
    text = _to_yaml(value)
    return text if len(text) <= most_chars else f"{text[: most_chars - 3]}..."


def _to_yaml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_to_yaml, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_to_yaml(one)}" for key, one in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return repr(value) if isinstance(value, str) else str(value)


def check_yaml(text: str, name: str, key: str = "") -> None:
    """Check a text that another reader (Hydra) is going to read. Raises ShotError as load_yaml does."""
    load_yaml(text, name, key)


@dataclass
class _Node:
    """A list or map that is being read: how many values it unfolds to, and how deep it is."""

    anchor: str | None = None
    values: int = 1
    depth: int = 1

    def add(self, values: int, depth: int) -> None:
        self.values += values
        self.depth = max(self.depth, depth + 1)


@dataclass
class _Count:
    """Where the events stand: the open lists and maps, and what each anchor so far unfolds to (values, depth)."""

    open: list[_Node] = field(default_factory=lambda: [_Node(values=0)])
    anchors: dict[str, tuple[int, int]] = field(default_factory=dict)

    def add(self, values: int, depth: int, anchor: str | None = None) -> None:
        self.open[-1].add(values, depth)
        if anchor is not None:
            self.anchors[anchor] = values, depth

    def close(self) -> None:
        done = self.open.pop()
        self.add(done.values, done.depth, done.anchor)

    @property
    def depth(self) -> int:
        """The depth of the deepest value in what is open."""
        return max(at + one.depth for at, one in enumerate(self.open)) - 1


def check_events(text: str, name: str, key: str = "") -> None:
    """Check the events of a YAML text.

    Raises ShotError for a text that is not YAML, or that load_yaml must not be given.
    """
    import yaml

    most_mb = get_limits().yaml_mb
    if len(text) > most_mb * 10**6:
        raise make_limit_fault(name, f"YAML of {tell_apart(len(text) / 1e6, most_mb, '.1f')} MB", "yaml_mb", key)
    count = _Count()
    try:
        for event in yaml.parse(text, Loader=_find_loader()):
            where = f"{name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"
            _check_tag(event, where, key)
            if isinstance(event, yaml.AliasEvent):
                if any(one.anchor == event.anchor for one in count.open):
                    raise _make_fault(
                        where, f"*{event.anchor[:40]} inside of &{event.anchor[:40]}", "plain values", key
                    )
                count.add(*count.anchors.get(event.anchor, (1, 0)))
            elif isinstance(event, yaml.CollectionStartEvent):
                count.open.append(_Node(event.anchor))
            elif isinstance(event, yaml.CollectionEndEvent):
                count.close()
            elif isinstance(event, yaml.ScalarEvent):
                _check_number(event, where, key)
                count.add(1, 0, event.anchor)
            if count.depth > get_limits().yaml_depth:
                raise make_limit_fault(where, "blocks or brackets too deep in one another", "yaml_depth", key)
            if sum(one.values for one in count.open) > get_limits().yaml_nodes:
                raise make_limit_fault(where, "too many values, each alias (*) unfolded", "yaml_nodes", key)
    except yaml.YAMLError as error:
        raise _make_yaml_fault(error, name, key) from error


def _check_tag(event: Any, where: str, key: str) -> None:
    tag = getattr(event, "tag", None)
    if tag and tag != "!" and tag not in [TAG + plain for plain in PLAIN_TAGS]:
        raise _make_fault(where, f"the tag {ascii(tag.replace(TAG, '!!'))[:40]}", "plain values", key)


def _check_number(event: Any, where: str, key: str) -> None:
    long = len(event.value) > NUMBER_CHARS and not event.style
    if long and STARTS_NUMBER.match(event.value) and LONG_NUMBER.fullmatch(event.value):
        raise _make_fault(where, f"a number of {len(event.value)} characters", f"at most {NUMBER_CHARS}", key)


def _make_fault(where: str, found: str, needed: str, key: str) -> ShotError:
    return ShotError(f"{where}: found {found}, needed {needed}{f' ({key})' if key else ''}")


def _make_yaml_fault(error: Any, name: str, key: str) -> ShotError:
    mark = getattr(error, "problem_mark", None)
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    said = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
    return ShotError(f"{name}{place}: not YAML: {said}{f'; check {key}' if key else ''}")


def _find_loader() -> Any:
    """Return PyYAML's safe loader, the fast one where PyYAML has it."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
