"""ShotError, the one error that a user causes and can cure; and the text of the errors that other code raises."""

import os

SAID_NOTHING = {  # what these kinds of error mean, for an error that comes without a text
    MemoryError: "there is too little memory",
    TimeoutError: "it took too long",
    EOFError: "it ends too early",
    StopIteration: "it ends too early",
    RecursionError: "it is too deep in one another",
}


class ShotError(Exception):
    """An error for something in the shot (config, plate, tracks) that cannot be used.

    `faults` holds one line for each fault: what was found, what is needed, and which config key to change.
    """

    def __init__(self, *faults: str):
        if not any(fault.strip() for fault in faults):  # nobody can cure a failure that says nothing
            raise ValueError("a ShotError without a fault")
        super().__init__("\n".join(faults))
        self.faults = faults


def quote_error(error: BaseException, most_chars: int = 200) -> str:
    """Return what an error says, as text for one of our messages: one printable line of limited length, never empty.

    An error of the operating system gives its reason, without the number and the file. A missing key gives `no 'key'`.
    An error without a text gives what its kind means.
    """
    return quote_text(_words_of(error) or _kind_of(error), most_chars)


def quote_text(text: str, most_chars: int = 200) -> str:
    """Return a text of somebody else's for one of our messages: one printable line of limited length."""
    text = " ".join(text.split())[: most_chars + 1]
    text = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)
    return text if len(text) <= most_chars else f"{text[: most_chars - 3]}..."


def _words_of(error: BaseException) -> str:
    """Return the error's own words, or an empty text where it has none."""
    if reason := getattr(error, "strerror", None):  # errors of the system, and of FFmpeg
        return str(reason)
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno)
    if isinstance(error, KeyError) and len(error.args) == 1:  # its text is only the key, which would read as a reason
        (key,) = error.args
        return key if isinstance(key, str) and " " in key else f"no {key!r}"
    text = str(error)
    return text if any(letter.isalnum() for letter in text) else ""


def _kind_of(error: BaseException) -> str:
    return next((words for kind, words in SAID_NOTHING.items() if isinstance(error, kind)), type(error).__name__)
