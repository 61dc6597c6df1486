"""An edited cut, read with OpenTimelineIO (and its CMX 3600 adapter for EDLs): which frames of which media it uses."""

import subprocess
import zipfile
from dataclasses import asdict, dataclass
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path

from shotmake.errors import ShotError, quote_error
from shotmake.files.file_kind_and_size import check_size, decode_utf8, read_utf8
from shotmake.files.json_file import check_brackets, parse_json
from shotmake.files.own_process import make_command, make_environment
from shotmake.files.zip_file import ZIP_FAULTS, check_directory
from shotmake.limits import get_limits, make_limit_fault
from shotmake.numbers_in_words import tell_apart

SECONDS_MAX = 120
CONTENT = "content.otio"  # the cut in a bundle (.otioz, .otiod)


@dataclass(frozen=True)
class CutClip:
    """One clip of a cut.

    name: as in the cut; media: where its media may be, as paths or plain names, the best first; first, count: the
    frames that are used, in the media's own time, with the frames that transitions use; media_first: that time of the
    media's first frame, None if the cut does not say it; still: whether it shows one frame.
    """

    name: str
    media: tuple[str, ...]
    rate: Fraction
    first: int
    count: int
    media_first: int | None
    still: bool

    def to_json(self) -> dict:
        """Return the clip as plain values."""
        return {**asdict(self), "rate": str(self.rate)}

    @classmethod
    def from_json(cls, record: dict) -> "CutClip":
        """Read a clip from the values of to_json."""
        return cls(**{**record, "media": tuple(record["media"]), "rate": Fraction(record["rate"])})


def read_cut(path: Path, rate: Fraction | None = None) -> list[CutClip]:
    """Read the clips of the video tracks, in order.

    rate: the rate of an EDL's timecode; None = the lowest rate that fits.

    OpenTimelineIO runs in a process of its own (shotmake.new_shot.list_clips_process), because some files make it die.
    Raises ShotError for a file that is not a cut, and where OpenTimelineIO is not installed.
    """
    if find_spec("opentimelineio") is None:
        raise ShotError("cut=: needs OpenTimelineIO; pip install -e '.[editorial]'")
    _check_file(path)
    command = make_command("shotmake.new_shot.list_clips_process", str(path.absolute()), str(rate or ""))
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS_MAX, env=make_environment()
        )
    except subprocess.TimeoutExpired as error:
        found = f"OpenTimelineIO was not done after {SECONDS_MAX} s"
        raise ShotError(f"{path.name}: {found}; needed a shorter cut, check cut=") from error
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())[-120:]
        found = f"OpenTimelineIO ended with code {done.returncode} {said}".rstrip()
        raise ShotError(f"{path.name}: not a cut that OpenTimelineIO reads ({found}); check cut=")
    answer = parse_json(done.stdout.decode(), path.name, "cut=")
    if "fault" in answer:
        raise ShotError(f"{path.name}: not a cut that OpenTimelineIO reads ({answer['fault']}); check cut=")
    return [CutClip.from_json(one) for one in answer["clips"]]


def _check_file(path: Path) -> None:
    """Check the size of a cut and how deep its brackets are nested. Raises ShotError above the limits.

    OpenTimelineIO's parser dies of such a file, and Python with it.
    """
    kind = path.suffix.lower()
    if kind == ".otiod" and path.is_dir():
        path = path / CONTENT
        if not path.is_file():
            raise ShotError(f"{path.parent.name}: found no {CONTENT} in it; needed a cut (cut=)")
    size = check_size(path, "cut_mb", "cut=")
    if kind == ".otioz":
        try:
            with open(path, "rb") as file:
                check_directory(file, size, path.name, "cut=")
            with zipfile.ZipFile(path) as bundle:
                size = bundle.getinfo(CONTENT).file_size
                if size > get_limits().cut_mb * 10**6:
                    size_mb = tell_apart(size / 1e6, get_limits().cut_mb, ".0f")
                    raise make_limit_fault(path.name, f"a cut of {size_mb} MB in it", "cut_mb", "cut=")
                check_brackets(decode_utf8(bundle.read(CONTENT), path.name, "cut="), path.name, "cut=")
        except (*ZIP_FAULTS, KeyError) as error:
            said = quote_error(error, 120)
            raise ShotError(f"{path.name}: not a cut that OpenTimelineIO reads ({said}); check cut=") from error
    elif kind in (".otio", ".otiod"):
        check_brackets(read_utf8(path, "cut_mb", "cut="), path.name, "cut=")
