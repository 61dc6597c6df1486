"""From rendered frames to a movie for viewing."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np

from shotmake.errors import ShotError
from shotmake.files.picture_file import open_picture

KEY = "composite.render"
BT709 = 1  # the number of ISO/IEC 23091-2 for primaries, transfer and matrix
VIDEO_RANGE = 1  # FFmpeg's number for 16-235


def write_render_movie(
    path: Path,
    frames: list[Path],
    frame_rate: Fraction,
    pixel_aspect: Fraction = Fraction(1),
    is_raw: bool = False,
    on_frame: Callable[[int], None] = lambda count: None,
) -> None:
    """Write frames (EXR, or PNG as shown) as an H.264 movie, one after the other, over black.

    EXR goes through Blender's "Standard" view, which is the sRGB curve. is_raw: EXR is written as it is, because its
    numbers mean no light.
    """
    import av

    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frame_rate, options={"crf": "16", "preset": "medium"})
        stream.pix_fmt = "yuv420p"
        for count, file in enumerate(frames, 1):
            picture = read_shown(file, is_raw)
            picture = picture[: picture.shape[0] // 2 * 2, : picture.shape[1] // 2 * 2]  # 4:2:0 wants even sizes
            if count == 1:
                stream.height, stream.width = picture.shape[:2]
                stream.thread_count = 2
                coding = stream.codec_context
                coding.sample_aspect_ratio = pixel_aspect
                coding.colorspace = coding.color_primaries = coding.color_trc = BT709
                coding.color_range = VIDEO_RANGE
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace="ITU709", dst_color_range="MPEG")
            container.mux(stream.encode(frame))
            on_frame(count)
        container.mux(stream.encode())


def read_shown(path: Path, is_raw: bool) -> np.ndarray:
    """Return a rendered EXR or PNG as (H, W, 3) uint8 RGB, as a viewer shows it over black."""
    values = _read(path)[..., :3]  # premultiplied, as OpenImageIO gives both
    if path.suffix == ".exr" and not is_raw:
        linear = np.clip(values, 0.0, 1.0)
        values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.power(linear, 1 / 2.4) - 0.055)
    return (np.clip(np.nan_to_num(values), 0.0, 1.0) * 255 + 0.5).astype(np.uint8)


def check_whole(path: Path) -> None:
    """Check that a frame can be read to its end. Raises ShotError when it cannot, as when the disk was full."""
    with open_picture(path, KEY) as (source, spec):
        if source.read_scanlines(spec.height - 1, spec.height, 0, 0, 4, "float") is None:
            raise ShotError(f"{path.name}: Blender wrote no whole frame; run doit again")


def _read(path: Path) -> np.ndarray:
    """Return the first four channels, which are RGBA, as (H, W, 4) float32."""
    with open_picture(path, KEY) as (source, _):
        pixels = source.read_image(0, 0, 0, 4, "float")
    if pixels is None:
        raise ShotError(f"{path.name}: cannot be read; run doit again")
    return pixels
