"""What `doit render` leaves in build/<shot>/: render/<shot>.####.exr and render.mp4.

`composite.render.frames` only chooses frames, so it makes no variant: all ranges go to one folder. Frames of other
ranges stay there as long as they are what would be rendered now. Frames of other settings never stay beside new ones.
"""

import re
from dataclasses import replace
from pathlib import Path

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.numbers_in_words import count_of, share_of
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.commands.build import publish
from shotmake.tasks.engine import frame_sequences as sequence
from shotmake.tasks.engine.copies_in_build import place_copies, remove_copies
from shotmake.tasks.engine.faults_in_one_line import as_failed, guard_check, tell_faults
from shotmake.tasks.engine.frame_sequences import Sequence
from shotmake.tasks.engine.processes.locks import hold_lock
from shotmake.tasks.engine.stage import Node, make_doit_task
from shotmake.tasks.engine.stamp import read_stamp, why_different
from shotmake.tasks.shots.shots import ShotConfig
from shotmake.tasks.show import get_show_folder, name_in_show
from shotmake.tasks.stages import render

PICKS = re.compile(r"\+*(shot\.)?composite\.render\.frames=")
FOLDER, MOVIE, RECORD = "render", "render.mp4", ".rendered.json"


def make_task(node: Node, shots: list[ShotConfig], names: dict[Path, str]) -> dict:
    """Return the doit task of a render, for all shots and variants that share this node."""
    made = make_doit_task(node, names)
    name = names[node.stamp_path]
    return {
        **made,
        "actions": [*made["actions"], *((tell_faults(name, publish_render), [shot, node, name]) for shot in shots)],
        "uptodate": [guard_check(lambda: not any(why_not_current(shot, node) for shot in shots))],
        "clean": [
            *made["clean"],
            (tell_faults(name, sequence.clean), [node]),
            *((tell_faults(name, clean), [shot]) for shot in shots),
        ],
    }


def strip_frames(shot: ShotConfig) -> ShotConfig:
    """Return the shot without the overrides that only choose frames."""
    return replace(shot, overrides=tuple(word for word in shot.overrides if not PICKS.match(word)))


def place_of(shot: ShotConfig) -> Path:
    """Return the folder in build/ for the shot's render."""
    return publish.find_folder(strip_frames(shot))


def publish_render(shot: ShotConfig, node: Node, name: str) -> TaskFailed | None:
    """Publish a render under its lock. Return None, or a failed task when it cannot be published."""
    place = place_of(shot)
    try:
        with hold_lock(f"publish-{place.name}", name):
            count = _publish(shot, node, place)
    except Exception as error:
        failed = as_failed(name, error, place)
        if failed is None:
            raise
        return failed
    terminal_output.say(f"   {count_of(count, 'frame')} in {(place / FOLDER).relative_to(get_show_folder())}")
    return None


def _publish(shot: ShotConfig, node: Node, place: Path) -> int:
    stored = sequence.from_node(node)
    if stored is None or node.why_stale():
        raise ShotError("something it is made of went or changed; run doit again")
    frames = {path.name: path for path in [*publish.frames_of(node), *_list_current(place, stored)]}
    sources = {f"{FOLDER}/{name}": path for name, path in sorted(frames.items())}
    for path in stored.files.values():  # a file that is read must not be replaced: the next frame would read our copy
        if path.is_relative_to(place) and str(path.relative_to(place)) in sources:
            raise ShotError(f"{name_in_show(path)}: it is read and would be replaced; copy it elsewhere")
    sources[MOVIE] = node.targets["movie"]
    made_by = {"stage": "render", "shot": shot.name, "key": stored.key}
    state = {"render": name_in_show(node.stamp_path)}  # gc needs to know from what the copies were made
    place_copies(place, place / RECORD, made_by, sources, publish.make_note(strip_frames(shot)), state=state)
    return len(frames)


def _list_current(place: Path, stored: Sequence) -> list[Path]:
    """Return the frames placed before, of any range, that are as they would be made now."""
    placed = [name.partition("/")[2] for name in _read_record(place)["targets"] if name.startswith(f"{FOLDER}/")]
    numbers = [int(name.split(".")[-2]) for name in placed]
    return [
        stored.path_of(number)
        for number in numbers
        if stored.path_of(number).name in placed and stored.find_stored(number)
    ]


def _read_record(place: Path) -> dict:
    return read_stamp(place / RECORD) or {"made_by": {}, "targets": {}}


def is_made(shot: ShotConfig, node: Node) -> bool:
    """Return whether the render was ever asked for. Only then is it checked."""
    return node.stamp_path.is_file() or (place_of(shot) / RECORD).is_file()


def why_not_current(shot: ShotConfig, node: Node, thorough: bool = False) -> str:
    """Return "" when the frames asked for and the movie are made and published, else the reason why not.

    `thorough` reads every byte again instead of trusting stat.
    """
    wanted = {f"{FOLDER}/{path.name}" for path in publish.frames_of(node)} | {MOVIE}
    reason = node.why_stale(thorough) or why_published_stale(shot, node, thorough)
    missing = sorted(wanted - set(_read_record(place_of(shot))["targets"]))
    return reason or (f"{missing[0]} was not published" if missing else "")


def why_wrong(shot: ShotConfig, node: Node) -> str:
    """Return "" when a render is right, else what is wrong, for `doit verify`. Each byte is read again.

    The frames asked for are checked when they were all made. All that was published is checked.
    """
    reason = node.why_stale(thorough=True) if node.stamp_path.is_file() else ""
    published = (place_of(shot) / RECORD).is_file()
    return reason or (why_published_stale(shot, node, thorough=True) if published else "")


def why_published_stale(shot: ShotConfig, node: Node, thorough: bool = False) -> str:
    """Return "" when what was published is there as it was placed, and is what would be rendered now; else the reason.

    `thorough` reads every byte again instead of trusting stat.
    """
    place = place_of(shot)
    record, stored = _read_record(place), sequence.from_node(node)
    if stored is None or record["made_by"].get("key") != stored.key:
        where = (place / FOLDER).relative_to(get_show_folder())
        return f"{where} is not of the shot as it is now; doit render makes it anew, doit clean render removes it"
    targets = {name: place / name for name in record["targets"]}
    return why_different("target", record["targets"], targets, thorough)


def describe(node: Node) -> str:
    """Return, in words, how much there is of a render that is not up to date."""
    stored = sequence.from_node(node)
    there = render.count_frames(node, stored) if stored else None
    if there is None:
        return "doit render makes it"
    made, frame_count = there
    if made == frame_count:
        all_of_them = "the one frame is" if made == 1 else f"all {made} frames are"
        return f"{all_of_them} there; doit render publishes {'it' if made == 1 else 'them'} with the movie"
    return f"{share_of(made, frame_count, 'frame')} there; doit render makes {'the others' if made else 'them'}"


def clean(shot: ShotConfig, dryrun: bool) -> None:
    """Remove the published render where it is still as it was published."""
    place = place_of(shot)
    published = publish.find_stamp_path(
        strip_frames(shot)
    ).is_file()  # the published shot has the note on the overrides too
    keep = (publish.OVERRIDES,) if published else ()
    if remove_copies(place, place / RECORD, f"render:{place.name}", dryrun, keep) and not dryrun:
        (place / RECORD).unlink(missing_ok=True)
        if not any(place.iterdir()):
            place.rmdir()
