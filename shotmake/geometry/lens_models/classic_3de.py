"""3DE Classic LD Model: radial of degree 4, anamorphic in degree 2; distorted -> undistorted.

x and y are diagonally normalised, y up (lens_of_3de.py). With L distortion, S squeeze, Q quartic distortion, Cx Cy
curvature and r2 = x2 + y2:
    x' = x (1 + (L x2 + (L + Cx) y2 + Q r2^2) / S)
    y' = y (1 + (L + Cy) x2 + L y2 + Q r2^2)
Science.D.Visions, Lens Distortion Plugin Kit (LDPK): ldpk_classic_3de_mixed_distortion.h (ldpk_classic_ld_model_
distortion.h from 2.12); the same in Natron's openfx-misc, Distortion.cpp, DistortionModel3DEClassic.
"""

from typing import Any

NAME = "3DE Classic LD Model"
DEFAULTS = {
    "Distortion": 0.0,
    "Anamorphic Squeeze": 1.0,
    "Curvature X": 0.0,
    "Curvature Y": 0.0,
    "Quartic Distortion": 0.0,
}


def undistort(x: Any, y: Any, values: dict[str, float], pixel_aspect: float) -> tuple[Any, Any]:
    """Undistort x and y (numbers, or arrays of any one shape).

    values: all of DEFAULTS by name; pixel_aspect is not used.
    """
    distortion, squeeze, quartic = (values[n] for n in ("Distortion", "Anamorphic Squeeze", "Quartic Distortion"))
    x2, y2 = x * x, y * y
    degree_4 = quartic * (x2 + y2) ** 2
    return (
        x * (1 + (distortion * x2 + (distortion + values["Curvature X"]) * y2 + degree_4) / squeeze),
        y * (1 + (distortion + values["Curvature Y"]) * x2 + distortion * y2 + degree_4),
    )
