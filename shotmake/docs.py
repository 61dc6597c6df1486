"""The pages of the reference that are made from code: `python -m shotmake.docs` writes them.

config.md    from shotmake/config/schema.py: every key with its type, unit, limits, default, and the comments at it
formats.md   from shotmake/config/format_registry.py, and from the docstring of each format's module

tests/test_reference.py compares the committed pages with what this module makes.
"""

import ast
import inspect
import io
import json
import re
import sys
import tokenize
import types
import typing
from collections.abc import Iterator, Mapping, Set
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from shotmake.config import schema
from shotmake.config.check import block_of_each
from shotmake.config.format_registry import FORMATS, Format

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "reference"
MADE = (
    "<!-- Made by `python -m shotmake.docs`. Change {source}, then run that command. "
    "tests/test_reference.py compares. -->\n\n"
)
TYPES = {int: "whole number", float: "number", str: "text", bool: "true or false", type(None): "null"}
VALUES = {"true", "false", "null", "[]", "{}"}
SPECIAL = re.compile(r"[*<|]|(?<!\w)_|_(?!\w)")  # an underscore inside a word is plain text
KEY = re.compile(r"`?\b((?:shot|tracking|composite)(?:\.[a-z_0-9]+)+)`?")
EMPHASIS = re.compile(r"\\\*(\w+)\\\*")
PAGE = re.compile(r"\bdocs/((?:\w+/)*(\w+)\.md)")
ADDRESS = re.compile(r"https://[\w./#-]+\w")
COLUMNS = re.compile(r"\S.{0,34}?  +(?=\S)")  # a name, and behind a gap what is told of it
PLURALS = {int: "whole numbers", float: "numbers", str: "texts", dict: "blocks"}

CONFIG_HEAD = """# Config keys

Every key of a shot, with its type, its unit, its limits and its default.

A key is written as a path: `shot.camera.focal_mm` is `focal_mm` in the block `camera` in the block `shot`. `null` means
"not set". The blocks `tracking` and `composite` may also stand inside `shot`; there they win over the blocks beside it.

The value of a key comes from the last of these layers that names the key:

1. the default on this page;
2. the tracking preset, `conf/tracking/<name>.yaml`;
3. the composite preset, `conf/composite/<name>.yaml`;
4. the shot's own file, `conf/shot/<name>.yaml`;
5. the command line, as in `doit shot=sc010_0040 tracking.detect.min_tracks=400`.

A wrong key or a wrong value is refused before anything is built. All faults are told at once, one line each.
`python dodo.py shot=<name> --cfg job` prints the composed config.

Paths of files count from the show's folder.
"""

FORMATS_HEAD = """# Formats

To write a file for another program, put its word into `shot.export`. The file lies in `build/<shot>/` after the build:

```yaml
shot:
  export: [chan, tracks_uv]
```

To read a file, name the file in the key of its kind. shotmake knows the format by the suffix and, where several formats
share a suffix, by the first lines.

| kind | key that reads it |
|---|---|
| camera | `shot.camera.import_file` |
| 2D tracks | `tracking.session_file` |
| lens | `shot.camera.lens_from` |
| detections | `tracking.objects.detections`, `shot.cameras.<name>.detections` |

Imported tracks keep their names. So groups and picks may use these names.

Some programs number frames from the clip's first frame, and not as the plate does. shotmake puts the first frame of
such a file of tracks on the plate's first frame. Where that is wrong, set `tracking.session_first_frame` to the plate
frame that the file's frame 1 means. Detections are placed in the same way, unless their numbers fit only as plate
numbers. A line in the log says how a file was placed, and what was left out.

Two words of `shot.export` are not in the table, because they write one picture for each frame:

- `undistorted_plate` writes [the plate without its lens](../how_to/comp.md#export-the-plate-without-its-lens).
- `object_mattes` writes [where the objects are](../how_to/moving_objects.md#take-them-to-other-programs).

## All formats

An empty cell says that shotmake does not read, or does not write, the format.

"""
KINDS = {"camera": "camera", "tracks": "2D tracks", "lens": "lens", "detections": "detections", "objects": "objects"}
CHAPTERS = {"camera": "Cameras", "tracks": "2D tracks", "lens": "Lenses", "detections": "Detections"}
TABLE_HEAD = "| kind | format | read | word in `shot.export` | file in `build/<shot>/` |\n|---|---|---|---|---|\n"


