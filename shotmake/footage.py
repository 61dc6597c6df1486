"""The plate: what a movie or an image sequence really holds, and its luma, frame by frame.

Containers lie about frame counts and rates, so `probe` decodes everything once and believes only that.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.plate_files import KEY, SEQUENCE, plate_files


@dataclass(frozen=True)
class Plate:
    """What was found. `files` are as the config names them: one movie, or one image a frame."""

    kind: str  # movie | sequence
    files: list[str]
    first_frame: int
    frame_count: int
    size_px: list[int]
    frame_rate: list[int]  # exact fraction
    pixel_format: str
    color_space: str
    timecode: str
    warnings: list[str]

    @property
    def last_frame(self) -> int:
        return self.first_frame + self.frame_count - 1

    def to_json(self) -> dict:
        return {"schema": 1, **asdict(self)}

    @classmethod
    def from_json(cls, record: dict) -> "Plate":
        return cls(**{name: record[name] for name in cls.__dataclass_fields__})


def probe(
    file: str,
    root: Path,
    first_frame: int = 1,
    color_space: str = "Rec.709",
    frame_rate: float | str | None = None,
    resolution: list[int] | None = None,
    on_frame: Callable[[int], None] = lambda count: None,
) -> Plate:
    """Read the whole plate once and tell what it is; the arguments are the `shot.footage` keys.

    ShotError for anything that cannot be tracked frame by frame (unreadable, truncated, rotated,
    non-square pixels, variable rate), naming what was found.
    """
    from shotmake.configcheck import frame_rate_fraction

    numbered = plate_files(file, root)
    files = [path for _, path in numbered]
    rate = frame_rate_fraction(frame_rate) if frame_rate is not None else None
    if SEQUENCE.match(file) and not (root / file).is_file():
        found = _probe_sequence(files, root, on_frame)
        found["first_frame"] = numbered[0][0]
        rate = rate or Fraction(24)
    else:
        found = _probe_movie(files[0], root, on_frame)
        found["first_frame"] = first_frame
        file_rate = found.pop("file_rate")
        if rate is None and file_rate is None:
            raise ShotError(f"{file}: the file gives no frame rate; set shot.footage.frame_rate")
        rate = rate or file_rate
    if resolution is not None and list(resolution) != found["size_px"]:
        raise ShotError(
            f"{file}: found {found['size_px'][0]}x{found['size_px'][1]}; shot.footage.resolution says "
            f"{resolution[0]}x{resolution[1]}"
        )
    return Plate(files=files, frame_rate=[rate.numerator, rate.denominator], color_space=color_space, **found)


def read_luma(plate: Plate, root: Path, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (plate frame number, (H, W) uint8 luma) for the frames first..last, inclusive."""
    yield from _frames(plate, root, first, last, "luma")


def read_bgr(plate: Plate, root: Path, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (plate frame number, (H, W, 3) uint8 BGR) for the frames first..last, inclusive."""
    yield from _frames(plate, root, first, last, "bgr")


def frame_span(plate: Plate, frame_range: list[int] | None) -> tuple[int, int]:
    """First and last frame to use; ShotError when the range leaves the plate or is too short to track."""
    first, last = frame_range or (plate.first_frame, plate.last_frame)
    if first < plate.first_frame or last > plate.last_frame:
        raise ShotError(
            f"shot.footage.frame_range: found {[first, last]}; the plate has frames "
            f"{plate.first_frame} to {plate.last_frame}"
        )
    if last - first < 1:
        raise ShotError(
            f"{plate.files[0]}: found {last - first + 1} frame; tracking needs at least 2 "
            f"({KEY}, shot.footage.frame_range)"
        )
    return first, last


def _frames(plate: Plate, root: Path, first: int, last: int, what: str) -> Iterator[tuple[int, np.ndarray]]:
    if plate.kind == "sequence":
        for number in range(first, last + 1):
            image = _read_image(root / plate.files[number - plate.first_frame], plate.color_space)
            yield number, _luma_of_bgr(image) if what == "luma" else image
        return
    import av

    with av.open(str(root / plate.files[0])) as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        number = plate.first_frame
        for frame in container.decode(stream):
            if number > last:
                return
            if number >= first:
                yield number, _luma_plane(frame) if what == "luma" else frame.to_ndarray(format="bgr24")
            number += 1
    if number <= last:
        raise ShotError(f"{plate.files[0]}: frame {number} cannot be decoded any more; the file has changed, run again")


def _luma_plane(frame) -> np.ndarray:
    """The Y plane as it is stored, without colour conversion; deep formats are cut to 8 bits."""
    name = frame.format.name
    bits = frame.format.components[0].bits
    if not (name.startswith(("yuv", "nv12", "p010", "gray")) and name != "yuyv422"):
        return _luma_of_bgr(frame.to_ndarray(format="bgr24"))
    plane = frame.planes[0]
    if bits == 8:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width].copy()
    rows = np.frombuffer(plane, np.uint16).reshape(-1, plane.line_size // 2)[: frame.height, : frame.width]
    shift = 8 if name.startswith("p0") else bits - 8  # p010 keeps its bits at the top of the word
    return (rows >> shift).astype(np.uint8)


def _luma_of_bgr(image: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


def _read_image(path: Path, color_space: str) -> np.ndarray:
    """One frame of a sequence -> (H, W, 3) uint8 BGR, display-like (linear light gets the sRGB curve)."""
    import OpenImageIO as oiio

    source = oiio.ImageInput.open(str(path))
    if source is None:
        raise ShotError(f"{path.name}: cannot be read ({oiio.geterror().splitlines()[0]}); needed an image ({KEY})")
    try:
        spec = source.spec()
        if abs(spec.get_float_attribute("PixelAspectRatio", 1.0) - 1) > 1e-3:
            aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
            raise ShotError(f"{path.name}: pixels are {aspect:g}:1, not square; unsqueeze the plate first ({KEY})")
        pixels = source.read_image(0, 0, 0, min(spec.nchannels, 3), "float")
    finally:
        source.close()
    if pixels is None:
        raise ShotError(f"{path.name}: cannot be decoded ({source.geterror().splitlines()[0]}); restore it ({KEY})")
    pixels = _display_window(pixels.reshape(pixels.shape[0], pixels.shape[1], -1), spec)
    rgb = np.repeat(pixels[..., :1], 3, 2) if pixels.shape[2] < 3 else pixels
    if color_space == "Linear":
        rgb = np.clip(np.nan_to_num(rgb), 0, None)
        rgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * np.power(rgb, 1 / 2.4) - 0.055)  # IEC 61966-2-1
    return np.ascontiguousarray((np.clip(np.nan_to_num(rgb), 0, 1) * 255 + 0.5).astype(np.uint8)[..., ::-1])


def _display_window(pixels: np.ndarray, spec) -> np.ndarray:
    """An EXR's data window placed in its display window: the picture everybody else sees, black where no data is."""
    width, height = spec.full_width, spec.full_height
    left, top = spec.x - spec.full_x, spec.y - spec.full_y
    if (left, top, width, height) == (0, 0, pixels.shape[1], pixels.shape[0]):
        return pixels
    shown = np.zeros((height, width, pixels.shape[2]), pixels.dtype)
    x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + pixels.shape[1], width), min(top + pixels.shape[0], height)
    if x1 > x0 and y1 > y0:
        shown[y0:y1, x0:x1] = pixels[y0 - top : y1 - top, x0 - left : x1 - left]
    return shown


