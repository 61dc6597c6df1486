"""3DE4 Radial - Standard, Degree 4: radial, decentred, and a cylindric bending; distorted -> undistorted.

x and y are diagonally normalised, y up (lens_of_3de.py); r2 = x2 + y2:
    x1 = x (1 + c2 r2 + c4 r2^2) + (r2 + 2 x2) (u1 + u3 r2) + 2 x y (v1 + v3 r2)
    y1 = y (1 + c2 r2 + c4 r2^2) + (r2 + 2 y2) (v1 + v3 r2) + 2 x y (u1 + u3 r2)
    (x', y') = M (x1, y1),  M = [[c c q + s s / q, (q - 1/q) c s], [(q - 1/q) c s, c c / q + s s q]],
with q = sqrt(1 + B), c and s the cosine and sine of Phi (degrees).
Science.D.Visions, LDPK: ldpk_radial_decentered_distortion.h and cylindric_extender_2 in ldpk_cylindric_extender.h.
"""

import math
from typing import Any

NAME = "3DE4 Radial - Standard, Degree 4"
DEFAULTS = {
    "Distortion - Degree 2": 0.0,
    "U - Degree 2": 0.0,
    "V - Degree 2": 0.0,
    "Quartic Distortion - Degree 4": 0.0,
    "U - Degree 4": 0.0,
    "V - Degree 4": 0.0,
    "Phi - Cylindric Direction": 0.0,
    "B - Cylindric Bending": 0.0,
}


def undistort(x: Any, y: Any, values: dict[str, float], pixel_aspect: float) -> tuple[Any, Any]:
    """Undistort x and y (numbers, or arrays of any one shape).

    values: all of DEFAULTS by name, B > -1; pixel_aspect is not used.
    """
    x2, y2, xy = x * x, y * y, x * y
    r2 = x2 + y2
    radial = 1 + values["Distortion - Degree 2"] * r2 + values["Quartic Distortion - Degree 4"] * r2 * r2
    u = values["U - Degree 2"] + values["U - Degree 4"] * r2
    v = values["V - Degree 2"] + values["V - Degree 4"] * r2
    x1 = x * radial + (r2 + 2 * x2) * u + 2 * xy * v
    y1 = y * radial + (r2 + 2 * y2) * v + 2 * xy * u
    q = math.sqrt(1 + values["B - Cylindric Bending"])
    phi = math.radians(values["Phi - Cylindric Direction"])
    c, s = math.cos(phi), math.sin(phi)
    across = (q - 1 / q) * c * s
    return (c * c * q + s * s / q) * x1 + across * y1, across * x1 + (c * c / q + s * s * q) * y1
