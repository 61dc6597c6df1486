"""Values that an artist writes by hand, in keys whose inside the schema does not know: is it a number, and how many."""

Faults = list[tuple[str, str]]  # each is (key, message)

# The limit for the size of any number that an artist writes: such a number fits into a 32-bit frame number and, in
# Blender, into a float.
MOST = 1e9
SHOWN_CHARS = 120  # how much of a value a message shows


def is_number(value: object) -> bool:
    """Return whether the value is a number (not true or false) below MOST in size."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST


def is_whole(value: object) -> bool:
    """Return whether the value is a whole number (not true or false) below MOST in size."""
    return isinstance(value, int) and is_number(value)


def are_numbers(values: object, length: int) -> bool:
    """Return whether the value is a list of `length` numbers, each below MOST in size."""
    return isinstance(values, list) and len(values) == length and all(map(is_number, values))


def show_value(value: object, most_chars: int = SHOWN_CHARS) -> str:
    """Return a value as YAML says it, for a message: null and true, not None and True."""
    text = _write(value)
    return text if len(text) <= most_chars else f"{text[: most_chars - 3]}..."


def show_keys(block: object) -> str:
    """Return a block as its keys, `{frame, xy_px}`, for a message; another value as show_value does."""
    return f"{{{', '.join(map(str, block))}}}" if isinstance(block, dict) else show_value(block)


def _write(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_write, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_write(one)}' for key, one in value.items())}}}"
    return repr(value) if isinstance(value, str | int | float) else str(value)
