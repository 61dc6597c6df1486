"""new: writes conf/shot/<name>.yaml from a plate's header, or one YAML for each clip of a cut. It never overwrites a
file.

`doit new shot=NAME file=PATH`, or `doit new cut=FILE [handles=8] [footage=FOLDER] [rate=25]`.
"""

import os
import re
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from doit.exceptions import TaskFailed

from shotmake.config.check import LONGEST_NAME
from shotmake.config.frame_rates import parse_frame_rate
from shotmake.errors import ShotError
from shotmake.files.input_file import check_file
from shotmake.new_shot.shot_yaml import NAME, make_safe_name, make_shot_yaml
from shotmake.numbers_in_words import count_of
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.engine.inputs.plate_keys import PlateKeys
from shotmake.tasks.engine.state.confined_paths import make_folder
from shotmake.tasks.shots.quote_shot_name import show_name, suggest_name, why_refused
from shotmake.tasks.show import get_conf_folder, get_show_folder

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate_header import MediaHeader
    from shotmake.new_shot.edit_list import CutClip

WORDS = ("shot", "file", "cut", "handles", "footage", "rate")
HANDLES_MAX = 10_000
NAMED_MOST = 8  # characters for the number behind a clip's name that is that of another
# There is no YAML yet whose keys could be changed.
FILE_KEYS, CUT_KEYS = PlateKeys({"file": "file="}), PlateKeys({"file": "cut="})


def is_new(arguments: list[str]) -> bool:
    """Return whether this is `doit new`. Then its words do not name shots that exist."""
    return "new" in [word for word in arguments[1:] if "=" not in word and not word.startswith("-")]


def make_task() -> dict:
    """Return the task of `doit new`."""
    return {
        "basename": "new",
        "doc": "writes a shot's YAML from a plate: shot=NAME file=PATH; or from a cut: cut=FILE handles=8",
        "actions": [write],
        "verbosity": 2,
    }


def write() -> TaskFailed | None:
    """Write the YAML files that the command line asks for. Return None, or a failed task with one line for each fault.

    ShotError is not passed on: its faults become those lines.
    """
    words = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word and not word.startswith("-"))
    unknown = [word for word in words if word not in WORDS]
    try:
        if unknown:
            raise ShotError(f"new: found {unknown[0]}=; it takes {', '.join(f'{word}=' for word in WORDS)}")
        if "cut" in words:
            return _write_for_cut(words)
        if not words.get("shot") or not words.get("file"):
            raise ShotError("new: needed shot=NAME file=PATH, or cut=FILE")
        terminal_output.say(_write_for_plate(words["shot"], words["file"]))
    except ShotError as error:
        return TaskFailed("\n".join(error.faults))
    return None


def _write_for_plate(name: str, file: str) -> str:
    from shotmake.footage.plate_header import as_pattern, read_media_header

    _check_name(name)
    if (get_conf_folder() / "shot" / f"{name}.yaml").exists():
        raise ShotError(f"conf/shot/{name}.yaml: is there already, and stays as it is; choose another shot=")
    with FILE_KEYS.name_in_faults():
        plate = read_media_header(as_pattern(_from_root(file), get_show_folder()), get_show_folder())
    if plate.frame_count < 2:
        raise ShotError(f"{file}: found one frame; needed a movie or an image sequence (file=)")
    first = 1 if plate.first_frame is None else plate.first_frame
    _write(name, make_shot_yaml(name, plate, first))
    return f"   conf/shot/{name}.yaml: {plate.file}, {plate.frame_count} frames; next: doit shot={name}"


def _check_name(name: str) -> None:
    """Check the name of a new shot: it is one that every command and shot.name take. Raises ShotError."""
    would_do = f"{suggest_name(name)} would do"
    if len(name) > LONGEST_NAME:
        found = f"found {len(name)} characters, needed at most {LONGEST_NAME}"
        raise ShotError(f"shot={show_name(name[:40])}...: {found}; {would_do}")
    if not NAME.fullmatch(name) or why_refused(name):
        line = "needed letters, digits, _ . and - only, the first a letter or digit, no suffix"
        raise ShotError(f"shot={show_name(name)}: {line}; {would_do}")


