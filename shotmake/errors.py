"""The one error a user causes and can cure, and what others say."""

import os

SAID_NOTHING = {  # kinds that come without a text, or with one that tells less
    MemoryError: "there is too little memory",
    TimeoutError: "it took too long",
    EOFError: "it ends too early",
    StopIteration: "it ends too early",
    RecursionError: "it is too deep in one another",
}


class ShotError(Exception):
    """Something in the shot (config, plate, tracks) is not usable.

    `faults` holds one line each: what was found, what was needed, which config key to change.
    """

    def __init__(self, *faults: str):
        if not any(fault.strip() for fault in faults):  # a failure that says nothing cannot be cured
            raise ValueError("a ShotError without a fault")
        super().__init__("\n".join(faults))
        self.faults = faults


def said_by(error: BaseException, most_chars: int = 200) -> str:
    """What an error says, for a message of ours: one printable line, not for ever, and never nothing.

    Of the system's errors the reason without number and file; of a missing key `no 'key'`; of an error without a text
    what its kind means.
    """
    text = " ".join((_words_of(error) or _kind_of(error)).split())[: most_chars + 1]
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= most_chars else f"{text[: most_chars - 3]}..."


def _words_of(error: BaseException) -> str:
    """ "" where there are none."""
    if reason := getattr(error, "strerror", None):  # the system's, and FFmpeg's
        return str(reason)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, KeyError) and len(error.args) == 1:  # in quotes it would read as the reason
        (key,) = error.args
        return key if isinstance(key, str) and " " in key else f"no {key!r}"
    text = str(error)
    return text if any(letter.isalnum() for letter in text) else ""


def _kind_of(error: BaseException) -> str:
    return next((words for kind, words in SAID_NOTHING.items() if isinstance(error, kind)), type(error).__name__)
