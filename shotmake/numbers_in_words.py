"""Numbers as messages say them: one thing or several, and with as many digits as it takes."""

RANGES_SHOWN = 12


def count_of(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 value`, `2 values`. many: a plural that is not `one` with an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def share_of(part: int, whole: int, one: str, many: str = "") -> str:
    """Return how many of all things are so, with the verb: `1 of 2 values is`, `2 of 2 values are`."""
    return f"{part} of {count_of(whole, one, many)} {'is' if part == 1 else 'are'}"


def tell_apart(value: float, limit: float, form: str) -> str:
    """Return a value that is beyond a limit in a form such as .2f or .3g, with as many more digits as tell the two
    apart.
    """
    digits, kind = int(form[1:-1]), form[-1]
    texts = (f"{value:.{more}{kind}}" for more in range(digits, digits + 15))
    return next((text for text in texts if float(text) != limit), repr(value))


def format_ranges(numbers: list[int]) -> str:
    """Return frame numbers as text: [3, 10, 11, 12] gives "3, 10-12"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return show_runs([(begin, end) for begin, end in runs])


def show_runs(runs: list[tuple[int, int]]) -> str:
    """Return runs of frames (first, last) as text: (3, 3) and (10, 12) give "3, 10-12".

    At most RANGES_SHOWN are named.
    """
    texts = [f"{begin}" if begin == end else f"{begin}-{end}" for begin, end in runs[:RANGES_SHOWN]]
    more = f" and {len(runs) - RANGES_SHOWN} more" if len(runs) > RANGES_SHOWN else ""
    return ", ".join(texts) + more