def _write_for_cut(words: dict[str, str]) -> TaskFailed | None:
    """Write one YAML for each clip of a cut. What cannot be written is told at the end."""
    from shotmake.footage.plate_header import IMAGES, MOVIES, find_media, read_media_header
    from shotmake.new_shot.edit_list import read_cut

    path = get_show_folder() / words["cut"]
    check_file(path, words["cut"], "cut=", "a cut: an OTIO file or an EDL")
    handles = words.get("handles", "0")
    if not re.fullmatch(r"\d+", handles) or int(handles) > HANDLES_MAX:
        raise ShotError(f"handles={handles}: needed a number of frames, 0 to {HANDLES_MAX}")
    folder = get_show_folder() / words.get("footage", "footage")
    if not folder.is_dir():
        raise ShotError(f"{words.get('footage', 'footage')}: no such folder; check footage=")
    there = find_media(folder)
    rate = _parse_rate(words["rate"]) if "rate" in words else None
    clips = read_cut(path, rate)
    if rate is None and path.suffix.lower() == ".edl":  # an EDL does not say its rate; its media does
        with CUT_KEYS.name_in_faults():
            rates = {
                read_media_header(file, get_show_folder()).frame_rate
                for clip in clips
                if (file := _find_media(clip, path, folder, there))
            }
        rates.discard(None)  # from sequences that say no rate
        if len(rates) == 1:
            clips = read_cut(path, rates.pop())
    faults, taken = [], set()
    for clip in clips:
        name = make_safe_name(clip.name, (*MOVIES, *IMAGES))[: LONGEST_NAME - NAMED_MOST].rstrip("._-")
        name = _make_unique(name, taken)
        try:
            terminal_output.say(
                _write_for_clip(name, clip, _find_media(clip, path, folder, there), int(handles), path.name)
            )
        except ShotError as error:
            faults += [f"{name}: {fault}" for fault in error.faults]
    if not clips:
        faults.append(f"{path.name}: holds no clip")
    return TaskFailed("\n".join(faults)) if faults else None


def _write_for_clip(name: str, clip: "CutClip", file: str | None, handles: int, cut: str) -> str:
    from shotmake.footage.plate_header import read_media_header

    if file is None:
        raise ShotError(f"no media found for {', '.join(clip.media)}; no YAML written (footage=)")
    if clip.still:
        raise ShotError("a freeze frame: nothing moves in it; no YAML written")
    if (get_conf_folder() / "shot" / f"{name}.yaml").exists():
        raise ShotError(f"conf/shot/{name}.yaml is there already, and stays as it is")
    with CUT_KEYS.name_in_faults():
        plate = read_media_header(file, get_show_folder())
    first = 1 if plate.first_frame is None else plate.first_frame
    start = clip.first - _find_media_first(clip, plate)
    low, high = max(0, start - handles), min(plate.frame_count, start + clip.count + handles) - 1
    if high <= low:
        raise ShotError(f"{_why_too_few(plate, first, (start, clip.count), (low, high))}; no YAML written")
    missing = {"before": handles - (start - low), "after": handles - (high + 1 - start - clip.count)}
    short = [f"{count} of {handles} handles missing {side}" for side, count in missing.items() if count > 0]
    used = f"{first + start} to {first + start + clip.count - 1}"
    note = f"From {cut}, clip {clip.name}: frames {used}, with handles of {handles}."
    _write(name, make_shot_yaml(name, plate, first, (first + low, first + high), clip.rate, note))
    said = f"   conf/shot/{name}.yaml: {plate.file}, frames {first + low} to {first + high}"
    if plate.frame_rate and plate.frame_rate != clip.rate:
        short.append(f"the cut has {clip.rate} frames/s, the media {plate.frame_rate}")
    hidden = count_of(plate.frames_hidden, "frame")
    these = "that one" if plate.frames_hidden == 1 else "one of these"
    if plate.frames_hidden and plate.timecode and clip.media_first is None:
        short.append(f"an edit list hides {hidden} of the media, and its timecode may be of {these}")
    return ", ".join([said, *short])