def make_pages() -> dict[str, str]:
    """Return the pages by the names of their files."""
    return {"config.md": make_config_page(), "formats.md": make_formats_page()}


def make_config_page() -> str:
    """Return the page of all config keys, as Markdown."""
    seen: dict[type, str] = {}
    parts = [MADE.format(source="shotmake/config/schema.py"), CONFIG_HEAD]
    parts += [text for name in ("shot", "tracking", "composite") for text in _make_sections(name, seen)]
    return "".join(parts)


def make_formats_page() -> str:
    """Return the page of all file formats, as Markdown."""
    head = MADE.format(source="shotmake/config/format_registry.py or the docstring of the format's module")
    return head + FORMATS_HEAD + make_formats_table() + "".join(_make_format_sections())


def make_formats_table() -> str:
    """Return the table of all formats, one line for each, as Markdown."""
    return TABLE_HEAD + "".join(_make_format_row(one) for one in FORMATS)


def read_comments(source: str) -> dict[str, dict[str, str]]:
    """Read what the comments of a module say of the fields of its classes: class -> field -> text.

    These count: the lines of comment right above a field, a comment behind the field, a string right below the field.
    """
    lines = source.splitlines()
    comments = {
        token.start[0]: token.string.lstrip("#").strip()
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found: dict[str, dict[str, str]] = {}
    for block in (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)):
        found[block.name] = {}
        for node, below in zip(block.body, [*block.body[1:], None], strict=True):
            if not (isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)):
                continue
            first = node.lineno
            while first - 1 in comments and lines[first - 2].lstrip().startswith("#"):
                first -= 1
            above = " ".join(comments[at] for at in range(first, node.lineno))
            behind = " ".join(comments[at] for at in range(node.lineno, (node.end_lineno or 0) + 1) if at in comments)
            text = [above, behind, _text_of(below)]
            found[block.name][node.target.id] = _join_sentences([part for part in text if part])
    return found


def escape(text: str) -> str:
    """Return the text as Markdown that shows it as it is, also in a cell of a table; `code` stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a single backtick begins no code
        parts = ["\\`".join(parts)]
    plain = [SPECIAL.sub(r"\\\g<0>", part) if at % 2 == 0 else part for at, part in enumerate(parts)]
    return "`".join(plain)


def main() -> None:
    """Write the pages into docs/reference, or into the folder that the command line names."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    if not folder.is_dir():
        sys.exit(f"{folder}: found no such folder; needed the folder of the reference, docs/reference in a clone")
    for name, text in make_pages().items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        sys.stdout.write(f"{folder / name}\n")


