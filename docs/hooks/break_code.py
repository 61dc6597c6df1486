"""Lets long paths and keys break after a dot or a slash where they stand in a table, so that tables fit on the page."""

import re

CELL = re.compile(r"<td[^>]*>.*?</td>", re.DOTALL)
CODE = re.compile(r"<code>[^<]*</code>")
PART = re.compile(r"[\w-]{10,}[./=](?=[\w&])|(?:[\w-]+[./=])+?(?<=[\w./=-]{10})(?=[\w&])")


def on_post_page(output: str, **_) -> str:
    """Return the page with places for a line break in the code of its tables."""
    return CELL.sub(lambda cell: CODE.sub(_with_places, cell.group()), output)


def _with_places(code: re.Match) -> str:
    return PART.sub(r"\g<0><wbr>", code.group())
