"""What a plate's own metadata says of its lens: a first guess for the solve, never more.

EXR's standard attributes (ARRI writes them), EXIF tags of stills, and what telephones write into movies.
"""

import math
from typing import Any

FOCALS = ("pinholeFocalLength", "effectiveFocalLength", "nominalFocalLength", "Exif:FocalLength")
FILM_EQUIVALENTS = ("Exif:FocalLengthIn35mmFilm", "com.apple.quicktime.camera.focal_length.35mm_equivalent")
FILM_WIDTH_MM = 36.0


def lens_of_tags(tags: dict[str, Any]) -> dict[str, dict]:
    """{"lens": {focal_mm, sensor_width_mm (None where only the focal length is there)}}; {} if nothing is said.

    The width is that of the part of the sensor that was read out; the sensor's whole size tells nothing.
    """
    focal_mm = next((value for name in FOCALS if (value := _positive(tags.get(name)))), None)
    pitch_um, area = _positive(tags.get("sensorPhotositePitch")), tags.get("sensorAcquisitionRectangle")
    if focal_mm and pitch_um and isinstance(area, (tuple, list)) and len(area) == 4 and area[2] > area[0]:
        return {"lens": {"focal_mm": focal_mm, "sensor_width_mm": pitch_um * (area[2] - area[0] + 1) / 1000}}
    film_mm = next((value for name in FILM_EQUIVALENTS if (value := _positive(tags.get(name)))), None)
    if film_mm:
        return {"lens": {"focal_mm": film_mm, "sensor_width_mm": FILM_WIDTH_MM}}
    return {"lens": {"focal_mm": focal_mm, "sensor_width_mm": None}} if focal_mm else {}


def _positive(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) and number > 0 else None
