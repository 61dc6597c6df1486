"""shot.cameras, tracking.objects and what needs them, as the artist writes them: checked. Nothing is looked up here."""

from shotmake.config import MAIN_CAMERA, Config
from shotmake.marks import Faults


def faults_of(config: Config) -> Faults:
    """Every fault as (key, message)."""
    return _camera_faults(config) + _source_faults(config) + _missing_faults(config)


def _camera_faults(config: Config) -> Faults:
    faults: Faults = []
    for name, witness in config.shot.cameras.items():
        key, span = f"shot.cameras.{name}", witness.footage.frame_range
        if name == MAIN_CAMERA:
            faults.append((key, "that is the shot's own camera, shot.footage; choose another name"))
        if not witness.footage.file:
            faults.append((f"{key}.footage.file", "not set; needed a movie or an image sequence"))
        if span and span[0] > span[1]:
            faults.append((f"{key}.footage.frame_range", f"found {span}; the first frame must not be after the last"))
    return faults


def _source_faults(config: Config) -> Faults:
    objects = config.tracking.objects
    if objects.detections is None or objects.detector_cmd is None:
        return []
    return [("tracking.objects.detector_cmd", "found with tracking.objects.detections; needed one of them")]


def _missing_faults(config: Config) -> Faults:
    if config.tracking.objects.enabled:
        return []
    composite = config.composite
    needing = {
        "tracking.mask.from_objects": bool(config.tracking.mask.from_objects),
        "composite.stabilization.tracklet": composite.stabilization.tracklet is not None,
        "composite.corner_pin.tracklet": composite.corner_pin.tracklet is not None,
    }
    faults = [(key, "found without tracking.objects.enabled: true") for key, is_set in needing.items() if is_set]
    if "object_mattes" in config.shot.export:
        faults.append(("shot.export", "found object_mattes without tracking.objects.enabled: true"))
    return faults
