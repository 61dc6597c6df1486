"""Movie files that hold their own pictures.

A playlist shows pictures of other files, which nobody watches, so it is refused.

FFmpeg finds out what a file is by its content, whatever the name says. The list below names the demuxers that read one
file alone. What another demuxer would open is never opened, because FFmpeg applies the list before it reads the header.
"""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.errors import ShotError

if TYPE_CHECKING:  # listing tasks must not load av
    from av.container import InputContainer

# These are left out on purpose, because they open another file or listen to a network: concat, hls, dash, imf, sdp,
# rtsp, rtp, sap, vobsub, mlv (spanned over .M00, .M01, ...), lavfi, avisynth, vapoursynth, svg_pipe, devices. All
# formats without pictures are left out too.
MOVIES = (
    *("mov", "matroska", "avi", "mxf", "mpegts", "mpeg", "asf", "flv", "ogg", "nut", "gxf", "dv", "lxf", "wtv", "swf"),
    *("cine", "ser", "yuv4mpegpipe", "ivf", "obu", "av1", "gif", "apng", "jpegxl_anim", "nuv", "film_cpk"),
    *("h261", "h263", "h264", "hevc", "vvc", "evc", "m4v", "mpegvideo", "mjpeg", "dnxhd", "dirac", "vc1", "cavsvideo"),
    *("avs2", "avs3", "mjpeg_2000", "apv", "flic", "smjpeg", "v210", "v210x"),
)
PICTURES = (
    *("png", "jpeg", "tiff", "exr", "dpx", "bmp", "webp", "gif", "hdr", "j2k", "jpegls", "jpegxl", "jpegxs", "psd"),
    *("pam", "pbm", "pgm", "pgmyuv", "pgx", "ppm", "pfm", "phm", "qoi", "sgi", "sunrast", "pcx", "dds", "cri", "xbm"),
)
SINGLE = "image2"  # a picture known by its file name alone (.tga). It is one file, because patterns are switched off
ALLOWED = ",".join((*MOVIES, *(f"{name}_pipe" for name in PICTURES), SINGLE))
OPTIONS = {
    "format_whitelist": ALLOWED,
    "protocol_whitelist": "file",
    "pattern_type": "none",  # otherwise a file with the name a%03d.png is read as a001.png, a002.png, ...
    "enable_drefs": "0",  # for a QuickTime file whose pictures lie in another file
    "use_absolute_path": "0",
}
NOT_ALLOWED = "Format not on whitelist"
# A file that begins so is refused at once: FFmpeg knows some of these only by the suffix, and each version differs.
PLAYLISTS = (
    (b"ffconcat", "an FFmpeg concat list"),
    (b"#EXTM3U", "an HLS or m3u playlist"),
    (b"<MPD", "a DASH manifest"),
    (b"<asx", "an ASX playlist"),
    (b"[playlist]", "a PLS playlist"),
    (b"RTSPtext", "a link to a stream"),
    (b"[Reference]", "a link to a stream"),
    (b"<CompositionPlaylist", "an IMF playlist"),
    (b"<AssetMap", "an IMF asset map"),
)
HEAD_BYTES = 1024
NEEDED = "needed a movie that holds its own pictures (mov, mp4, mkv, mxf)"


def open_alone(path: Path, key: str, name: str = "", options: dict[str, str] | None = None) -> "InputContainer":
    """Open a movie with a demuxer that reads no other file.

    name: starts the message, "" for the file's own name; options: more options for FFmpeg, beside ours.
    Raises ShotError for a playlist and for any other format that is not allowed. A file that is damaged or no movie
    raises what av raises.
    """
    from av.error import FFmpegError

    check_no_playlist(path, key, name)
    try:
        return _open(path, options)
    except (FFmpegError, OSError, ValueError) as error:
        found = _name_other_format(path, error)
        if found:
            raise ShotError(f"{name or path.name}: found {found}; {NEEDED} ({key})") from error
        raise


def check_shown(path: Path, key: str) -> None:
    """Check a file that Blender is going to show.

    Raises ShotError for a file that Blender would take for a movie and that shows other files' pictures. A picture, and
    a file that is damaged, are left to Blender.
    """
    import OpenImageIO as oiio
    from av.error import FFmpegError

    check_no_playlist(path, key)
    picture = oiio.ImageInput.open(str(path))
    if picture is not None:
        picture.close()
        return
    oiio.geterror()  # takes the error away, so that no later call reports it
    with contextlib.suppress(FFmpegError, OSError, ValueError), open_alone(path, key):
        pass


def check_no_playlist(path: Path, key: str, name: str = "") -> None:
    """Check that a file does not begin as a playlist does.

    Raises ShotError when it does, whatever one version of FFmpeg or another makes of it.
    """
    found = find_playlist_fault(path)
    if found:
        raise ShotError(f"{name or path.name}: {found} ({key})")


def _open(path: Path, options: dict[str, str] | None = None) -> "InputContainer":
    import av

    return av.open(str(path), metadata_errors="replace", options=options, container_options=OPTIONS)


def find_playlist_fault(path: Path) -> str:
    """Return what is wrong with a plate or picture that begins as a playlist does; "" for any other file."""
    found = _find_playlist(path)
    return f"found {found}; {NEEDED}" if found else ""


def _find_playlist(path: Path) -> str:
    """Return which playlist the file begins as, in words; "" for none."""
    with open(path, "rb") as file:
        head = file.read(HEAD_BYTES).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    for beginning, name in PLAYLISTS:
        is_xml = beginning.startswith(b"<") and head.startswith(b"<?xml")
        if head.startswith(beginning.lower()) or (is_xml and beginning.lower() in head):
            return name
    return ""


def _name_other_format(path: Path, error: Exception) -> str:
    """Return the name of a format that is not allowed; "" when the file is only damaged.

    FFmpeg says it in its log alone.
    """
    from av import logging
    from av.error import ArgumentError, FFmpegError

    if not isinstance(error, ArgumentError):
        return ""
    level = logging.get_level()
    logging.set_level(logging.ERROR)
    try:
        with logging.Capture(), _open(path):
            return ""
    except FFmpegError as again:
        log = getattr(again, "log", None)
        return f"the format {log[1]}" if log and NOT_ALLOWED in log[2] else ""
    finally:
        logging.set_level(level)
