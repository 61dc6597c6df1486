"""Movies: decoded once to tell what they really are, and again for their frames, upright."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.lens_tags import lens_of_tags
from shotmake.plate_files import KEY, ranges_text

DEPTH_TOP_OF_WORD = ("p0", "p2", "p4")  # p010 and its kin keep their bits at the top of a 16-bit word
PLANAR_LUMA = ("yuv", "nv1", "nv2", "gray", *DEPTH_TOP_OF_WORD)
PACKED = ("yuyv422", "yvyu422")
# ISO/IEC 23091-2 numbers, in ffprobe's words
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
             10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}  # fmt: skip
TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
             10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
             16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}  # fmt: skip
MATRICES = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
            10: "bt2020c", 11: "smpte2085", 14: "ictcp"}  # fmt: skip
RANGES = {1: "tv", 2: "pc"}


@dataclass
class Clock:
    """Whether the frames' times keep step with a steady rate, told frame by frame."""

    time_base: Fraction | None
    rate: Fraction | None
    count: int = 0
    first: int | None = None
    last: int | None = None
    complete: bool = True  # every frame had a time
    latest_frames: float = 0.0  # the farthest that any frame is off
    gap_min: int = 2**62
    gap_max: int = 0

    def add(self, time: int | None) -> None:
        if time is None:
            self.complete = False
        elif self.first is None:
            self.first = time
        elif self.last is not None:
            self.gap_min, self.gap_max = min(self.gap_min, time - self.last), max(self.gap_max, time - self.last)
            if self.rate and self.time_base and self.complete:
                late = float((time - self.first) * self.time_base * self.rate) - self.count
                self.latest_frames = max(self.latest_frames, abs(late))
        self.last = time
        self.count += 1

    def seconds(self, time: int | None) -> float | None:
        return None if time is None or not self.time_base else round(float(time * self.time_base), 6)

    @property
    def is_constant(self) -> bool:
        """Every frame within half a frame of a steady clock, else numbers mean other frames elsewhere."""
        return not self.complete or self.count < 3 or self.latest_frames <= 0.5

    @property
    def rates_text(self) -> str:
        slow, fast = (1 / max(float(gap * (self.time_base or 1)), 1e-6) for gap in (self.gap_max, self.gap_min))
        return f"{slow:.4g} to {fast:.4g} frames/s"


def probe_movie(file: str, root: Path, first_frame: int, on_frame: Callable[[int], None]) -> dict:
    """Decode every frame once -> what the movie is; ShotError for what cannot be tracked frame by frame."""
    import av

    path = root / file
    if not path.stat().st_size:
        raise ShotError(f"{file}: found an empty file, not a movie; copy it again ({KEY})")
    try:
        container = av.open(str(path), metadata_errors="replace")
    except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
        raise ShotError(f"{file}: not a movie that can be read ({_reason(error)}); check {KEY}") from error
    found, damaged, ended_early = {}, [], ""
    with container:
        stream = _video_stream(file, container)
        stream.thread_type = "AUTO"
        announced = stream.frames
        file_rate = _believable(stream.average_rate) or _believable(stream.guessed_rate)
        clock = Clock(stream.time_base, file_rate)
        timecode = stream.metadata.get("timecode", container.metadata.get("timecode", ""))
        try:
            for frame in container.decode(stream):
                facts = _of_frame(frame)
                number = first_frame + clock.count
                found = found or {**facts, "is_interlaced": frame.interlaced_frame}
                if facts["size_px"] != found["size_px"]:
                    raise ShotError(f"{file}: frame size changes at frame {number}; transcode it ({KEY})")
                if (facts["rotation_deg"], facts["is_mirrored"]) != (found["rotation_deg"], found["is_mirrored"]):
                    raise ShotError(f"{file}: the rotation changes at frame {number}; transcode it ({KEY})")
                if frame.is_corrupt:
                    damaged.append(number)
                clock.add(frame.pts)
                on_frame(clock.count)
        except (av.FFmpegError, OSError, ValueError, MemoryError) as error:
            ended_early = _reason(error)
        if found:
            media = _media(container, stream, found, clock)
    if not clock.count:
        raise ShotError(f"{file}: no frame can be decoded ({ended_early or 'empty stream'}); check {KEY}")
    if damaged:
        what = "frame is" if len(damaged) == 1 else "frames are"
        raise ShotError(f"{file}: {len(damaged)} {what} damaged: {ranges_text(damaged)}; copy the file again ({KEY})")
    if ended_early or (announced and clock.count < announced):
        raise ShotError(
            f"{file}: truncated: {clock.count} of {announced or '?'} frames decode"
            f"{' (' + ended_early + ')' if ended_early else ''}; copy the file again ({KEY})"
        )
    _check_upright(file, found, media)
    size_px = found["size_px"][::-1] if found["rotation_deg"] % 180 else found["size_px"]
    return dict(
        kind="movie",
        frame_count=clock.count,
        size_px=size_px,
        rotation_deg=found["rotation_deg"],
        file_rate=file_rate,
        clock=clock,
        pixel_format=found["pixel_format"],
        timecode=timecode,
        media=media,
    )


