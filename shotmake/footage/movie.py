"""Movies: decoded once to find out what they really are, and again for their frames, upright."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shotmake.errors import ShotError, quote_error
from shotmake.files.movie_file import list_movie_faults, open_movie
from shotmake.footage.file_names import KEY
from shotmake.footage.frames_blender_shows import BlenderMovie
from shotmake.footage.lens_metadata import lens_of_tags
from shotmake.footage.movie_clock import Clock
from shotmake.footage.unusable_frames import Looks
from shotmake.numbers_in_words import count_of, format_ranges

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

DEPTH_TOP_OF_WORD = ("p0", "p2", "p4")  # formats such as p010 keep their bits at the top of a 16-bit word
PLANAR_LUMA = ("yuv", "nv1", "nv2", "gray", *DEPTH_TOP_OF_WORD)
PACKED = ("yuyv422", "yvyu422")
# The numbers of ISO/IEC 23091-2, with ffprobe's words for them.
PRIMARIES = {1: "bt709", 4: "bt470m", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "film", 9: "bt2020",
             10: "smpte428", 11: "smpte431", 12: "smpte432", 22: "ebu3213"}  # fmt: skip
TRANSFERS = {1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear", 9: "log100",
             10: "log316", 11: "iec61966-2-4", 12: "bt1361e", 13: "iec61966-2-1", 14: "bt2020-10", 15: "bt2020-12",
             16: "smpte2084", 17: "smpte428", 18: "arib-std-b67"}  # fmt: skip
MATRICES = {0: "gbr", 1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 8: "ycgco", 9: "bt2020nc",
            10: "bt2020c", 11: "smpte2085", 14: "ictcp"}  # fmt: skip
RANGES = {1: "tv", 2: "pc"}


@dataclass
class Reading:
    """What one pass over a movie's packets found."""

    clock: Clock
    facts: dict = field(default_factory=dict)  # what the first frame says
    damaged: list[int] = field(default_factory=list)  # numbers of the frames that FFmpeg marks as damaged
    hidden: list[int] = field(default_factory=list)  # times of the stored frames that an edit list hides
    ended_early: str = ""  # why it ended early
    error: BaseException | None = None  # the error that ended it

    @property
    def joins_parts(self) -> bool:
        """Whether frames are hidden between frames that are shown: the edit list plays several parts."""
        times = self.clock.times
        return bool(times) and any(times[0] < time < times[-1] for time in self.hidden)


def probe_movie(file: str, root: Path, first_frame: int, on_frame: Callable[[int], None], looks: Looks) -> dict:
    """Decode each frame once, show it to `looks`, and return what the movie is.

    Frames are those that are shown: without the frames that an edit list hides (`ffmpeg -ss -c copy`, a phone's trim),
    and without a last frame that the file ends before half of its time.
    Raises ShotError for a movie that cannot be tracked frame by frame.
    """
    with open_movie(root / file, file, KEY) as container:
        stream = _find_video_stream(file, container)
        stream.thread_type = "AUTO"
        announced, blender = _count_announced(container, stream), BlenderMovie.from_container(container, stream)
        timecode = stream.metadata.get("timecode", container.metadata.get("timecode", ""))
        found = _read(file, container, stream, first_frame, on_frame, looks)
        clock, ended_early = found.clock, found.ended_early
        media = _describe_media(container, stream, found) if found.facts else {}
    if not clock.count:
        raise ShotError(
            f"{file}: no frame can be decoded ({ended_early or 'empty stream'}); check {KEY}"
        ) from found.error
    if found.damaged:
        damaged = count_of(len(found.damaged), "frame is", "frames are")
        raise ShotError(f"{file}: {damaged} damaged: {format_ranges(found.damaged)}; copy the file again ({KEY})")
    if ended_early or (announced and clock.count < announced):
        told = f"found {count_of(clock.count, 'frame')}, then an error"
        if announced > clock.count:
            told = f"truncated: {clock.count} of {announced} frames decode"
        why = f" ({ended_early})" if ended_early else ""
        raise ShotError(f"{file}: {told}{why}; copy the file again ({KEY})") from found.error
    _check_upright(file, found.facts, media)
    shown = blender.find_shown(clock.times) if clock.complete else None
    if shown is not None and clock.count > 1 and shown[-1] < 0 <= shown[-2]:
        media["frames_left_out"] = 1
    size_px = found.facts["size_px"][::-1] if found.facts["rotation_deg"] % 180 else found.facts["size_px"]
    return dict(
        kind="movie",
        frame_count=clock.count - media.get("frames_left_out", 0),
        size_px=size_px,
        rotation_deg=found.facts["rotation_deg"],
        file_rate=clock.rate,
        clock=clock,
        shown_by_blender=None if shown is None or found.joins_parts else shown,
        pixel_format=found.facts["pixel_format"],
        timecode=timecode,
        media=media,
    )


