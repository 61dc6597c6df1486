"""What a camera's reader is told of the shot that asks for it."""

from dataclasses import dataclass

from shotmake.geometry.lens import Lens


@dataclass(frozen=True)
class Asked:
    """What a reader of cameras needs to know of the shot.

    size_px, pixel_aspect: of the plate. frames: first and last frame of the shot, plate numbers. The rest comes from
    shot.camera: sensor_width_mm, focal_mm, rotation_order (import_rotation_order), name (import_name), and lens
    (lens_from), in plate px.
    """

    size_px: tuple[int, int]
    pixel_aspect: float
    frames: tuple[int, int]
    sensor_width_mm: float
    focal_mm: float | None = None
    rotation_order: str = "ZXY"
    name: str | None = None
    lens: Lens | None = None
