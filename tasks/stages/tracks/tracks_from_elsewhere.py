"""Tracks from elsewhere (tracking.session_file): where they lie, and how their frames become plate frames."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from shotmake.config.format_registry import Format
from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.files.input_file import NO_SUCH_FILE, check_file, find_file_fault
from shotmake.tasks.blender.private_blender import name_file_in_faults, run_script
from shotmake.tasks.engine.inputs.files_behind import BEHIND, add_behind
from shotmake.tasks.engine.stage import Job
from shotmake.tasks.engine.state.partial_files import make_part_path
from shotmake.tasks.show import get_show_folder, get_state_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.formats.tracks.named_tracks import NamedTracks

KEY = "tracking.session_file"
FIRST_KEY = "tracking.session_first_frame"
LIBRARIES = ("Library",)  # a .blend's clip and tracks may come from libraries; of the clip only the size is read
OURS = ("tracks_npz", "tracks_csv")  # our formats: always in plate frames


def list_named(config: Config) -> list[str]:
    """Return the files of tracks, as the config names them."""
    given = config.tracking.session_file or []
    return [given] if isinstance(given, str) else given


def is_blend(name: str) -> bool:
    """Return whether a name is that of a .blend."""
    return name.lower().endswith(".blend")


def list_session_files(config: Config) -> dict[str, Path]:
    """Return the files that a shot takes its tracks from, and the libraries of a .blend.

    A file is named by its path, or as `doit sessions` names a session. Raises ShotError when one is missing.
    """
    found = {}
    for number, name in enumerate(list_named(config)):
        ours = get_state_folder() / "tracking" / "sessions" / name / "tracks.npz"
        path = (
            ours
            if find_file_fault(get_show_folder() / name) and not find_file_fault(ours)
            else get_show_folder() / name
        )
        if find_file_fault(path) == NO_SUCH_FILE:
            raise ShotError(f"{name}: no such session; needed a file of tracks, or a name of doit sessions ({KEY})")
        found[f"session {number}"] = check_file(path, name, KEY, "a file of tracks, or a name of doit sessions")
    return add_behind(found, kinds=LIBRARIES)


def list_session_inputs(job: Job) -> list[Path]:
    """Return the files of tracks among a job's inputs, without the files that they name."""
    return [path for name, path in job.inputs.items() if name.startswith("session ") and BEHIND not in name]


def read_sessions(job: Job, plate: "Plate", first: int, last: int) -> "NamedTracks":
    """Read all files of tracks, side by side, in plate frames first..last.

    Raises ShotError when no marker lies in these frames.
    """
    from shotmake.formats.tracks.named_tracks import merge_named

    read = [_read(job, path, plate) for path in list_session_inputs(job)]
    merged = merge_named(read, first, last)
    if not len(merged.tracks):
        frames = sorted({frame for one in read for frame in one.tracks.frame.tolist()})
        raise ShotError(_explain_no_marker(list_session_inputs(job), frames, plate, first, last))
    return merged


def _explain_no_marker(paths: list[Path], frames: list[int], plate: "Plate", first: int, last: int) -> str:
    """Return what is wrong with files of tracks, whose markers lie in these `frames`, none of them in first..last.

    A key is named only where it can help.
    """
    told = f"{', '.join(path.name for path in paths)}: no marker in the frames {first} to {last}"
    if not frames:
        return f"{told}, and in no other; check {KEY}"
    are_ours = [_find_format(path).word in OURS for path in paths]
    keys = [] if all(are_ours) else [FIRST_KEY]
    if any(plate.first_frame <= frame <= plate.last_frame for frame in frames):
        keys.append("shot.footage.frame_range")
    elif any(are_ours) and plate.kind == "movie":  # a sequence has the numbers in its names
        keys.append("shot.footage.first_frame")
    kind = "plate frames " if all(are_ours) else ""
    held = f"theirs are {kind}{frames[0]} to {frames[-1]}"
    return f"{told}; {held}; check {' and '.join([KEY, *keys])}"


def _read(job: Job, path: Path, plate: "Plate") -> "NamedTracks":
    """Read one file; its frames become plate frames."""
    from importlib import import_module

    from shotmake.formats.tracks.named_tracks import shift_frames

    format = _find_format(path)
    reader = import_module(f"shotmake.formats.{format.module}")
    size_px = (plate.size_px[0], plate.size_px[1])
    by_blender = is_blend(path.name)
    found = _read_by_blender(job, path, size_px, reader) if by_blender else reader.read(path, size_px)
    given = job.settings["session_first_frame"]
    if given is not None and format.word not in OURS:
        return shift_frames(found, given - 1)
    return found if found.clip_first is None else shift_frames(found, plate.first_frame - found.clip_first)


def _find_format(path: Path) -> Format:
    from shotmake.formats.detect import format_of

    return format_of(path, "tracks", KEY)


def _read_by_blender(job: Job, path: Path, size_px: tuple[int, int], reader: Any) -> "NamedTracks":
    """Read a .blend with Blender, in Blender's own process."""
    made = make_part_path(job.targets["tracks"].with_name("blend_tracks.npz"))
    try:
        with name_file_in_faults("read_tracks.py", path.name, KEY):
            run_script("read_tracks.py", [f"--file={path}", f"--out={made}"], job.settings["executable"])
        return reader.read(made, size_px)
    finally:
        made.unlink(missing_ok=True)
