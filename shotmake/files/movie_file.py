"""The one way to open a movie with FFmpeg when anybody may have written it: it is checked before a frame is decoded."""

from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.errors import ShotError, quote_error
from shotmake.files.check_mp4_tables import check_boxes
from shotmake.files.file_kind_and_size import measure_file
from shotmake.files.self_contained_movies import open_alone
from shotmake.limits import get_limits, make_limit_fault

if TYPE_CHECKING:
    from av.container import InputContainer


def open_movie(path: Path, file: str, key: str) -> "InputContainer":
    """Open a movie. Pictures in it that are larger than the limit, whatever the header says, are not decoded.

    file: its name in the config, which starts the message.
    Raises ShotError for a file that is no movie, is empty, or announces too much.
    """
    if not measure_file(path, key, file):
        raise ShotError(f"{file}: found an empty file, not a movie; copy it again ({key})")
    check_boxes(path, file, key)
    most_px = str(get_limits().movie_mpx * 10**6)
    try:
        container = open_alone(path, key, file, {"max_pixels": most_px})
    except list_movie_faults() as error:
        raise ShotError(f"{file}: not a movie that can be read ({quote_error(error)}); check {key}") from error
    for stream in container.streams.video:
        coding = stream.codec_context  # None where FFmpeg has no decoder
        if coding is not None and coding.width * coding.height > int(most_px):
            container.close()
            raise make_limit_fault(file, f"a movie of {coding.width}x{coding.height}", "movie_mpx", key)
        if coding is not None:
            coding.options = {"max_pixels": most_px}  # for the stream itself, which may say another size than the file
    return container


def list_movie_faults() -> tuple[type[BaseException], ...]:
    """Return the errors that PyAV raises for a damaged movie."""
    from av.error import FFmpegError

    return (FFmpegError, OSError, ValueError, MemoryError, OverflowError, RuntimeError)