def _probe_sequence(files: list[str], root: Path, on_frame: Callable[[int], None]) -> dict:
    size, first_format = None, ""
    for count, path in enumerate(files, 1):
        image = _read_image(root / path, "sRGB")
        found = [image.shape[1], image.shape[0]]
        if size is not None and found != size:
            raise ShotError(f"{path}: found {found[0]}x{found[1]}; the frames before are {size[0]}x{size[1]} ({KEY})")
        size, first_format = found, Path(path).suffix.lstrip(".")
        on_frame(count)
    return dict(
        kind="sequence", frame_count=len(files), size_px=size, pixel_format=first_format, timecode="", warnings=[]
    )


def _probe_movie(file: str, root: Path, on_frame: Callable[[int], None]) -> dict:
    import av

    times: list[int | None] = []
    pixel_format, ended_early = "", ""
    warnings = []
    try:
        container = av.open(str(root / file))
    except (av.FFmpegError, OSError) as error:
        raise ShotError(f"{file}: not a movie that can be read ({_reason(error)}); check {KEY}") from error
    with container:
        if not container.streams.video:
            raise ShotError(f"{file}: holds no video stream; check {KEY}")
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        timecode = stream.metadata.get("timecode", container.metadata.get("timecode", ""))
        rate, announced, time_base = stream.average_rate or stream.guessed_rate, stream.frames, stream.time_base
        pixel_aspect = stream.sample_aspect_ratio
        try:
            for frame in container.decode(stream):
                if not pixel_format:
                    size, rotation, interlaced = (frame.width, frame.height), frame.rotation, frame.interlaced_frame
                    pixel_format = frame.format.name
                if (frame.width, frame.height) != size:
                    raise ShotError(f"{file}: frame size changes at frame {len(times) + 1}; transcode it ({KEY})")
                if frame.is_corrupt:
                    raise ShotError(f"{file}: frame {len(times) + 1} of the file is damaged; copy it again ({KEY})")
                times.append(frame.pts)
                on_frame(len(times))
        except av.FFmpegError as error:
            ended_early = _reason(error)
    if not times:
        raise ShotError(f"{file}: no frame can be decoded ({ended_early or 'empty stream'}); check {KEY}")
    if ended_early or (announced and len(times) < announced):
        raise ShotError(
            f"{file}: truncated: {len(times)} of {announced or '?'} frames decode"
            f"{' (' + ended_early + ')' if ended_early else ''}; copy the file again ({KEY})"
        )
    if rotation:
        raise ShotError(f"{file}: the file asks to be turned by {rotation} degrees; transcode it upright ({KEY})")
    if pixel_aspect not in (None, 0, 1):
        raise ShotError(f"{file}: pixels are {pixel_aspect}:1, not square; unsqueeze the plate first ({KEY})")
    if rate and time_base and None not in times:
        _check_constant_rate(file, times, time_base, rate)
    if interlaced:
        warnings.append("the plate is interlaced; a deinterlaced one tracks better")
    return dict(
        kind="movie",
        frame_count=len(times),
        size_px=list(size),
        file_rate=Fraction(rate) if rate else None,
        pixel_format=pixel_format,
        timecode=timecode,
        warnings=warnings,
    )


def _check_constant_rate(file: str, times: list[int], time_base: Fraction, rate: Fraction) -> None:
    """Every frame within half a frame of a steady clock, else numbers mean other frames elsewhere."""
    seconds = np.array(times, float) * float(time_base)
    seconds -= seconds[0]
    late = np.abs(seconds * float(rate) - np.arange(len(times)))
    if len(times) > 2 and late.max() > 0.5:
        gaps = np.diff(seconds)
        raise ShotError(
            f"{file}: variable frame rate ({1 / gaps.max():.4g} to {1 / max(gaps.min(), 1e-6):.4g} frames/s); "
            f"transcode it to a constant rate ({KEY})"
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error).splitlines()[0]
