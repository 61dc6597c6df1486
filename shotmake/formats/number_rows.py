"""Rows of numbers in a text file, many at a time: a million markers are read in seconds, a fault has its line."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path

import numpy as np

from shotmake.formats.text_files import make_fault, quote_word, read_lines, read_number
from shotmake.numbers_in_words import count_of

Row = tuple[int, str]  # line number, text
ROWS_AT_ONCE = 1024  # larger lists are no faster: the garbage collector takes the time


class Lines:
    """The lines of a text file one after another: stripped, without blank lines and comment lines (#...)."""

    def __init__(self, path: Path, key: str):
        self.path, self.key, self.last = path, key, 1
        self._ahead: Row | None = None
        self._all = ((at, text) for at, line in read_lines(path, key) if (text := line.strip()) and text[0] != "#")

    def peek(self) -> str | None:
        """Return the text of the next line and leave the line in place. Return None at the end of the file.

        Raises ShotError as `shotmake.formats.text_files.read_lines` does.
        """
        if self._ahead is None:
            self._ahead = next(self._all, None)
        return None if self._ahead is None else self._ahead[1]

    def take(self, needed: str) -> Row:
        """Return the next line, (line number, text), and move past it. `needed` is what a fault says was needed here.

        Raises ShotError at the end of the file.
        """
        if self.peek() is None:
            raise make_fault(self.path, self.last, "the end of the file", needed, self.key)
        row, self._ahead = self._ahead, None
        assert row is not None
        self.last = row[0]
        return row

    def count(self, needed: str) -> int:
        """Return the next line as a whole number of at most 9 digits. A comment after the number is left out.

        Raises ShotError when the line is no such number, and at the end of the file.
        """
        at, text = self.take(needed)
        word = text.partition("#")[0].strip()
        if not (word.isascii() and word.isdigit() and len(word) < 10):
            raise make_fault(self.path, at, quote_word(text), needed, self.key)
        return int(word)

    def read_table(self, rows: int, least: int, most: int, needed: str) -> tuple[np.ndarray, np.ndarray]:
        """Read the next `rows` lines, each with `least` to `most` numbers.

        Returns the line numbers, shape (rows,), and the first `least` numbers of each line, shape (rows, least). Raises
        ShotError at the end of the file, when a line has too few or too many words, and when one of these numbers is
        not a finite number.
        """
        parts = []
        left = rows
        while left > 0:
            some = list(islice(self._read_rest(), min(left, ROWS_AT_ONCE)))
            if not some:
                more = f"{count_of(left, 'more line')}: {needed}"
                raise make_fault(self.path, self.last, "the end of the file", more, self.key)
            self.last = some[-1][0]
            left -= len(some)
            parts.append(read_numbers(some, least, most, needed, self.path, self.key))
        return join_tables(parts, least)

    def _read_rest(self) -> Iterator[Row]:
        ahead, self._ahead = self._ahead, None
        return self._all if ahead is None else chain([ahead], self._all)


def read_numbers(
    rows: list[Row], least: int, most: int, needed: str, path: Path, key: str, separator: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Read lines that hold `least` to `most` numbers each. separator: between the words; None = blanks.

    Returns the line numbers, shape (N,), and the first `least` numbers of each line, shape (N, least), all finite. Text
    after a # is left out. Raises ShotError, with the line, when a line has too few or too many words, and when one of
    the first `least` words is not a finite number.
    """
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
            raise make_fault(path, at, quote_word(text), needed, key)
        for word in some[:least]:
            read_number(word, path, at, key)
    raise AssertionError("a fault that no row has")


def read_column(words: Sequence[str], line: Sequence[int], path: Path, key: str) -> np.ndarray:
    """Convert the words of a column to finite numbers, shape (N,). `line` is the line number of each word.

    Raises ShotError, with the line, when a word is not a finite number.
    """
    try:
        found = np.fromiter(map(float, words), float, len(words))
    except ValueError:
        found = np.full(1, np.nan)
    if np.isfinite(found).all():
        return found
    return np.array([read_number(word, path, at, key) for word, at in zip(words, line, strict=True)])


def yield_batches(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield the rows in lists of at most ROWS_AT_ONCE rows."""
    source = iter(rows)
    while some := list(islice(source, ROWS_AT_ONCE)):
        yield some


def join_tables(parts: list[tuple[np.ndarray, np.ndarray]], columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Join tables one below the other. Each part is (line numbers (N,), numbers (N, columns)); so is the result.

    No parts make a table of 0 rows.
    """
    line = np.concatenate([np.zeros(0, int), *(line for line, _ in parts)])
    return line, np.concatenate([np.zeros((0, columns)), *(table for _, table in parts)])
