"""Makes tables fit on the page: long paths and keys may break, and a narrow screen can show each cell with its head."""

import re

TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
HEAD = re.compile(r"<th>(.*?)</th>", re.DOTALL)
CELL = re.compile(r"<td>(.*?)</td>", re.DOTALL)
CODE = re.compile(r"<code>([^<]*)</code>")
TAG = re.compile(r"<[^>]*>")
PLACE = re.compile(r"(?<=[./])(?=[\w&;]{4})")
LEAST, LONG = 10, 44  # characters before a place where a line may break; of a word that breaks at no blank


def on_post_page(output: str, **_) -> str:
    """Return the page with its tables changed. extra.css uses data-wide and data-head."""
    return TABLE.sub(lambda table: _changed(table[0]), output)


def _changed(table: str) -> str:
    heads = [TAG.sub("", head).replace('"', "&quot;") for head in HEAD.findall(table)]
    table = ROW.sub(lambda row: _with_heads(row[0], heads), table)
    return table.replace("<table>", "<table data-wide>") if len(heads) > 2 else table


def _with_heads(row: str, heads: list[str]) -> str:
    names = iter(heads)
    return CELL.sub(lambda cell: f'<td data-head="{next(names, "")}">{CODE.sub(_with_places, cell[1])}</td>', row)


def _with_places(code: re.Match) -> str:
    text, lines = code[1], [""]
    if " " in text and max(map(len, text.split())) < LONG:
        return code[0]
    for part in PLACE.split(text):
        if len(lines[-1]) < LEAST:
            lines[-1] += part
        else:
            lines.append(part)
    return f"<code>{'<wbr>'.join(lines)}</code>"
