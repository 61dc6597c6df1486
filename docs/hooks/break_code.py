"""Lets long paths and keys break after a dot or a slash where they stand in a table, so that tables fit on the page."""

import re

CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
CODE = re.compile(r"<code>([^<]*)</code>")
PLACE = re.compile(r"(?<=[./])(?=[\w&;]{4})")
LEAST, LONG = 10, 44  # characters before a place where a line may break; of a word that breaks at no blank


def on_post_page(output: str, **_) -> str:
    """Return the page with places for a line break in the code of its tables."""
    return CELL.sub(lambda cell: CODE.sub(lambda code: f"<code>{_with_places(code[1])}</code>", cell[0]), output)


def _with_places(text: str) -> str:
    if " " in text and max(map(len, text.split())) < LONG:
        return text
    lines = [""]
    for part in PLACE.split(text):
        if len(lines[-1]) < LEAST:
            lines[-1] += part
        else:
            lines.append(part)
    return "<wbr>".join(lines)
