"""Every file of a built shot, damaged in every way: verify names it, and the next build makes it as it was."""

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.shows.attack import (
    SIGNATURE_OF_A_CRASH,
    contents,
    copy_of,
    named_files,
    one_clear_line,
    shot_yaml,
)
from helpers.shows.project import Project
from shotmake.tasks.blender.private_blender import find_python

SEED = 4


def edit_unseen(path: Path, _: Path | None) -> None:
    """Another byte in the middle; as long as before, and as old."""
    stat, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def truncate(path: Path, _: Path | None) -> None:
    os.truncate(path, path.stat().st_size - 1)


def empty(path: Path, _: Path | None) -> None:
    path.write_bytes(b"")


def delete(path: Path, _: Path | None) -> None:
    path.unlink()


def swap(path: Path, others: Path | None) -> None:
    """The same target of another plate, or any other file, with this one's age."""
    stat = path.stat()
    differs = others and others.is_file() and others.read_bytes() != path.read_bytes()
    shutil.copyfile(others if others and differs else __file__, path)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


DAMAGES: tuple[Callable[[Path, Path | None], None], ...] = (edit_unseen, truncate, empty, delete, swap)


@pytest.fixture(scope="module")
def files(small_once) -> dict[str, tuple[str, str]]:
    named = named_files(small_once, "shot=mini")
    assert len(named) >= 20 and any("segments" in path for path in named), named
    return named


def test_verify_names_every_damaged_file_however_it_was_damaged(small, other_once, files, tmp_path, thorough):
    rng = random.Random(SEED)
    pairs = [(path, damage) for path in files for damage in rng.sample(DAMAGES, len(DAMAGES) if thorough else 1)]
    alike = copy_of(small, tmp_path / "alike")  # two at once: half the time

    def faults_of(project: Project, share: list) -> list[str]:
        return [fault for path, damage in share if (fault := verify_one(project, path, damage))]

    def verify_one(project: Project, name: str, damage: Callable) -> str:
        path, task = project.root / name, files[name][0]
        whole = tmp_path / f"whole-{project.root.name}"
        shutil.copy2(path, whole)
        before = path.read_bytes()
        damage(path, other_once.root / name)
        assert not path.is_file() or path.read_bytes() != before, f"{damage.__name__} left {name} as it was"
        ran = project.run("verify", "shot=mini")
        shutil.copy2(whole, path)
        lines = ran.fault_lines
        right = ran.code == 1 and len(lines) == 1 and lines[0].startswith(f"{task}: ") and path.name in lines[0]
        return "" if right else f"{damage.__name__} of {name}: exit {ran.code}, {ran.err}"

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(faults_of, (small, alike), (pairs[::2], pairs[1::2])))
    assert sum(found, []) == []
    assert small.built("verify", "shot=mini").err == ""


def test_the_next_build_repairs_exactly_what_was_damaged(small, small_once, other_once, files, thorough):
    rng = random.Random(SEED)
    chosen = rng.sample(list(files), len(files))
    if not thorough:  # one file of every task, and two more published ones
        chosen = list({files[name][0]: name for name in chosen}.values())
        chosen += [name for name in files if name.startswith("build/") and name not in chosen][:2]
    expected, wrong = contents(small_once, "shot=mini"), []
    for name in chosen:
        task, damage = files[name][0], rng.choice(DAMAGES)
        damage(small.root / name, other_once.root / name)
        ran = small.built("shot=mini")
        needed = {task}
        if name.endswith((".blend", ".mp4")) and not task.startswith("publish"):  # need not come out the same
            after = {"publish:mini", "report:mini"} if name.endswith(".mp4") else {"publish:mini"}
            needed |= after & set(ran.executed)
        if set(ran.executed) != needed:
            wrong.append(f"{damage.__name__} of {name}: ran {ran.executed}")
        kept = list((small.root / "build" / "mini").glob("*.edited-*"))
        if len(kept) != (task == "publish:mini" and damage is not delete):
            wrong.append(f"{damage.__name__} of {name}: kept {kept}")
        for path in kept:
            path.unlink()
        if small.built("shot=mini").executed:
            wrong.append(f"{damage.__name__} of {name}: not repaired")
    assert wrong == [] and small.built("verify", "shot=mini").err == ""
    assert contents(small, "shot=mini") == expected


ADD_LIGHT = """
import sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
light = bpy.data.objects.new("artist_key", bpy.data.lights.new("artist_key", "AREA"))
bpy.context.scene.collection.objects.link(light)
bpy.ops.wm.save_mainfile()
"""
LIST_LIGHTS = """
import sys, bpy
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
print("lights", *sorted(light.name for light in bpy.data.lights))
"""


def blender_says(project: Project, script: str, path: Path) -> str:
    ran = project.doit_with(str(find_python()), "-c", script, str(path))
    assert ran.code == 0, ran.err
    return next((line for line in ran.out.splitlines() if line.startswith("lights")), "")


def test_a_blend_that_an_artist_has_lit_survives_a_rebuild(small):
    blend = small.root / "build" / "mini" / "mini.blend"
    ours = blender_says(small, LIST_LIGHTS, blend)
    blender_says(small, ADD_LIGHT, blend)
    lit = blend.read_bytes()
    small.write_shot("mini", shot_yaml(more="composite: {film_transparent: false}\n"))
    ran = small.built("shot=mini")
    assert {"composite:mini", "publish:mini"} <= set(ran.executed) and "kept as mini.blend.edited-1" in ran.out
    kept = blend.with_name("mini.blend.edited-1")
    assert kept.read_bytes() == lit
    assert "artist_key" in blender_says(small, LIST_LIGHTS, kept).split()
    assert blender_says(small, LIST_LIGHTS, blend) == ours
    assert small.built("verify", "shot=mini").err == "" and small.built("shot=mini").executed == []


@pytest.mark.parametrize(
    "change", [{"kind": "x" * 300}, {"kind": "sequence"}, {"kind": "sequence", "first_frame": 900}], ids=str
)
def test_a_forged_record_of_the_plate_is_a_line_and_is_made_anew(small, change):
    """A stranger changes the record and the digest beside it: nothing says that it was changed."""
    (path,) = small.root.glob(".gsd-state/tracking/footage/mini-????????????.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    stamp = path.with_name(f"{path.name}.stamp.json")
    record = json.loads(stamp.read_text())
    record["targets"]["footage"] = hashlib.sha256(path.read_bytes()).hexdigest()
    stamp.write_text(json.dumps(record))
    for words in (("gc",), ("gc", "force=true"), ("sessions", "shot=mini"), ("plan", "shot=mini")):
        ran = small.run(*words)
        assert SIGNATURE_OF_A_CRASH not in ran.err and "an error of shotmake" not in ran.err, ran.err
    words = ("tracks", "shot=mini", "tracking.detect.min_tracks=57")
    if change["kind"] == "sequence":
        one_clear_line(small.run(*words), "which has no such frame; run doit forget footage")
        assert small.run("forget", "footage", "shot=mini").code == 0
    else:
        one_clear_line(small.run(*words), "kind: found no record of a plate; remove it, and doit makes it anew")
        path.unlink()
    assert small.built(*words).executed[:1] == ["footage:mini"]
