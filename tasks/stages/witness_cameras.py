"""Witness cameras (shot.cameras): each has its own plate and objects, made by the same stages.

In a shot's graph their nodes are called "<stage>.<camera>"; their tasks are called "<stage>:<shot>.<camera>".
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from shotmake.config.schema import Config
from shotmake.tasks.engine.inputs.plate_keys import NAMES, PlateKeys
from shotmake.tasks.engine.stage import Node, Stage, make_nodes
from shotmake.tasks.stages import footage
from shotmake.tasks.stages.footage import FOOTAGE
from shotmake.tasks.stages.objects import stage as objects
from shotmake.tasks.stages.objects.stage import OBJECTS

STAGES = (
    (FOOTAGE, footage.slice_settings, footage.list_plate_inputs),
    (OBJECTS, objects.slice_settings, objects.list_inputs),
)


def make_witness_nodes(config: Config, stages: tuple[Stage, ...]) -> dict[str, Node]:
    """Return the nodes of all witness cameras, if the shot follows objects and OBJECTS is among the stages
    asked for.
    """
    if OBJECTS not in stages or not OBJECTS.wanted(config):
        return {}
    found = {}
    for camera in config.shot.cameras:
        made = make_nodes(config, tuple(_make_for_camera(camera, *own) for own in STAGES), camera=camera)
        found |= {f"{name}.{camera}": node for name, node in made.items()}
    return found


def camera_of(name: str) -> str:
    """Return the camera of a node, from the node's name in the graph; "" for the shot's own camera."""
    return name.partition(".")[2]


def name_published(name: str, file: str) -> str:
    """Return the published name of a file: objects.json of the node "objects.witness_a" becomes
    objects.witness_a.json.
    """
    stem, _, ending = file.rpartition(".")
    return f"{stem}.{camera_of(name)}.{ending}" if camera_of(name) else file


def _make_for_camera(camera: str, stage: Stage, settings: Callable[..., dict], files: Callable[..., dict]) -> Stage:
    return replace(
        stage,
        settings=partial(settings, camera=camera),
        files=_name_keys(camera, partial(files, camera=camera)),
        build=_name_keys(camera, stage.build),
    )


def _name_keys(camera: str, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return the function with the camera's own keys in its faults and in the words that it returns: the code that it
    calls knows only the shot's keys.

    The record of a plate keeps the shot's keys. It is the same for every camera that has this plate, in any shot.
    """
    keys = PlateKeys({name: f"shot.cameras.{camera}.footage.{name}" for name in NAMES})

    def call(argument: Any) -> Any:
        with keys.name_in_faults():
            found = function(argument)
        return keys.name_in(found) if isinstance(found, str) else found

    return call
