"""publish: copies of what the artist takes away, under plain names, in build/<shot>/ or build/<shot>@<overrides>/.

A published file that somebody edited is never overwritten: it is moved to <name>.edited-N first.
"""

import hashlib
import shutil
import sys
from pathlib import Path

from doit.exceptions import TaskFailed

from tasks import ROOT
from tasks.digests import digest
from tasks.shots import ShotConfig, slug
from tasks.solve import read_solution
from tasks.stage import Node
from tasks.stamp import json_bytes, part_path, put_in_place, read_stamp, why_stale, write_atomically

NAMES = {
    "blend": "{shot}.blend",
    "preview": "preview.mp4",
    "chan": "camera.chan",
    "undistort": "stmap_undistort.exr",
    "redistort": "stmap_redistort.exr",
    "solve": "solve.json",
    "report": "report.json",
}
OVERRIDES = "overrides.yaml"  # what a variant was built with
WITHOUT_CAMERA = ("preview", "report")  # what a refused shot still shows, beside its solve.json


def folder(shot: ShotConfig) -> Path:
    assert shot.config is not None
    name = shot.config.shot.name
    return ROOT / "build" / (f"{name}@{slug(shot.overrides)}" if shot.overrides else name)


def tasks_of(shot: ShotConfig, nodes: dict[str, Node]) -> list[dict]:
    """The publish task. Which stages it waits for is known only when the solve has spoken, hence `calc_dep`."""
    assert shot.config is not None
    name = shot.config.shot.name
    always = [node.task_name for node in nodes.values() if node.stage.name in ("footage", "tracks", "solve")]
    always += [node.task_name for node in nodes.values() if node.stage.name in WITHOUT_CAMERA]
    rest = [node.task_name for node in nodes.values() if node.task_name not in always]
    publish = {
        "basename": "publish",
        "name": name,
        "doc": f"{folder(shot).relative_to(ROOT)}",
        "actions": [(publish_shot, [shot, nodes])],
        "uptodate": [lambda: not why_unpublished(shot, nodes)],
        "task_dep": always,
        "clean": [(clean, [shot])],
        "verbosity": 2,
    }
    if "solve" not in nodes or {"clean", "forget"} & set(sys.argv[1:]):  # these two follow no calc_dep
        publish["task_dep"] = always + rest
        return [publish]
    verdict = {
        "basename": "_verdict",
        "name": name,
        "actions": [lambda: {"task_dep": [] if refusal(nodes) else rest}],
        "task_dep": [nodes["solve"].task_name],
    }
    publish["calc_dep"] = [f"_verdict:{name}"]
    return [verdict, publish]


def refusal(nodes: dict[str, Node]) -> str:
    """The reason of a refused solve, or ""."""
    if "solve" not in nodes:
        return ""
    solution = read_solution(nodes["solve"].targets["solve"])
    return solution["reason"] if solution["status"] == "refused" else ""


def deliverables(shot: ShotConfig, nodes: dict[str, Node]) -> dict[str, Path]:
    """Published name -> the target it is a copy of."""
    assert shot.config is not None
    refused = bool(refusal(nodes))
    found = {}
    for node in nodes.values():
        if refused and node.stage.name not in (*WITHOUT_CAMERA, "solve"):
            continue
        for name, path in node.targets.items():
            if name in NAMES:
                found[NAMES[name].format(shot=shot.config.shot.name)] = path
    return found


def stamp_path(shot: ShotConfig) -> Path:
    return folder(shot) / ".published.json"


def made_by(shot: ShotConfig) -> dict:
    return {"stage": "publish", "overrides": sorted(shot.overrides)}


def why_unpublished(shot: ShotConfig, nodes: dict[str, Node], thorough: bool = False) -> str:
    """"" when the folder holds exactly what was built, else the reason. A refused solve is never published well."""
    if "solve" in nodes and nodes["solve"].why_stale():
        return "its solve is not up to date"
    reason = refusal(nodes)
    if reason:
        return f"the solve was refused: {reason}"
    sources = deliverables(shot, nodes)
    targets = {name: folder(shot) / name for name in (*sources, *([OVERRIDES] if shot.overrides else []))}
    return why_stale(read_stamp(stamp_path(shot)), made_by(shot), sources, targets, thorough)


def publish_shot(shot: ShotConfig, nodes: dict[str, Node]) -> TaskFailed | None:
    task = f"publish:{nodes['footage'].shot}"
    try:
        count = _publish(shot, nodes)
    except OSError as error:
        if error.filename is None:
            raise
        return TaskFailed(f"{task}: cannot write {error.filename}: {error.strerror}")
    place = folder(shot).relative_to(ROOT)
    reason = refusal(nodes)
    if reason:
        return TaskFailed(f"{task}: the solve was refused: {reason} (see {place}/preview.mp4)")
    print(f"   {count} files in {place}")
    return None


def _publish(shot: ShotConfig, nodes: dict[str, Node]) -> int:
    place = folder(shot)
    place.mkdir(parents=True, exist_ok=True)
    published = (read_stamp(stamp_path(shot)) or {"targets": {}})["targets"]
    sources = deliverables(shot, nodes)
    for name in set(published) - set(sources) - {OVERRIDES}:  # no longer part of the shot
        _make_room(place / name, published[name], "")
    stamp = {"made_by": made_by(shot), "inputs": {}, "targets": {}}
    for name, source in sources.items():
        wanted = digest(source)
        _make_room(place / name, published.get(name), wanted)
        if not (place / name).exists():
            part = part_path(place / name)
            shutil.copyfile(source, part)
            put_in_place(part, place / name)
        stamp["inputs"][name] = stamp["targets"][name] = wanted
    if shot.overrides:
        text = "".join(f"- {_quoted(word)}\n" for word in sorted(shot.overrides)).encode()
        stamp["targets"][OVERRIDES] = hashlib.sha256(text).hexdigest()
        _make_room(place / OVERRIDES, published.get(OVERRIDES), stamp["targets"][OVERRIDES])
        write_atomically(place / OVERRIDES, text)
    write_atomically(stamp_path(shot), json_bytes(stamp))
    return len(sources)


def _make_room(path: Path, published: str | None, wanted: str) -> None:
    """Take the old copy out of the way; what is not as we published it is somebody's work and is kept."""
    if not path.exists():
        return
    found = digest(path)
    if found == wanted:
        return
    if found == published:
        path.unlink()
        return
    number = 1
    while (kept := path.with_name(f"{path.name}.edited-{number}")).exists():
        number += 1
    path.rename(kept)
    print(f"   {path.relative_to(ROOT)} was edited; kept as {kept.name}")


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "''") + "'"


def clean(shot: ShotConfig, dryrun: bool) -> None:
    """`doit clean`: remove what was published and is still as it was published."""
    published = (read_stamp(stamp_path(shot)) or {"targets": {}})["targets"]
    place = folder(shot)
    for name, known in published.items():
        path = place / name
        if path.exists() and digest(path) == known:
            print(f"publish:{place.name} - removing {path.relative_to(ROOT)}")
            if not dryrun:
                path.unlink()
    if not dryrun and published:
        stamp_path(shot).unlink()
        if not any(place.iterdir()):
            place.rmdir()
