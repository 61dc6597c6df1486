"""Scene sheets of a camera with given poses."""

from dataclasses import asdict

import numpy as np

from shotmake.config.keyed_camera import read_keys
from shotmake.config.schema import Config
from shotmake.geometry.lens import Lens
from shotmake.scene.ground_subject_lights import find_rendered_field, find_standpoint, make_blocks
from shotmake.solve.imported.keyed_camera import make_keyed_solution

LENS = Lens(1900.0, 1900.0, 960.0, 540.0)
PATH = [  # from the left to the right of the subject, which is in the middle
    {"frame": 1, "location": [-2, -5, 2], "look_at": [0.5, 0.5, 0.5]},
    {"frame": 9, "location": [2, -5, 2], "look_at": [0.5, 0.5, 0.5]},
]
SIZE = (1920, 1080)


def poses() -> np.ndarray:
    record = make_keyed_solution(read_keys(PATH)[0], LENS, None, 36.0, SIZE, (1, 9)).record
    return np.array(record["cam_from_world"]).reshape(-1, 3, 4)


def made(scale_known: bool = True, **changes: dict) -> dict:
    shot = asdict(Config().shot)
    shot = {**shot, **{name: {**shot[name], **change} for name, change in changes.items()}}
    place = np.array(shot["subject"]["location"]) + [0, 0, 0.7]  # the ground is a table
    stands = find_standpoint(place, poses(), LENS, SIZE[0])
    return make_blocks(shot, stands, scale_known, find_rendered_field(LENS, SIZE, (20, 10), None))