def movie_header(file: str, root: Path) -> dict:
    """What the header and the first frame say, under the names of `probe_movie`; ShotError for no movie."""
    import av

    try:
        with av.open(str(root / file), metadata_errors="replace") as container:
            stream = _video_stream(file, container)
            found = _of_frame(next(container.decode(stream)))
            aspect, tags = stream.sample_aspect_ratio, {**stream.metadata, **container.metadata}
            count = stream.frames or 1 + sum(1 for _ in container.decode(stream))
            rate = _believable(stream.average_rate) or _believable(stream.guessed_rate)
    except (av.FFmpegError, OSError, ValueError, MemoryError, StopIteration) as error:
        raise ShotError(f"{file}: not a movie that can be read ({_reason(error)}); check {KEY}") from error
    size_px = found["size_px"][::-1] if found["rotation_deg"] % 180 else found["size_px"]
    media = {"pixel_aspect": [aspect.numerator, aspect.denominator] if aspect else [1, 1], **lens_of_tags(tags)}
    return dict(
        frame_count=count,
        size_px=size_px,
        file_rate=rate,
        timecode=tags.get("timecode", ""),
        color=found["color"],
        media=media,
    )


def movie_frames(path: Path, rotation_deg: int, skip: int, what: str) -> Iterator[np.ndarray]:
    """The frames from the skip-th on: (H, W) uint8 luma, or ("bgr") (H, W, 3); rotation_deg counter-clockwise."""
    import av

    with av.open(str(path), metadata_errors="replace") as container:
        stream = _video_stream(path.name, container)
        stream.thread_type = "AUTO"
        for index, frame in enumerate(container.decode(stream)):
            if index >= skip:
                image = _luma_plane(frame) if what == "luma" else frame.to_ndarray(format="bgr24")
                yield np.ascontiguousarray(np.rot90(image, rotation_deg // 90)) if rotation_deg else image


def _video_stream(file: str, container):
    from av.stream import Disposition

    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        what = "sound" if container.streams.audio else "something else"
        raise ShotError(f"{file}: holds no video stream, only {what}; check {KEY}")
    return streams[0]


def _believable(rate: Fraction | None) -> Fraction | None:
    return Fraction(rate) if rate and 0.1 <= rate <= 1000 else None


def _of_frame(frame) -> dict:
    rotation_deg, is_mirrored = frame.rotation % 360, False  # counter-clockwise
    if rotation_deg:
        matrix = frame.side_data.get("DISPLAYMATRIX")
        if matrix is not None:
            a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5].astype(float)
            is_mirrored = bool(a * d - b * c < 0)
    return {
        "size_px": [frame.width, frame.height],
        "rotation_deg": rotation_deg,
        "is_mirrored": is_mirrored,
        "pixel_format": frame.format.name,
        "bits": frame.format.components[0].bits,
        "color": {
            "primaries": PRIMARIES.get(frame.color_primaries, "unknown"),
            "transfer": TRANSFERS.get(frame.color_trc, "unknown"),
            "matrix": MATRICES.get(frame.colorspace, "unknown"),
            "range": RANGES.get(frame.color_range, "unknown"),
        },
    }


def _media(container, stream, found: dict, clock: Clock) -> dict:
    """What ffprobe tells, and what the decode pass found."""
    aspect = stream.sample_aspect_ratio
    duration = stream.duration * stream.time_base if stream.duration else Fraction(container.duration or 0, 10**6)
    return {
        "container": container.format.name.split(",")[0],
        "codec": stream.codec_context.name,
        "profile": stream.profile or "",
        "bits": found["bits"],
        "stored_size_px": found["size_px"],
        "pixel_aspect": [aspect.numerator, aspect.denominator] if aspect else [1, 1],
        "color": found["color"],
        "is_interlaced": bool(found["is_interlaced"]),
        "duration_s": round(float(duration), 6),
        "video_streams": len(container.streams.video),
        "frames_announced": stream.frames,
        "frames_decoded": clock.count,
        "frames_corrupt": 0,  # one is refused
        "first_time_s": clock.seconds(clock.first),
        "last_time_s": clock.seconds(clock.last),
        "is_constant_rate": clock.is_constant,
        "has_clock": clock.complete,
        **lens_of_tags({**stream.metadata, **container.metadata}),
    }


def _check_upright(file: str, found: dict, media: dict) -> None:
    if found["rotation_deg"] % 90 or found["is_mirrored"]:
        turn = "mirrored" if found["is_mirrored"] else f"turned by {found['rotation_deg']} degrees"
        raise ShotError(f"{file}: the file asks to be {turn}; transcode it upright ({KEY})")
    wide, high = media["pixel_aspect"]
    if wide != high and found["rotation_deg"]:
        raise ShotError(f"{file}: asks to be turned and its pixels are {wide}:{high}; transcode it upright ({KEY})")


def _luma_plane(frame) -> np.ndarray:
    """The Y plane as it is stored, without colour conversion; deep formats are cut to 8 bits."""
    name = frame.format.name
    bits = frame.format.components[0].bits
    if not name.startswith(PLANAR_LUMA) or name in PACKED or bits > 16 or bits < 8:
        import cv2

        return cv2.cvtColor(frame.to_ndarray(format="bgr24"), cv2.COLOR_BGR2GRAY)
    plane = frame.planes[0]
    if bits == 8:
        rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
        return rows[: frame.height, : frame.width].copy()
    words = np.frombuffer(plane, ">u2" if name.endswith("be") else "<u2").reshape(-1, plane.line_size // 2)
    shift = 8 if name.startswith(DEPTH_TOP_OF_WORD) else bits - 8
    return (words[: frame.height, : frame.width] >> shift).astype(np.uint8)


def _reason(error: BaseException) -> str:
    return (str(getattr(error, "strerror", "") or error) or type(error).__name__).splitlines()[0]
