"""The keys that faults and warnings about a plate name: those of the config that led to it.

The readers of plates (shotmake/footage) know only the keys of the shot's own plate, shot.footage.*. They read masks,
pinned pictures, stills and the plates of witness cameras too, which have keys of their own, and often not all of these.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields

from shotmake.config.schema import Footage
from shotmake.errors import ShotError

NAMES = tuple(field.name for field in fields(Footage))
READERS_KEY = re.compile(rf"\bshot\.footage\.({'|'.join(NAMES)})\b")


@dataclass(frozen=True)
class PlateKeys:
    """The user's keys by their names in shot.footage. A name that is left out is that of no key here.

    takes_still: whether a single picture would do too.
    """

    own: dict[str, str]
    takes_still: bool = False

    def name_in(self, text: str) -> str:
        """Return a fault or a warning of the readers with the user's own keys.

        A cure by a key that does not exist here is left out. Where no cure is left, the file must be written anew.
        """
        text = READERS_KEY.sub(lambda found: self.own.get(found[1], found[0]), text)
        if self.takes_still:
            text = text.replace("needed a movie", "needed a still, a movie")
        if not READERS_KEY.search(text):
            return text
        found, _, cures = text.rpartition("; ")
        left = [cure for cure in cures.split(", ") if not READERS_KEY.search(cure)]
        told = f"{found}; {', '.join(left).removeprefix('or ') or 'write it anew'}"
        return told if self.own["file"] in told else f"{told} ({self.own['file']})"

    @contextmanager
    def name_in_faults(self) -> Iterator[None]:
        """Let a ShotError that is raised in the block name the user's own keys."""
        try:
            yield
        except ShotError as error:
            raise ShotError(*map(self.name_in, error.faults)) from error
