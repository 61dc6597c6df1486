"""A shot's mask, frame by frame. It is made of tracking.mask.file (a still, a movie that starts with the plate, or a
sequence), of the mask's shapes, and of the boxes of the shot's objects.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.inputs.plate_keys import PlateKeys
from shotmake.tasks.show import get_show_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    import numpy as np

    from shotmake.footage.plate import Plate
    from shotmake.objects.box_mattes import Boxes

KEY = "tracking.mask.file"
KEYS = PlateKeys({"file": KEY}, takes_still=True)


def has_objects(config: Config) -> bool:
    """Return whether objects keep tracks out. Tracks made elsewhere are not masked."""
    return bool(config.tracking.mask.from_objects) and not config.tracking.session_file


def slice_mask_settings(config: Config) -> dict:
    """Return what the tracks stage is told about masks: "mask", and with objects "matte", the room around
    their boxes.
    """
    matte = {"matte": slices.slice_block(config.tracking.objects.matte)} if has_objects(config) else {}
    return {"mask": slices.slice_block(config.tracking.mask), **matte}


def read_object_boxes(settings: dict, files: dict[str, Path]) -> "Boxes | None":
    """Return the boxes of the objects that tracking.mask chooses; None where it chooses none.

    settings and files are those of a stage that reads "objects". Raises ShotError for a wrong track_id.
    """
    if "matte" not in settings:
        return None
    from shotmake.config.schema import Matte
    from shotmake.objects.box_mattes import boxes_of
    from shotmake.objects.tracklet_file import read_tracklets

    return boxes_of(read_tracklets(files["objects"]), settings["mask"]["from_objects"], Matte(**settings["matte"]))


def list_mask_inputs(config: Config) -> dict[str, Path]:
    """Return the mask's files: "mask <plate frame>" of a sequence, "mask 0" of a still or a movie.

    Raises ShotError when they are missing.
    """
    from shotmake.footage.file_names import list_plate_files

    if config.tracking.mask.file is None:
        return {}
    with KEYS.name_in_faults():
        found = list_plate_files(config.tracking.mask.file, get_show_folder())
    return {f"mask {number}": get_show_folder() / path for number, path in found}


def list_mask_names(digests: dict[str, str], first: int, last: int) -> list[str]:
    """Return which of these inputs mask the frames first..last."""
    return [name for name in ("mask 0", *(f"mask {frame}" for frame in range(first, last + 1))) if name in digests]


def make_mask_reader(file: str | None, plate: "Plate") -> "Callable[[int], np.ndarray] | None":
    """Return a function: plate frame number -> (H, W) uint8 luma of the mask file; None without a file.

    Asked for ascending frames, it decodes each frame once. Raises ShotError for a file that cannot be read; the
    function raises ShotError for a frame that the file does not have.
    """
    if file is None:
        return None
    from shotmake.footage.plate import probe, read_luma

    with KEYS.name_in_faults():
        mask = probe(file=file, root=get_show_folder(), first_frame=plate.first_frame)
    frames: Iterator[tuple[int, np.ndarray]] = iter(())
    at: tuple[int, np.ndarray] | None = None

    def read(frame: int) -> "np.ndarray":
        nonlocal frames, at
        wanted = mask.first_frame if mask.frame_count == 1 else frame  # a still masks every frame
        if not mask.first_frame <= wanted <= mask.last_frame:
            raise ShotError(f"{file}: has no frame {wanted}; the plate has ({KEY})")
        with KEYS.name_in_faults():
            if at is None or wanted < at[0]:
                frames = read_luma(mask, get_show_folder(), wanted, mask.last_frame)
                at = next(frames)
            while at[0] < wanted:
                at = next(frames)
        return at[1]

    return read


def make_masks(
    plate: "Plate", mask: dict, first: int, last: int, boxes: "Boxes | None" = None
) -> "Callable[[int], np.ndarray | None]":
    """Return a function: plate frame number -> (H, W) uint8 mask (shotmake.tracks.mask.draw_mask).

    It returns None for every frame where nothing is masked. `mask` is the tracking.mask block. Frames first..last may
    be asked for in any order; each is made once.
    """
    from shotmake.config.schema import Mask
    from shotmake.config.track_annotations import read_shapes
    from shotmake.tracks.mask import COVERED, NO_BOXES, draw_mask

    if mask["file"] is None and not mask["shapes"] and boxes is None:
        return lambda frame: None
    import numpy as np

    width, height = plate.size_px
    shapes, read = read_shapes(mask["shapes"])[0], make_mask_reader(mask["file"], plate)
    # One bit for each pixel: covered. With a feather, a second array: covered or in the feather.
    packed: dict[int, list[np.ndarray]] = {}

    def draw(frame: int) -> "np.ndarray":
        for number in range(max(packed, default=first - 1) + 1, frame + 1):  # in order: a movie is decoded once
            boxes_px = NO_BOXES if boxes is None else boxes.select_at(number)
            made = draw_mask(number, (width, height), shapes, read, Mask(**mask), boxes_px)
            packed[number] = [np.packbits(made == COVERED)]
            if mask["feather_px"]:
                packed[number].append(np.packbits(made > 0))
        found = [np.unpackbits(bits, count=width * height).reshape(height, width) for bits in packed[frame]]
        return found[0] * np.uint8(COVERED) | found[-1]

    return draw
