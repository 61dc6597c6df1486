"""The one way to open a movie with FFmpeg when anybody may have written it: it is checked before a frame is decoded."""

from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.errors import ShotError, said_by
from shotmake.files.containers import open_alone
from shotmake.files.movie_boxes import check_boxes
from shotmake.files.regular_file import file_size
from shotmake.limits import limits, over_limit

if TYPE_CHECKING:
    from av.container import InputContainer


def open_movie(path: Path, file: str, key: str) -> "InputContainer":
    """Open a movie. Pictures in it that are larger than the limit, whatever the header says, are not decoded.

    file: its name in the config, which starts the message.
    Raises ShotError for a file that is no movie, is empty, or announces too much.
    """
    if not file_size(path, key, file):
        raise ShotError(f"{file}: found an empty file, not a movie; copy it again ({key})")
    check_boxes(path, file, key)
    most_px = str(limits().movie_mpx * 10**6)
    try:
        container = open_alone(path, key, file, {"max_pixels": most_px})
    except movie_faults() as error:
        raise ShotError(f"{file}: not a movie that can be read ({said_by(error)}); check {key}") from error
    for stream in container.streams.video:
        coding = stream.codec_context  # None where FFmpeg has no decoder
        if coding is not None and coding.width * coding.height > int(most_px):
            container.close()
            raise over_limit(file, f"a movie of {coding.width}x{coding.height}", "movie_mpx", key)
        if coding is not None:
            coding.options = {"max_pixels": most_px}  # for the stream itself, which may say another size than the file
    return container


def movie_faults() -> tuple[type[BaseException], ...]:
    """Return the errors that PyAV raises for a damaged movie."""
    from av.error import FFmpegError

    return (FFmpegError, OSError, ValueError, MemoryError, OverflowError, RuntimeError)
