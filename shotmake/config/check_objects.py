"""Checks of shot.cameras, tracking.objects and the keys that need them, as the artist writes them.

No file is looked up here.
"""

import shlex

from shotmake.config.check_values import Faults
from shotmake.config.frame_rates import find_rate_fault
from shotmake.config.schema import MAIN_CAMERA, Config
from shotmake.errors import quote_error

OF_OBJECTS = ("objects_mot", "object_mattes")  # the words of shot.export that need objects


def faults_of(config: Config) -> Faults:
    """Find all faults, each as (key, message)."""
    return _check_cameras(config) + _check_source(config) + _check_needs(config)


def _check_cameras(config: Config) -> Faults:
    faults: Faults = []
    for name, witness in config.shot.cameras.items():
        key, span = f"shot.cameras.{name}", witness.footage.frame_range
        if name == MAIN_CAMERA:
            faults.append((key, "that is the shot's own camera, shot.footage; choose another name"))
        if not witness.footage.file:
            faults.append((f"{key}.footage.file", "not set; needed a movie or an image sequence"))
        if span and span[0] > span[1]:
            faults.append((f"{key}.footage.frame_range", f"found {span}; the first frame must not be after the last"))
        if wrong := find_rate_fault(witness.footage.frame_rate):
            faults.append((f"{key}.footage.frame_rate", wrong))
    return faults


def _check_source(config: Config) -> Faults:
    key, objects = "tracking.objects.detector_cmd", config.tracking.objects
    faults: Faults = []
    if objects.classes == []:
        faults.append(("tracking.objects.classes", "found an empty list; needed some classes, or null for all"))
    if objects.detector_cmd is None:
        return faults
    if objects.detections is not None:
        faults.append((key, "found with tracking.objects.detections; needed one of them"))
    try:
        words = shlex.split(objects.detector_cmd)
    except ValueError as error:
        found = f"found {objects.detector_cmd!r} ({quote_error(error)})"
        return [*faults, (key, f"{found}; needed a program and its arguments")]
    if not any("{detections}" in word for word in words[1:]):
        faults.append((key, f"found {objects.detector_cmd!r}; needed {{detections}} in it, the file it has to write"))
    return faults


def _check_needs(config: Config) -> Faults:
    if config.tracking.objects.enabled:
        return []
    composite = config.composite
    needing = {
        "tracking.mask.from_objects": bool(config.tracking.mask.from_objects),
        "composite.stabilization.tracklet": composite.stabilization.tracklet is not None,
        "composite.corner_pin.tracklet": composite.corner_pin.tracklet is not None,
    }
    without = "without tracking.objects.enabled: true"
    faults = [(key, f"found {without}") for key, is_set in needing.items() if is_set]
    words = [word for word in config.shot.export if word in OF_OBJECTS]
    return faults + [("shot.export", f"found {word} {without}") for word in words]