def _text_of(node: ast.stmt | None) -> str:
    """A string that stands alone, as below a field."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.split())
    return ""


def _join_sentences(parts: list[str]) -> str:
    """Sentences one after the other; what is no sentence yet gets a semicolon."""
    ends = [part if part[-1] in ".;:!?" else f"{part};" for part in parts[:-1]]
    return " ".join([*ends, *parts[-1:]])


def _comments_of(block: type) -> dict[str, str]:
    return read_comments(inspect.getsource(inspect.getmodule(block) or schema)).get(block.__name__, {})


def _make_sections(path: str, seen: dict[type, str]) -> Iterator[str]:
    """The section of a block and of all blocks in it."""
    hints = typing.get_type_hints(schema.Config)
    yield from _make_section(path, hints[path], seen)


def _make_section(path: str, block: type, seen: dict[type, str]) -> Iterator[str]:
    seen[block] = path
    hints, said = typing.get_type_hints(block), _comments_of(block)
    inner = [(item, _find_block(hints[item.name])) for item in fields(block)]
    yield f"\n{_place(_make_anchor(path), path)}## {_quote_code(path)}\n"
    if (note := block.__doc__) and not note.startswith(f"{block.__name__}("):  # which dataclass writes itself
        yield f"\n{_make_prose(note, '')}\n"
    rows = [_make_row(path, item, hints[item.name], said.get(item.name, "")) for item, one in inner if one is None]
    for item, one in inner:
        if one is not None:
            place = _join_path(path, item, hints[item.name])
            note = _make_cell(said.get(item.name, ""), VALUES).removesuffix(".")
            text = _make_sentence(_join_sentences([part for part in (note, _refer_to(place, one, seen)) if part]))
            rows.append(f"| {_quote_code(item.name)} | block | | {text} |\n")
    if rows:
        yield f"\n| key | value | default | what it means |\n|---|---|---|---|\n{''.join(rows)}"
    for item, one in inner:
        if one is not None and one not in seen:
            yield from _make_section(_join_path(path, item, hints[item.name]), one, seen)


def _refer_to(place: str, block: type, seen: Mapping[type, str]) -> str:
    if block in seen:
        return f"the same keys as [{_quote_code(seen[block])}](#{_make_anchor(seen[block])})"
    return f"see [{_quote_code(place)}](#{_make_anchor(place)})"


def _join_path(path: str, item: Field, hint: Any) -> str:
    """The path of a block in a block; <name> stands for each name where there may be several."""
    return f"{path}.{item.name}" if is_dataclass(hint) else f"{path}.{item.name}.<name>"


def _place(anchor: str, title: str) -> str:
    """A place that links lead to, above a heading that has another one by itself."""
    return "" if anchor.isalnum() and anchor == title.lower() else f'<a id="{anchor}"></a>\n\n'


def _make_anchor(path: str) -> str:
    return path.replace("<", "").replace(">", "")


def _find_block(hint: Any) -> type | None:
    """The block that a key holds, or holds several of by name; None for a plain value."""
    return hint if isinstance(hint, type) and is_dataclass(hint) else block_of_each(hint)


def _make_row(path: str, item: Field, hint: Any, said: str) -> str:
    key = f'<a id="{_make_anchor(path)}.{item.name}"></a>{_quote_code(item.name)}'
    default = item.default if item.default is not MISSING else item.default_factory()  # pyright: ignore
    values = {*VALUES, str(default) or "null", *map(str, item.metadata.get("choices") or ())}
    return (
        f"| {key} | {_describe_values(hint, item.metadata)} | {_quote_code(_show_yaml(default))} | "
        f"{_make_cell(said, values)} |\n"
    )


def _make_cell(said: str, values: Set[str]) -> str:
    """What a key means, as sentences; each value of it that is explained begins a line."""
    names = "|".join(re.escape(one) for one in sorted(values, key=len, reverse=True))
    text = _link_keys(escape(re.sub(rf"(?<![\w`.\[])({names})(?= = )", r"`\1`", said)), "")
    return _make_sentence(re.sub(r"(?<=[.;]) (?=`[^`]+` = )", "<br>", text))


def _make_sentence(text: str) -> str:
    """The text with a capital letter and a full stop, unless it begins with the name of a value."""
    if re.match(r"[a-z]+ ", text):
        text = text[0].upper() + text[1:]
    return text if not text or text[-1] in ".:!?" else f"{text}."


def _link_keys(text: str, page: str) -> str:
    """The text in which each config key and each page is a link; page: where the keys are, "" on that page itself."""
    text = KEY.sub(
        lambda found: f"[{_quote_code(found[1])}]({page}#{found[1]})" if found[1] in _list_places() else found[0], text
    )
    return PAGE.sub(lambda found: f"[{found[2].capitalize().replace('_', ' ')}](../{found[1]})", text)


@cache
def _list_places() -> frozenset[str]:
    """The paths of all keys and of all blocks, but those with a <name> in them."""

    def walk_below(path: str, block: type) -> Iterator[str]:
        hints = typing.get_type_hints(block)
        for item in fields(block):
            if is_dataclass(hints[item.name]) or _find_block(hints[item.name]) is None:
                yield f"{path}.{item.name}"
            if is_dataclass(hints[item.name]):
                yield from walk_below(f"{path}.{item.name}", hints[item.name])

    return frozenset(
        one for name, block in typing.get_type_hints(schema.Config).items() for one in walk_below(name, block)
    )


def _describe_values(hint: Any, limits: Mapping[str, Any]) -> str:
    """What a key may be, in words: type, choices, limits, unit."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = [_describe_kind(option, limits) for option in options if option is not type(None)]
    if limits.get("is_file"):
        kinds = [kind.replace("text", "file") for kind in kinds]
    if limits.get("choices"):
        choices = ", ".join(_quote_code(str(one)) for one in limits["choices"])
        kinds = [f"a list of {choices}" if any("list" in kind for kind in kinds) else choices]
    words = [" or ".join(kinds), _describe_bounds(limits)]
    if type(None) in options:
        words.append("or null")
    return ", ".join(word for word in words if word).replace(", or null", " or null")


