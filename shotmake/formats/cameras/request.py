"""What a camera's reader is told of the shot that asks for it."""

from dataclasses import dataclass

from shotmake.geometry.lens import Lens


@dataclass(frozen=True)
class Asked:
    """size_px, pixel_aspect: of the plate; frames: first and last of the shot, plate numbers; the rest is of
    shot.camera: sensor_width_mm, focal_mm, import_rotation_order, import_name, and the lens brought along, plate px."""

    size_px: tuple[int, int]
    pixel_aspect: float
    frames: tuple[int, int]
    sensor_width_mm: float
    focal_mm: float | None = None
    rotation_order: str = "ZXY"
    name: str | None = None
    lens: Lens | None = None
