"""Numbers as messages say them: one thing or several, and with as many digits as it takes."""


def count_of(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: `1 value`, `2 values`. many: a plural that is not `one` with an s."""
    return f"{count} {one if count == 1 else many or f'{one}s'}"


def tell_apart(value: float, limit: float, form: str) -> str:
    """Return a value that is beyond a limit in a form such as .2f or .3g, with as many more digits as tell the two
    apart.
    """
    digits, kind = int(form[1:-1]), form[-1]
    texts = (f"{value:.{more}{kind}}" for more in range(digits, digits + 15))
    return next((text for text in texts if float(text) != limit), repr(value))