def _describe_kind(option: Any, limits: Mapping[str, Any]) -> str:
    origin = typing.get_origin(option) or option
    if origin is list:
        (member,) = typing.get_args(option) or (object,)
        count = f"{limits['length']} " if limits.get("length") else ""
        plural = PLURALS.get(typing.get_origin(member) or member, "values")
        return f"a list of {count}{plural}"
    return "a block" if origin is dict else TYPES.get(option, "value")


def _describe_bounds(limits: Mapping[str, Any]) -> str:
    low, high, unit = limits.get("low"), limits.get("high"), limits.get("unit") or ""
    low, high = (None if one is None else f"{one:.15g}" for one in (low, high))
    if low is not None and high is not None:
        return f"{low} to {high} {unit}".strip()
    if low is not None or high is not None:
        return f"at least {low} {unit}".strip() if low is not None else f"at most {high} {unit}".strip()
    return unit and f"in {unit}"


def _show_yaml(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value)


def _quote_code(text: str) -> str:
    return f"`{text}`"


def _make_prose(note: str, page: str) -> str:
    """A docstring as Markdown; page: where the config keys are, "" on that page itself.

    A paragraph in columns becomes a list: the left column names what the right one tells. An indented paragraph
    stays as it is.
    """
    parts = re.split(r"\n\s*\n", inspect.cleandoc(note))
    return "\n\n".join(_make_paragraph(part, page) for part in parts)


def _make_paragraph(part: str, page: str) -> str:
    lines = part.splitlines()
    if lines[0].startswith("    "):
        return part
    if columns := COLUMNS.match(lines[0]):
        width = columns.end()
        told: list[list[str]] = []
        for line in lines:
            if line[:width].strip():
                told.append([line[:width].strip()])
            told[-1].append(line[width:])
        return "\n".join(
            f"- **{_make_plain(name, page)}**: {_make_plain(' '.join(texts), page)}" for name, *texts in told
        )
    return _make_plain(part, page)


def _make_plain(text: str, page: str) -> str:
    text = _link_keys(escape(" ".join(text.split())), page)
    return ADDRESS.sub(r"<\g<0>>", EMPHASIS.sub(r"*\1*", text))


def _make_format_row(one: Format) -> str:
    word, file = (_quote_code(one.word), _quote_code(one.file)) if one.writes else ("", "")
    name = f"[{one.title}](#{_list_of_module(one)[0].word})"
    return f"| {' | '.join((KINDS[one.kind], name, _list_suffixes(one), word, file))} |\n"


def _list_suffixes(one: Format) -> str:
    return " ".join(_quote_code(suffix) for suffix in one.suffixes)


def _make_format_sections() -> Iterator[str]:
    """A chapter for each kind, and in it a section for each module of a format, with the whole docstring."""
    for kind, chapter in CHAPTERS.items():
        yield f"\n## {chapter}\n"
        for one in FORMATS:
            if one.kind == kind and _list_of_module(one)[0] == one:
                yield f"\n{_place(one.word, one.title)}### {one.title}\n\n{_describe_ways(one)}\n\n"
                yield f"{_make_prose(_read_note(one), 'config.md')}\n"


def _describe_ways(one: Format) -> str:
    """How the format is read and written, and where."""
    said = [f"Read from {_list_suffixes(one)}."] if one.suffixes else []
    written = [other for other in _list_of_module(one) if other.writes]
    said += [f"Written as {_quote_code(other.file)}, by the word {_quote_code(other.word)}." for other in written]
    return " ".join([*said, f"Code: `shotmake/formats/{one.module.replace('.', '/')}.py`."])


def _list_of_module(one: Format) -> list[Format]:
    """The formats of the same module: they share a section."""
    return [other for other in FORMATS if other.module == one.module]


def _read_note(one: Format) -> str:
    return inspect.cleandoc(import_module(f"shotmake.formats.{one.module}").__doc__ or "")


if __name__ == "__main__":
    main()
