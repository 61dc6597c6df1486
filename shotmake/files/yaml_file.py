"""YAML that anybody may have written, read after its events were counted: depth, size, and what its aliases unfold to.

A few lines of aliases of aliases unfold to gigabytes as soon as something writes them down ("billion laughs").
"""

import re
from dataclasses import dataclass, field
from typing import Any

from shotmake.errors import ShotError, said_by
from shotmake.limits import limits, over_limit

PLAIN_TAGS = ("str", "seq", "map")  # others can be said of values that they do not fit
TAG = "tag:yaml.org,2002:"
NUMBER_CHARS = 400
LONG_NUMBER = re.compile(rf"[-+.\w:]{{{NUMBER_CHARS},}}")  # 1:1:1... is a number to YAML, of base 60
STARTS_NUMBER = re.compile(r"[-+]?\.?\d")


def load_yaml(text: str, name: str, key: str = "") -> Any:
    """The value of a YAML text. name: of its file, starts the message. ShotError, with line and column, where it is no
    YAML, and where it is too large, too deep, or unfolds to too much."""
    import yaml

    check_events(text, name, key)
    try:
        return yaml.load(text, Loader=_loader())
    except yaml.YAMLError as error:
        raise _not_yaml(error, name, key) from error
    # what PyYAML lets through of a value that looks like a date or a number and is none: 2001-99-99, 0b_
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError) as error:
        found = f"a value that is none ({said_by(error, 80)})"
        raise ShotError(f"{name}: not YAML: {found}{f'; check {key}' if key else ''}") from error


def check_yaml(text: str, name: str, key: str = "") -> None:
    """Say what load_yaml would, of a text that another reader (Hydra) is going to read."""
    load_yaml(text, name, key)


@dataclass
class _Node:
    """A list or map that is being read: how many values it unfolds to, and how deep."""

    anchor: str | None = None
    values: int = 1
    depth: int = 1

    def add(self, values: int, depth: int) -> None:
        self.values += values
        self.depth = max(self.depth, depth + 1)


@dataclass
class _Count:
    """Where the events stand: lists and maps open, and what each anchor so far unfolds to (values, depth)."""

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
        """Of the deepest value that stands in what is open."""
        return max(at + one.depth for at, one in enumerate(self.open)) - 1


def check_events(text: str, name: str, key: str = "") -> None:
    """ShotError for a text that is no YAML, or that load_yaml must not be given."""
    import yaml

    if len(text) > limits().yaml_mb * 10**6:
        raise over_limit(name, f"YAML of {len(text) / 1e6:.1f} MB", "yaml_mb", key)
    count = _Count()
    try:
        for event in yaml.parse(text, Loader=_loader()):
            where = f"{name}:{event.start_mark.line + 1}:{event.start_mark.column + 1}"
            _check_tag(event, where, key)
            if isinstance(event, yaml.AliasEvent):
                if any(one.anchor == event.anchor for one in count.open):
                    raise _fault(where, f"*{event.anchor[:40]} inside of &{event.anchor[:40]}", "plain values", key)
                count.add(*count.anchors.get(event.anchor, (1, 0)))
            elif isinstance(event, yaml.CollectionStartEvent):
                count.open.append(_Node(event.anchor))
            elif isinstance(event, yaml.CollectionEndEvent):
                count.close()
            elif isinstance(event, yaml.ScalarEvent):
                _check_number(event, where, key)
                count.add(1, 0, event.anchor)
            if count.depth > limits().yaml_depth:
                raise over_limit(where, "blocks or brackets too deep in one another", "yaml_depth", key)
            if sum(one.values for one in count.open) > limits().yaml_nodes:
                raise over_limit(where, "too many values, each alias (*) unfolded", "yaml_nodes", key)
    except yaml.YAMLError as error:
        raise _not_yaml(error, name, key) from error


def _check_tag(event: Any, where: str, key: str) -> None:
    tag = getattr(event, "tag", None)
    if tag and tag != "!" and tag not in [TAG + plain for plain in PLAIN_TAGS]:
        raise _fault(where, f"the tag {ascii(tag.replace(TAG, '!!'))[:40]}", "plain values", key)


def _check_number(event: Any, where: str, key: str) -> None:
    long = len(event.value) > NUMBER_CHARS and not event.style
    if long and STARTS_NUMBER.match(event.value) and LONG_NUMBER.fullmatch(event.value):
        raise _fault(where, f"a number of {len(event.value)} characters", f"at most {NUMBER_CHARS}", key)


def _fault(where: str, found: str, needed: str, key: str) -> ShotError:
    return ShotError(f"{where}: found {found}, needed {needed}{f' ({key})' if key else ''}")


def _not_yaml(error: Any, name: str, key: str) -> ShotError:
    mark = getattr(error, "problem_mark", None)
    place = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
    said = " ".join(str(getattr(error, "problem", None) or error).split())[:200]
    return ShotError(f"{name}{place}: not YAML: {said}{f'; check {key}' if key else ''}")


def _loader() -> Any:
    """PyYAML's safe loader, the fast one where it was built in."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)
