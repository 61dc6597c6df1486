"""The choices of the config that stand in the scene sheet, as a module for the scripts that run inside Blender.

These scripts import nothing of ours, so they cannot ask the schema: what they know of it is made by this module.
"""

import json
import sys
from operator import attrgetter

from shotmake.config.schema import Config, choices_of

# where it stands in the scene sheet: the key that it comes from
KEYS = {
    "color_space": "shot.footage.color_space",
    "subject.kind": "shot.subject.kind",
    "lights.preset": "shot.lights.preset",
    "backdrop.kind": "shot.backdrop.kind",
    "composite.mode": "composite.mode",
    "composite.background_source": "composite.background_source",
    "render.format": "composite.render.format",
}
MODULE = '''\
"""What keys of the config may be, by where they stand in the scene sheet.

`python -m shotmake.scene.make_config_choices > blender_scripts/kit/config_choices.py` makes it; a test compares it with
the schema.
"""

OF_THE_CONFIG = {{
{lines}}}
'''


def make_module() -> str:
    """Return the text of blender_scripts/kit/config_choices.py."""
    found = {}
    for place, key in KEYS.items():
        block, _, name = key.rpartition(".")
        found[place] = choices_of(type(attrgetter(block)(Config())), name)
    return MODULE.format(lines="".join(f'    "{place}": {json.dumps(one)},\n' for place, one in found.items()))


if __name__ == "__main__":
    sys.stdout.write(make_module())
