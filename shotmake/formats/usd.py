"""USD (.usda written; .usda, .usdc, .usd read), by Blender.

Axes     upAxis "Z", metersPerUnit 1, right-handed; a USD camera looks along -z with y up. Read: whatever the file says
         of up-axis and units; our numbers are metres.
Lens     focalLength, horizontalAperture and verticalAperture in tenths of a unit, horizontal/verticalApertureOffset:
         the lens's centre is carried.
Frames   time codes are plate frames; timeCodesPerSecond is the plate's rate. Every frame is sampled.
Points   the solved points as a mesh without faces, `points`.
Lost     distortion, scale_known; frames without a camera are filled in (said when it is written).
Bytes    the same twice, with one version of Blender.

Source: OpenUSD's UsdGeomCamera; measured with Blender 4.2, 4.5 and 5.0.
"""

from pathlib import Path

from shotmake.formats.asked import Asked
from shotmake.formats.blender_scene import check_head, gaps_told, read_found
from shotmake.formats.take import Take
from shotmake.imported import Cameras


def said(take: Take) -> tuple[str, ...]:
    return gaps_told(take)


def check(path: Path) -> None:
    check_head(path, (b"#usda", b"PXR-USDC"), "USD: #usda or PXR-USDC")


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    return read_found(found, path.name, asked)