def _read(
    file: str,
    container: "InputContainer",
    stream: "VideoStream",
    first_frame: int,
    on_frame: Callable[[int], None],
    looks: Looks,
) -> Reading:
    """Decode all frames.

    What ends the file early stands in the Reading.
    Raises ShotError where size or rotation change.
    """
    found = Reading(Clock(stream.time_base, _list_rates(stream)))
    try:
        for packet in container.demux(stream):
            if packet.is_discard and packet.pts is not None:
                found.hidden.append(packet.pts)
            for frame in packet.decode():
                facts = _describe_frame(frame)
                number = first_frame + found.clock.count
                first = found.facts = found.facts or {**facts, "is_interlaced": frame.interlaced_frame}
                if facts["size_px"] != first["size_px"]:
                    raise ShotError(f"{file}: frame size changes at frame {number}; transcode it ({KEY})")
                if (facts["rotation_deg"], facts["is_mirrored"]) != (first["rotation_deg"], first["is_mirrored"]):
                    raise ShotError(f"{file}: the rotation changes at frame {number}; transcode it ({KEY})")
                if frame.is_corrupt:
                    found.damaged.append(number)
                found.clock.add(frame.pts)
                looks.add(_read_luma_plane(frame))
                on_frame(found.clock.count)
    except list_movie_faults() as error:
        found.ended_early, found.error = quote_error(error), error
    return found


def read_movie_header(file: str, root: Path) -> dict:
    """Read what the header and the first frame say, under the names of `probe_movie`.

    Raises ShotError for a file that is not a movie.
    """
    try:
        with open_movie(root / file, file, KEY) as container:
            stream = _find_video_stream(file, container)
            found = _describe_frame(next(container.decode(stream)))
            aspect, tags = stream.sample_aspect_ratio, {**stream.metadata, **container.metadata}
            count = _count_announced(container, stream) or 1 + sum(1 for _ in container.decode(stream))
            rate, stored = _read_clock(container, stream).rate, stream.frames
    except (*list_movie_faults(), StopIteration) as error:
        raise ShotError(f"{file}: not a movie that can be read ({quote_error(error)}); check {KEY}") from error
    size_px = found["size_px"][::-1] if found["rotation_deg"] % 180 else found["size_px"]
    media = {"pixel_aspect": [aspect.numerator, aspect.denominator] if aspect else [1, 1], **lens_of_tags(tags)}
    media["frames_hidden"] = max(stored - count, 0)
    return dict(
        frame_count=count,
        size_px=size_px,
        file_rate=rate,
        timecode=tags.get("timecode", ""),
        color=found["color"],
        media=media,
    )


