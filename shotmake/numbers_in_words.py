"""Numbers as messages say them: one thing or several, and with as many digits as it takes."""


def count_of(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 value`, `2 values`. many: a plural that is not `one` with an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def tell_apart(value: float, limit: float, decimals: int) -> str:
    """Return a value that is beyond a limit, with `decimals` digits after the point, or as many more as tell the two
    apart.
    """
    texts = (f"{value:.{digits}f}" for digits in range(decimals, 16))
    return next((text for text in texts if float(text) != limit), repr(value))