def _why_too_few(plate: "MediaHeader", first: int, cut: tuple[int, int], found: tuple[int, int]) -> str:
    """Return why a clip gives no shot.

    first: the plate frame number of the plate's first frame; cut: the first frame that the cut uses and how many it
    uses, from 0; found: the first and the last of these that the plate has, equal or in the wrong order.
    """
    start, count = cut
    if found[0] == found[1] and start <= found[0] < start + count:
        cure = ", add handles=" if plate.frame_count > 1 else ""
        return f"the cut uses one frame of {plate.file}, {first + found[0]}; needed two at least{cure}"
    used = f"frames {first + start} to {first + start + count - 1}" if count > 1 else f"frame {first + start}"
    return f"the cut uses {used}; {plate.file} has {first} to {first + plate.frame_count - 1}"


def _find_media_first(clip: "CutClip", plate: "MediaHeader") -> int:
    """Return the number that the cut's time gives to the first frame of the media.

    This is the time that the cut says, or the media's timecode, or 0. Where the cut counts by the frame numbers of a
    sequence, it is the sequence's first number.
    """
    if clip.media_first is not None:
        return clip.media_first
    match = re.fullmatch(r"(\d+):(\d+):(\d+)[:;.](\d+)", plate.timecode)
    if match:
        hours, minutes, seconds, frames = map(int, match.groups())
        return ((hours * 60 + minutes) * 60 + seconds) * round(clip.rate) + frames
    numbered = plate.first_frame
    inside = numbered is not None and numbered <= clip.first < numbered + plate.frame_count
    return numbered if inside and numbered is not None else 0


def _find_media(clip: "CutClip", cut: Path, folder: Path, there: dict[str, str]) -> str | None:
    """Return the clip's plate as a config names it: where the cut says, else by its name in the folder; None when it is
    missing.
    """
    from shotmake.footage.file_names import list_plate_files
    from shotmake.footage.plate_header import as_pattern

    for text in clip.media:
        for place in (cut.parent, get_show_folder()):
            file = as_pattern(_from_root(str(place / text)), get_show_folder())
            try:
                list_plate_files(file, get_show_folder(), missing="skip")
                return file
            except ShotError:  # it is not there; it may be in another place
                continue
    for text in clip.media:
        for key in (Path(text).name.lower(), Path(text).stem.lower()):
            if key in there:
                return _from_root(str(folder / there[key]))
    return None


def _from_root(file: str) -> str:
    """Return the path as seen from the show's folder, if it lies in there."""
    path = Path(os.path.normpath(get_show_folder() / file))
    return path.relative_to(get_show_folder()).as_posix() if path.is_relative_to(get_show_folder()) else str(path)


def _make_unique(name: str, taken: set[str]) -> str:
    """Return the name, or name_2, name_3 ... when another clip has the same name."""
    number, one = 1, name
    while one.lower() in taken:
        number += 1
        one = f"{name}_{number}"
    taken.add(one.lower())
    return one


def _parse_rate(text: str) -> Fraction:
    try:
        rate = parse_frame_rate(text)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 1 <= rate <= 1000:
        raise ShotError(f"rate={text}: needed frames/s, like 24 or 24000/1001")
    return rate


def _write(name: str, text: str) -> None:
    make_folder(get_conf_folder() / "shot")
    try:
        with open(get_conf_folder() / "shot" / f"{name}.yaml", "x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError as error:
        raise ShotError(f"conf/shot/{name}.yaml: is there already, and stays as it is; choose another name") from error
