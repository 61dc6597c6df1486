"""Files from strangers: whatever is in one, it is read or refused in one line, soon, and with little memory.

SHOTMAKE_FUZZ=1000 tries so many of each format in place of a few.
"""

import os
import re

import pytest

from helpers.shows import reader_fuzz
from helpers.shows.reader_bombs import BOMBS
from helpers.shows.reader_fuzz import FORMATS, fuzz
from shotmake.config.format_registry import FORMATS as REGISTRY

COUNT = int(os.environ.get("SHOTMAKE_FUZZ", "8"))


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_no_such_file_is_refused_in_one_line(name):
    """Seeded damage, and bombs, which are refused by what they announce."""
    found = fuzz(name, range(max(COUNT // (8 if name in reader_fuzz.CUTS else 1), 1)))
    assert found.wrong == []
    assert found.tried < 20 or found.refused
    for bomb, (_, _, expected) in BOMBS.items():
        if BOMBS[bomb][0] == name:
            said = found.bombs[bomb]
            assert re.search(expected, said["fault"]), (bomb, said)
            assert said["mb"] < 64 + 8 * said["size_mb"], (bomb, said)


def test_every_format_that_is_read_and_every_bomb_is_among_them():
    words = {one.word for one in REGISTRY if one.suffixes}
    ours = (reader_fuzz.CAMERAS, reader_fuzz.BY_BLENDER, reader_fuzz.TRACKS, reader_fuzz.LENSES, reader_fuzz.DETECTIONS)
    assert words == {word for kind in ours for word in kind.values()} - {"lens_grid"}
    assert {name for name, _, _ in BOMBS.values()} <= set(FORMATS)