def read_movie_frames(path: Path, rotation_deg: int, skip: int, what: str) -> Generator[np.ndarray]:
    """Yield the frames from index `skip` on: (H, W) uint8 luma, or for "bgr" (H, W, 3) uint8.

    rotation_deg: how far each picture is turned, counter-clockwise, in steps of 90 deg.
    Raises ShotError where FFmpeg fails in a movie that it could read before.
    """
    with open_movie(path, path.name, KEY) as container:
        stream = _find_video_stream(path.name, container)
        stream.thread_type = "AUTO"
        frames = enumerate(container.decode(stream))
        while (found := _read_next(frames, path)) is not None:
            index, frame = found
            if index >= skip:
                image = _read_luma_plane(frame) if what == "luma" else frame.to_ndarray(format="bgr24")
                yield np.ascontiguousarray(np.rot90(image, rotation_deg // 90)) if rotation_deg else image


def _read_next(frames: Iterator["tuple[int, VideoFrame]"], path: Path) -> "tuple[int, VideoFrame] | None":
    """Return the next frame with its number, or None at the end."""
    try:
        return next(frames, None)
    except list_movie_faults() as error:
        found = f"a frame cannot be decoded any more ({quote_error(error)})"
        raise ShotError(f"{path.name}: {found}; copy the file again ({KEY})") from error


def _find_video_stream(file: str, container: "InputContainer") -> "VideoStream":
    from av.stream import Disposition

    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        what = "sound" if container.streams.audio else "something else"
        raise ShotError(f"{file}: holds no video stream, only {what}; check {KEY}")
    return streams[0]


def _list_rates(stream: "VideoStream") -> tuple[Fraction, ...]:
    """Return the possible frame rates that the file says, the most trusted first.

    The average counts hidden frames and, in some files, leaves out the last frame's duration. It is the only rate where
    frames have no times.
    """
    said = (stream.guessed_rate, stream.base_rate, stream.average_rate)
    return tuple(dict.fromkeys(Fraction(rate) for rate in said if rate and 0.1 <= rate <= 1000))


def _count_announced(container: "InputContainer", stream: "VideoStream") -> int:
    """Return how many frames the file says it shows; 0 where it does not say.

    In an mp4 or mov with an edit list the number of stored frames is another one. FFmpeg marks the frames that the list
    hides, and leaves out of its index what lies behind them.
    """
    if not stream.frames or not _has_index(container):
        return stream.frames
    return sum(not entry.is_discard for entry in stream.index_entries)


def _read_clock(container: "InputContainer", stream: "VideoStream") -> Clock:
    """Return the clock as far as the index of an mp4 or mov shows it without decoding.

    The index has all frames, by when they are decoded.
    """
    clock = Clock(stream.time_base, _list_rates(stream))
    for time in [entry.timestamp for entry in stream.index_entries] if _has_index(container) else [None]:
        clock.add(time)
    return clock


def _has_index(container: "InputContainer") -> bool:
    return container.format.name.split(",")[0] == "mov"


def _describe_frame(frame: "VideoFrame") -> dict:
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


def _describe_media(container: "InputContainer", stream: "VideoStream", reading: Reading) -> dict:
    """Return what ffprobe would say, and what the decode pass found."""
    found, clock, aspect = reading.facts, reading.clock, stream.sample_aspect_ratio
    duration = Fraction(container.duration or 0, 10**6)
    if stream.duration and stream.time_base:
        duration = stream.duration * stream.time_base
    if clock.complete and clock.is_constant and clock.rate:  # the file's own duration counts hidden frames, or sound
        duration = clock.count / clock.rate
    hidden = max(stream.frames - clock.count, 0) if reading.hidden or _has_index(container) else 0
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
        "frames_corrupt": 0,  # a movie with a damaged frame is refused
        "first_time_s": clock.first_s,
        "last_time_s": clock.last_s,
        "is_constant_rate": clock.is_constant,
        "has_clock": clock.complete,
        **({"frames_hidden": hidden} if hidden else {}),
        **lens_of_tags({**stream.metadata, **container.metadata}),
    }


def _check_upright(file: str, found: dict, media: dict) -> None:
    if found["rotation_deg"] % 90 or found["is_mirrored"]:
        turn = "mirrored" if found["is_mirrored"] else f"turned by {found['rotation_deg']} degrees"
        raise ShotError(f"{file}: the file asks to be {turn}; transcode it upright ({KEY})")
    wide, high = media["pixel_aspect"]
    if wide != high and found["rotation_deg"]:
        raise ShotError(f"{file}: asks to be turned and its pixels are {wide}:{high}; transcode it upright ({KEY})")


def _read_luma_plane(frame: Any) -> np.ndarray:
    """Return the Y plane as it is stored, without colour conversion: (H, W) uint8. Deep formats are cut to 8 bits."""
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
