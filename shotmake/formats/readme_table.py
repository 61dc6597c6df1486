"""The README's table of formats, made from the registry: python -m shotmake.formats.readme_table"""

from importlib import import_module

from shotmake.config.format_registry import FORMATS, Format

KINDS = {"camera": "camera", "tracks": "2D tracks", "lens": "lens", "detections": "detections", "objects": "objects"}
HEAD = "| | format | read | word in `shot.export` | file in `build/<shot>/` | what it is |\n|---|---|---|---|---|---|\n"


def table() -> str:
    """Return the table as Markdown: the head, then one line for each format."""
    return HEAD + "".join(_row(one) for one in FORMATS)


def _row(one: Format) -> str:
    read = " ".join(f"`{suffix}`" for suffix in one.suffixes)
    word, file = (f"`{one.word}`", f"`{one.file}`") if one.writes else ("", "")
    name = f"[{one.title}](shotmake/formats/{one.module.replace('.', '/')}.py)"
    note = (import_module(f"shotmake.formats.{one.module}").__doc__ or "").partition("\n\n")[0]
    cells = (KINDS[one.kind], name, read, word, file, " ".join(note.split()).replace("|", "\\|"))
    return f"| {' | '.join(cells)} |\n"


if __name__ == "__main__":
    print(table(), end="")
