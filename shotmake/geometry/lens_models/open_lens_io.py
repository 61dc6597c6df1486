"""OpenLensIO's spherical lens: a rational radial and a tangential part, in millimetres on the sensor, y down.

With r2 = x2 + y2:  R = (1 + k1 r2 + k3 r2^2 + k5 r2^3) / (1 + k2 r2 + k4 r2^2 + k6 r2^3)
    x' = R x + 2 p1 x y + p2 (r2 + 2 x2)
    y' = R y + p1 (r2 + 2 y2) + 2 p2 x y
"Brown-Conrady D-U" maps distorted to undistorted, "U-D" the other way; both have the same formula. k1, k3, k5 and p1,
p2 are OpenCV's k1, k2, k3 and p1, p2 by F^2, F^4, F^6 and F, the focal length in mm.
Source: OpenLensIO Lens Model 1.0.0 eq. 16, as transcribed in Frontier-Stageworks/opentrackio-proof
(openlensio_semantics), and SMPTE's "Conversion of OpenCV to OpenTrackIO lens calibration parameters". That paper has
p1 and p2 by F^2. Its own formula, a displacement in mm, gives F, and that is used here.
"""

from typing import Any


def bend(x: Any, y: Any, radial: list[float], tangential: list[float]) -> tuple[Any, Any]:
    """Map x and y (numbers, or arrays of any one shape; mm from the lens centre) to the other side.

    radial: k1 to k6; tangential: p1, p2.
    """
    k1, k2, k3, k4, k5, k6 = radial
    p1, p2 = tangential
    r2 = x * x + y * y
    scale = (1 + r2 * (k1 + r2 * (k3 + r2 * k5))) / (1 + r2 * (k2 + r2 * (k4 + r2 * k6)))
    return (
        scale * x + 2 * p1 * x * y + p2 * (r2 + 2 * x * x),
        scale * y + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y,
    )
