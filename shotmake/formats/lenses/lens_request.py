"""What a lens reader is asked, and the lens a writer is given."""

from dataclasses import dataclass

from shotmake.errors import ShotError
from shotmake.formats.given_to_writers import Take
from shotmake.geometry.lens import Lens

KEY = "shot.camera.lens_from"


@dataclass(frozen=True)
class LensAsked:
    """What a reader of lenses needs to know of the plate.

    size_px: (width, height). aspect: the width of a pixel divided by its height. focal_px (fx) and direction
    (undistort, redistort): as the shot has them, for files that say neither.
    """

    size_px: tuple[int, int]
    aspect: float = 1.0
    focal_px: float | None = None
    direction: str | None = None


def lens_of_take(take: Take, word: str) -> Lens:
    """Return the solved lens of a shot. `word` is the format's word in shot.export.

    Raises ShotError for a zoom: a lens file holds one focal length.
    """
    assert take.solution is not None
    if take.solution["focal_px_per_frame"] is not None:
        raise ShotError(f"{word}: the lens zooms, the file holds one focal length; take {word} out of shot.export")
    return Lens.from_json(take.solution["lens"])
