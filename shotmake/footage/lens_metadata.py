"""What a plate's own metadata says about its lens: a first guess for the solve, never more.

It reads EXR's standard attributes (ARRI writes them), EXIF tags of stills, and the tags that phones write into movies.
"""

import math
from typing import Any

FOCALS = ("pinholeFocalLength", "effectiveFocalLength", "nominalFocalLength", "Exif:FocalLength")
FILM_EQUIVALENTS = ("Exif:FocalLengthIn35mmFilm", "com.apple.quicktime.camera.focal_length.35mm_equivalent")
FILM_WIDTH_MM = 36.0


def lens_of_tags(tags: dict[str, Any]) -> dict[str, dict]:
    """Return {"lens": {focal_mm, sensor_width_mm}}; {} when the tags say nothing.

    sensor_width_mm is None where the tags have the focal length only.

    The width is that of the part of the sensor that was read out. The sensor's whole size says nothing.
    """
    focal_mm = next((value for name in FOCALS if (value := _read_positive(tags.get(name)))), None)
    pitch_um, area = _read_positive(tags.get("sensorPhotositePitch")), tags.get("sensorAcquisitionRectangle")
    if focal_mm and pitch_um and isinstance(area, (tuple, list)) and len(area) == 4 and area[2] > area[0]:
        return {"lens": {"focal_mm": focal_mm, "sensor_width_mm": pitch_um * (area[2] - area[0] + 1) / 1000}}
    film_mm = next((value for name in FILM_EQUIVALENTS if (value := _read_positive(tags.get(name)))), None)
    if film_mm:
        return {"lens": {"focal_mm": film_mm, "sensor_width_mm": FILM_WIDTH_MM}}
    return {"lens": {"focal_mm": focal_mm, "sensor_width_mm": None}} if focal_mm else {}


def _read_positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
