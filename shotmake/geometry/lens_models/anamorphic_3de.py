"""3DE4 Anamorphic - Standard, Degree 4; distorted -> undistorted.

Each axis has its own polynomial; there are a lens rotation and a squeeze.

x and y are diagonally normalised, y up (lens_of_3de.py). With R the rotation by Lens Rotation and P = diag(pixel
aspect, 1), the lens sees (a, b) = R^-1 P^-1 (x, y); with r and phi the polar coordinates of (a, b):
    a1 = a (1 + Cx02 r^2 + Cx22 r^2 cos 2phi + Cx04 r^4 + Cx24 r^4 cos 2phi + Cx44 r^4 cos 4phi), b1 likewise with Cy
    (x', y') = R diag(Squeeze-X, Squeeze-Y) P (a1, b1)
Science.D.Visions, LDPK: tde4_ldp_anamorphic_deg_4_rotate_squeeze_xy.h, ldpk_generic_anamorphic_distortion.h.
"""

import math
from typing import Any

NAME = "3DE4 Anamorphic - Standard, Degree 4"
TERMS = ("02 - Degree 2", "22 - Degree 2", "04 - Degree 4", "24 - Degree 4", "44 - Degree 4")
DEFAULTS = {f"C{axis}{term}": 0.0 for term in TERMS for axis in "xy"} | {
    "Lens Rotation": 0.0,
    "Squeeze-X": 1.0,
    "Squeeze-Y": 1.0,
}


def undistort(x: Any, y: Any, values: dict[str, float], pixel_aspect: float) -> tuple[Any, Any]:
    """Undistort x and y (numbers, or arrays of any one shape).

    values: all of DEFAULTS by name; pixel_aspect: a pixel's width divided by its height.
    """
    angle = math.radians(values["Lens Rotation"])
    c, s = math.cos(angle), math.sin(angle)
    a, b = c * x / pixel_aspect + s * y, c * y - s * x / pixel_aspect
    a2, b2 = a * a, b * b
    r2, r2_cos_2phi = a2 + b2, a2 - b2
    powers = (r2, r2_cos_2phi, r2 * r2, r2 * r2_cos_2phi, r2_cos_2phi * r2_cos_2phi - 4 * a2 * b2)
    bend_x, bend_y = (
        1 + sum(values[f"C{axis}{term}"] * power for term, power in zip(TERMS, powers, strict=True)) for axis in "xy"
    )
    a1 = a * bend_x * values["Squeeze-X"] * pixel_aspect
    b1 = b * bend_y * values["Squeeze-Y"]
    return c * a1 - s * b1, s * a1 + c * b1
