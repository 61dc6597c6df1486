"""Rows of numbers in a text file, many at a time: a million markers are read in seconds, a fault has its line."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from shotmake.formats.text import fault, lines, number, shown

Row = tuple[int, str]  # line number, text
ROWS_AT_ONCE = 1024  # more would only feed the garbage collector


class Lines:
    """The lines of a file one after another, stripped, without blank ones and comments (#...)."""

    def __init__(self, path: Path, key: str):
        self.path, self.key, self.last = path, key, 1
        self._ahead: Row | None = None
        self._all = ((at, text) for at, line in lines(path, key) if (text := line.strip()) and text[0] != "#")

    def ahead(self) -> str | None:
        """The next line's text, which stays there; None at the end."""
        if self._ahead is None:
            self._ahead = next(self._all, None)
        return None if self._ahead is None else self._ahead[1]

    def take(self, needed: str) -> Row:
        """The next line. ShotError at the end of the file."""
        if self.ahead() is None:
            raise fault(self.path, self.last, "the end of the file", needed, self.key)
        row, self._ahead = self._ahead, None
        assert row is not None
        self.last = row[0]
        return row

    def count(self, needed: str) -> int:
        """The next line, which is a whole number from 0."""
        at, text = self.take(needed)
        word = text.partition("#")[0].strip()
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise fault(self.path, at, shown(text), needed, self.key)
        return int(word)

    def table(self, rows: int, least: int, most: int, needed: str) -> tuple[np.ndarray, np.ndarray]:
        """The next so many lines of least..most numbers: (rows,) their line numbers, (rows, least) numbers."""
        parts = []
        left = rows
        while left > 0:
            some = list(islice(self._rest(), min(left, ROWS_AT_ONCE)))
            if not some:
                raise fault(self.path, self.last, "the end of the file", f"{left} more lines: {needed}", self.key)
            self.last = some[-1][0]
            left -= len(some)
            parts.append(numbers(some, least, most, needed, self.path, self.key))
        return joined(parts, least)

    def _rest(self) -> Iterator[Row]:
        ahead, self._ahead = self._ahead, None
        return self._all if ahead is None else chain([ahead], self._all)


def numbers(
    rows: list[Row], least: int, most: int, needed: str, path: Path, key: str, separator: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Of lines with least..most numbers each: (N,) line numbers, (N, least) the first numbers, finite. ShotError."""
    words = [text.partition("#")[0].split(separator) for _, text in rows]
    line = np.array([at for at, _ in rows], int)
    if all(least <= len(some) <= most for some in words):
        try:
            found = np.fromiter(map(float, chain.from_iterable(some[:least] for some in words)), float)
        except ValueError:
            found = np.full(1, np.nan)
        if np.isfinite(found).all():
            return line, found.reshape(-1, least)
    for (at, text), some in zip(rows, words, strict=True):
        if not least <= len(some) <= most:
            raise fault(path, at, shown(text), needed, key)
        for word in some[:least]:
            number(word, path, at, key)
    raise AssertionError("a fault that no row has")


def column(words: Sequence[str], line: Sequence[int], path: Path, key: str) -> np.ndarray:
    """(N,) the words of a column as numbers, finite. ShotError with the line of the one that is none."""
    try:
        found = np.fromiter(map(float, words), float, len(words))
    except ValueError:
        found = np.full(1, np.nan)
    if np.isfinite(found).all():
        return found
    return np.array([number(word, path, at, key) for word, at in zip(words, line, strict=True)])


def batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Lists of at most ROWS_AT_ONCE."""
    source = iter(rows)
    while some := list(islice(source, ROWS_AT_ONCE)):
        yield some


def joined(parts: list[tuple[np.ndarray, np.ndarray]], columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Tables one below the other."""
    line = np.concatenate([np.zeros(0, int), *(line for line, _ in parts)])
    return line, np.concatenate([np.zeros((0, columns)), *(table for _, table in parts)])
