"""Values that an artist writes by hand, in keys whose inside the schema does not know: is it a number, and how many."""

from shotmake.files.yaml_file import show_value

Faults = list[tuple[str, str]]  # each is (key, message)

# The limit for the size of any number that an artist writes: such a number fits into a 32-bit frame number and, in
# Blender, into a float.
MOST = 1e9


def is_number(value: object) -> bool:
    """Return whether the value is a number (not true or false) below MOST in size."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < MOST


def is_whole(value: object) -> bool:
    """Return whether the value is a whole number (not true or false) below MOST in size."""
    return isinstance(value, int) and is_number(value)


def are_numbers(values: object, length: int) -> bool:
    """Return whether the value is a list of `length` numbers, each below MOST in size."""
    return isinstance(values, list) and len(values) == length and all(map(is_number, values))


def show_keys(block: object) -> str:
    """Return a block as its keys, `{frame, xy_px}`, for a message; another value as show_value does."""
    return f"{{{', '.join(map(str, block))}}}" if isinstance(block, dict) else show_value(block)
