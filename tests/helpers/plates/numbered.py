"""Movies whose pictures carry their number, and files that hide some of them behind an edit list."""

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np

SIZE = (192, 144)
BITS, SIDE = 8, 24  # the number stands in a row of fields in the middle of the picture, the lowest bit first


def picture(number: int) -> np.ndarray:
    """(H, W, 3) BGR."""
    image = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
    for bit in range(BITS):
        image[64:96, bit * SIDE : (bit + 1) * SIDE] = 225 if number >> bit & 1 else 30
    return image


def number_of(image: np.ndarray) -> int:
    """Of a picture (H, W) or (H, W, 3), whatever was done to its brightness; -1 when it shows none."""
    grey = image.astype(float).reshape(*image.shape[:2], -1).mean(2)
    around, row = np.median(grey[100:124]), grey[72:88]
    levels = [float(np.median(row[:, bit * SIDE + 6 : (bit + 1) * SIDE - 6])) for bit in range(BITS)]
    if min(abs(level - around) for level in levels) <= 0.2 * around:
        return -1
    return sum(int(level > around) << bit for bit, level in enumerate(levels))


def write_numbered(path: Path, count: int = 48, rate: Fraction = Fraction(24), **changes) -> Path:
    """Keyframes every 12, two b-frames between references. times: of the frames, in ticks of `time_base`."""
    import av

    time_base = changes.get("time_base", 1 / rate)
    with av.open(str(path), "w", options=changes.get("container", {})) as container:
        stream = container.add_stream(changes.get("codec", "libx264"), rate=rate)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        stream.time_base = stream.codec_context.time_base = time_base
        stream.options = changes.get("options", {"g": "12", "bf": "2", "crf": "12", "preset": "veryfast"})
        stream.metadata.update(changes.get("metadata", {}))
        for number, time in enumerate(changes.get("times", range(count))):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24").reformat(format="yuv420p")
            frame.pts, frame.time_base = time, time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def copied(source: Path, path: Path, start_s: Fraction, **options: str) -> Path:
    """As `ffmpeg -ss start_s -i source -c copy path`: from the keyframe before, with times that count from the cut."""
    import av

    with av.open(str(source)) as read, av.open(str(path), "w", options=options) as written:
        video = read.streams.video[0]
        stream = written.add_stream_from_template(video)
        read.seek(int(start_s / video.time_base), stream=video, backward=True)
        for packet in read.demux(video):
            if packet.size:
                packet.pts -= int(start_s / video.time_base)
                packet.dts -= int(start_s / video.time_base)
                packet.stream = stream
                written.mux(packet)
    return path


def edited(source: Path, path: Path, edits: Iterable[tuple[Fraction, Fraction | None]]) -> Path:
    """A copy of an mp4 or mov (whose moov box comes last) with this edit list: [(seconds, from which second of the
    media; None = nothing is shown)]. The movie's clock gets the media's ticks, so that no edit is rounded."""

    def change(trak: bytes) -> bytes:
        scale = _timescale(_inside(trak, b"mdia", b"mdhd"))
        lag = _first_composition(trak)  # with b-frames the first picture is shown later than it is decoded
        entries = b"".join(
            struct.pack(">iiI", round(length * scale), -1 if at is None else round(at * scale) + lag, 1 << 16)
            for length, at in edits
        )
        elst = _box(b"elst", struct.pack(">II", 0, len(entries) // 12) + entries)
        boxes = [(kind, body) for kind, body in _boxes(trak) if kind != b"edts"]
        return _joined([boxes[0], (b"edts", elst), *boxes[1:]])

    data = _changed(source.read_bytes(), (b"moov", b"trak"), change)
    scale = _timescale(_inside(data, b"moov", b"trak", b"mdia", b"mdhd"))
    path.write_bytes(_changed(data, (b"moov", b"mvhd"), lambda mvhd: _with_timescale(mvhd, scale)))
    return path


def with_durations(source: Path, path: Path, ticks: list[int]) -> Path:
    """A copy of an mp4 or mov (whose moov box comes last) whose frames last this long, in ticks of the media."""
    runs = [(1, one) for one in ticks]
    stts = struct.pack(">II", 0, len(runs)) + b"".join(struct.pack(">II", *run) for run in runs)
    where = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stts")
    data = _changed(source.read_bytes(), where, lambda body: stts)
    path.write_bytes(data)
    return path


def _changed(data: bytes, where: tuple[bytes, ...], change: Callable[[bytes], bytes]) -> bytes:
    """The same boxes, but for the first one at this path, whose body is changed."""
    boxes, kind = list(_boxes(data)), where[0]
    at = next(index for index, (name, _) in enumerate(boxes) if name == kind)
    body = boxes[at][1]
    boxes[at] = (kind, change(body) if len(where) == 1 else _changed(body, where[1:], change))
    return _joined(boxes)


def _joined(boxes: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(_box(kind, body) for kind, body in boxes)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def _boxes(data: bytes) -> Iterable[tuple[bytes, bytes]]:
    at = 0
    while at < len(data):
        size = struct.unpack(">I", data[at : at + 4])[0]
        assert size >= 8
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _inside(data: bytes, *where: bytes) -> bytes:
    for kind in where:
        data = next(body for name, body in _boxes(data) if name == kind)
    return data


def _timescale(header: bytes) -> int:
    """Of an mvhd or mdhd box."""
    return struct.unpack(">I", header[20:24] if header[0] else header[12:16])[0]


def _with_timescale(mvhd: bytes, scale: int) -> bytes:
    assert mvhd[0] == 0
    return mvhd[:12] + struct.pack(">I", scale) + mvhd[16:]


def _first_composition(trak: bytes) -> int:
    boxes = dict(_boxes(_inside(trak, b"mdia", b"minf", b"stbl")))
    return struct.unpack(">i", boxes[b"ctts"][12:16])[0] if b"ctts" in boxes else 0
