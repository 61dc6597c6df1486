"""A new release builds nothing again: not what 69f25dd built, which hashed its defaults too, nor for a new key.

data/released/69f25dd.json was written with that release's own code: what it hashed of every config in slice_ways.py,
and the stamps of a show that it really built. Where a stage's version was raised since, there is nothing to hold.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import field, fields, is_dataclass, make_dataclass, replace
from functools import cache

import pytest

from helpers.shows.defaults import defaults_now, faults, flat, kinds, recorded
from helpers.shows.project import DATA, REPOSITORY, Project
from helpers.shows.slice_ways import STAGES, fingerprints, graph, plain, ways
from shotmake.config.check import list_keys
from shotmake.config.schema import Config
from shotmake.tasks.commands.build import plan
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import Node
from shotmake.tasks.shots import composed_configs
from shotmake.tasks.shots.shots import ShotConfig
from shotmake.tasks.stages import lens_lenders
from shotmake.tasks.stages.objects import tracklet_segments as object_segments
from shotmake.tasks.stages.solve import candidates as stored
from shotmake.tasks.stages.tracks import segments

RELEASED = json.loads((DATA / "released" / "69f25dd.json").read_text())
VERSIONS = {stage.name: stage.version for stage in STAGES}
SAME = {name for name, version in RELEASED["versions"].items() if VERSIONS[name] == version}


# footage was raised since: its key is in every other's. The names are held as if it had not been.
FOOTAGE_THEN = {"version": 3, "written": RELEASED["footage_written"]}


# libmv ran in 4.5 whatever composite.blender.version said; where that key is set, tracks by libmv are made again
NEW_SETTINGS = {("libmv tracks", "tracks"): "version"}


def is_as_released(node: Node) -> bool:
    """Whether neither its version nor that of anything it needs was raised, but for footage."""
    return node.stage.name in SAME | {"footage"} and all(is_as_released(need) for need in node.needs)


def test_what_that_release_hashed_is_hashed_the_same():
    now = fingerprints(RELEASED["keys"], NEW_SETTINGS)
    assert now.keys() == RELEASED["fingerprints"].keys()
    for way, known in RELEASED["fingerprints"].items():
        held = {name for name in known if name.partition(".")[0] in SAME}
        assert {name: now[way].get(name) for name in held} == {name: known[name] for name in held}, way
    assert len(SAME) >= 8, "too little is held against that release: record a later one beside it"


def released_shot(name: str) -> ShotConfig:
    tree = plan._add_new_keys(RELEASED["shots"][name]["config"])
    return ShotConfig(name, (), composed_configs.config_of(Config, tree))


def test_what_that_release_built_goes_by_the_names_it_had(monkeypatch):
    """With a witness camera, objects, mattes, a lens of another shot, a mask with feather, an orientation."""
    monkeypatch.setattr(lens_lenders, "load_shot", released_shot)
    monkeypatch.setattr("shotmake.tasks.stages.lens.list_shot_names", lambda: list(RELEASED["shots"]))
    before = slices._read_recorded()
    then = {"left out": {}, "written": FOOTAGE_THEN["written"]}
    known = {**before, "footage": {**before["footage"], str(FOOTAGE_THEN["version"]): then}}
    monkeypatch.setattr(slices, "_read_recorded", lambda: known)
    stages = tuple(
        replace(stage, version=FOOTAGE_THEN["version"]) if stage.name == "footage" else stage for stage in STAGES
    )
    compared = 0
    for name, shot in RELEASED["shots"].items():
        for stage, node in lens_lenders.build_graph(released_shot(name), stages).items():
            own = "." not in stage  # those of a witness camera stand on a footage of their own
            if own and stage in shot["stamps"] and is_as_released(node):
                assert os.path.relpath(node.stamp_path, REPOSITORY) == shot["stamps"][stage], (name, stage)
                compared += 1
    assert compared >= 2 * len(RELEASED["shots"])


def test_what_that_release_stored_in_pieces_is_taken_from_the_store(monkeypatch):
    monkeypatch.setattr(lens_lenders, "load_shot", released_shot)
    monkeypatch.setattr("shotmake.tasks.stages.lens.list_shot_names", lambda: list(RELEASED["shots"]))
    versions = {"segment": segments.VERSION, "found": stored.VERSION, "objects_segment": object_segments.VERSION}
    now = []
    for name in RELEASED["shots"]:
        for kind, version, settings in kinds(released_shot(name).config):
            now += [(kind, slices.describe_maker(kind, version, settings)["settings"])] if kind in versions else []
    found_too = ("first_frame", "color_space", "size_px", "frame_range", "pixel_aspect", "clean")  # of the plate
    for kind, version, settings in RELEASED["pieces"]:
        if versions[kind] == version:
            rest = {name: value for name, value in settings.items() if name not in found_too}
            here = [{name: one[name] for name in one if name not in found_too} for other, one in now if other == kind]
            assert rest in here, kind


# A later release: every block of the schema with a key and a block more.


@cache
def later(schema: type) -> type:
    """The schema's block with a new key and, in it, a new block; the blocks in it too."""
    inner = [(item.name, type(getattr(schema(), item.name))) for item in fields(schema)]
    grown = [(name, later(one), field(default_factory=later(one))) for name, one in inner if is_dataclass(one)]
    new = make_dataclass("New", [("size", int, 3), ("names", list, field(default_factory=list))])
    more = [("new_key", float, 1.5), ("new_block", new, field(default_factory=new)), ("new_list", list | None, None)]
    return make_dataclass(schema.__name__, [*grown, *more], bases=(schema,))


def grown(values):
    """The same config by the later release's schema."""
    if isinstance(values, dict):
        return {name: grown(value) for name, value in values.items()}
    if not is_dataclass(values):
        return values
    return later(type(values))(**{item.name: grown(getattr(values, item.name)) for item in fields(values)})


@pytest.mark.parametrize("version", ["released", "raised"])
def test_new_keys_with_defaults_change_no_key(version, monkeypatch):
    if version == "raised":
        monkeypatch.setattr(slices, "find_written", lambda kind, version: {})
    for way, config in ways().items():
        before, after = graph(config), graph(grown(config))
        assert [node.made_by for node in before.values()] == [node.made_by for node in after.values()], way
        assert {name: node.key for name, node in before.items()} == {name: node.key for name, node in after.items()}
        pieces = [
            [slices.describe_maker(*one) for one in kinds_of(each) if one[0] != "found"] for each in (before, after)
        ]
        assert pieces[0] == pieces[1]


def kinds_of(nodes: dict[str, Node]) -> list:
    return [(node.stage.name, node.stage.version, node.settings) for node in nodes.values()] + [
        ("segment", segments.VERSION, segments.select_reaching(node.settings))
        for node in nodes.values()
        if node.stage.name == "tracks"
    ]


def test_builds_are_given_the_new_keys_and_other_values_than_the_default_count():
    config = grown(plain())
    settings = graph(config)["solve"].settings
    assert settings["new_key"] == 1.5 and settings["camera"]["new_block"] == {"size": 3, "names": []}
    before = graph(config)
    blocks = [(config.tracking.solve, "solve"), (config.tracking.track, "tracks")]
    blocks += [(config.shot.footage.new_block, "footage"), (config.composite.corner_pin, "scene")]
    for block, stage in blocks:
        name = "size" if hasattr(block, "size") else "new_key"
        setattr(block, name, 9)
        after = graph(config)
        assert after[stage].key != before[stage].key
        before = after
    config.tracking.solve.new_list = []  # null is the default
    assert graph(config)["solve"].key != before["solve"].key


def test_equal_is_not_enough_to_be_the_default():
    """1, 1.0 and true are other values to whoever is given them."""
    config = grown(plain())
    before = graph(config)["solve"].key
    config.tracking.solve.new_block.size = 3.0
    assert graph(config)["solve"].key != before


def test_what_is_there_under_a_condition_only_is_hashed_though_all_in_it_is_default():
    """A block that a stage adds by hand, one in a list, one by a name of the user: with it and without it differ."""
    some = slices.slice_block(plain().tracking.track)
    told = slices.describe_maker("new", 1, {"by_hand": some, "several": [some, some], "named": {"a": some}})["settings"]
    assert told == {"by_hand": {}, "several": [{}, {}], "named": {"a": {}}}
    assert slices.describe_maker("new", 1, slices.slice_block(plain().tracking, "track") | {"by_hand": some})[
        "settings"
    ] == {"by_hand": {}}


def test_a_default_that_changes_asks_for_a_version():
    now, known = defaults_now(), recorded()
    assert faults(known, now) == ([], [])
    version, tracked = now["tracks"]
    moved, new = faults(known, now | {"tracks": (version, tracked | {"track.pattern_px": 23})})
    assert moved == ["tracks: track.pattern_px: 21 -> 23; raise the version of tracks"] and new == []
    moved, new = faults(known, now | {"tracks": (version, tracked | {"mask.feather_px": 0})})  # 0.0 is recorded
    assert moved == ["tracks: mask.feather_px: 0.0 -> 0; raise the version of tracks"] and new == []
    gone = {name: value for name, value in tracked.items() if name != "clean.action"}
    assert "clean.action" in faults(known, now | {"tracks": (version, gone)})[0][0]
    assert faults(known, now | {"tracks": (version, tracked | {"track.new": 1})}) == (
        [],
        ["tracks: track.new is not recorded"],
    )
    raised = faults(known, now | {"tracks": (version + 1, tracked)})
    assert raised == ([], [f"tracks: version {version + 1} is not recorded"])


def test_every_key_that_stages_read_has_its_default_recorded():
    """So that the ways of slice_ways.py leave none out: a key that some stage hashes, by name, in some slice."""
    names = {name.rpartition(".")[2] for kind in recorded().values() for version in kind.values()
             for part in version.values() for name in flat(part)}  # fmt: skip
    by_hand = {"shot.name", "shot.export", "shot.cameras", "tracking.enabled", "tracking.session_first_frame",
               "shot.camera.lens_max_fit_px", "shot.camera.st_map_direction", "tracking.objects.enabled"}  # fmt: skip
    assert {key for key in list_keys() if key.rpartition(".")[2] not in names} <= by_hand


# Through the command line, with a shotmake of its own


@pytest.fixture
def upgraded(built: Project) -> Project:
    """The built show, with a schema that has a new key in every block."""
    project = built.with_own_code()
    project.built("shot=mini")
    assert project.built("shot=mini").executed == []
    path = built.root / "shotmake" / "config" / "schema.py"
    head = r"(@dataclass\nclass \w+:\n(?:    \"\"\"(?:.|\n)*?\"\"\"\n)?)"
    text, count = re.subn(head, r"\1    new_key: float = key(1.5)\n", path.read_text())
    assert count >= 25
    path.write_text(text)
    return project


def state(project: Project) -> dict[str, tuple]:
    found = [path for name in (".gsd-state", "build") for path in (project.root / name).rglob("*") if path.is_file()]
    stats = {str(path.relative_to(project.root)): path.stat() for path in found}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()
            if "cache.sqlite" not in name and "/locks/" not in name and "verify" not in name}  # fmt: skip


def test_a_release_with_new_keys_builds_nothing(upgraded):
    before = state(upgraded)
    ran = upgraded.built("plan", "shot=mini")
    rows = [line.split() for line in ran.out.splitlines() if line.startswith("   ")]
    assert {tuple(row[1:4]) for row in rows if row[0] not in ("render", "session")} == {("up", "to", "date")}, ran.out
    assert upgraded.built("shot=mini").executed == []
    assert upgraded.built("verify", "shot=mini").fault_lines == []
    assert "0 files" in upgraded.built("gc", "force=true").out
    assert state(upgraded) == before
    ran = upgraded.built("plan", "shot=mini", "tracking.track.new_key=2", "tracking.qc.new_key=7")
    assert "tracking.track.new_key: 1.5 -> 2.0" in ran.out and "tracking.qc.new_key: 1.5 -> 7.0" in ran.out, ran.out
    assert ran.out.count("->") == 2, ran.out
    ran = upgraded.run("report", "shot=mini", "tracking.preview.new_key=2", "tracking.solve.orient.new_key=1")
    assert ran.code == 0 and set(ran.executed) == {"solve:mini", "preview:mini", "report:mini"}, ran.out + ran.err


def test_the_record_refuses_a_default_that_changed_without_a_version(tmp_path):
    for name in ("shotmake", "tasks", "tests"):
        ignored = shutil.ignore_patterns("__pycache__", "*.npz", "*.mp4")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=ignored)
    shutil.copy(REPOSITORY / "dodo.py", tmp_path)
    record = [sys.executable, str(tmp_path / "tests" / "build" / "engine" / "test_defaults.py")]
    known = (tmp_path / "tasks" / "engine" / "defaults.json").read_text()
    assert subprocess.run(record, cwd=tmp_path).returncode == 0
    assert (tmp_path / "tasks" / "engine" / "defaults.json").read_text() == known
    path = tmp_path / "shotmake" / "config" / "schema.py"
    text = path.read_text()
    path.write_text(text.replace("zoom: bool = key(False)", "zoom: bool = key(True)"))
    done = subprocess.run(record, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1 and "solve: zoom: false -> true; raise the version of solve" in done.stderr
    assert (tmp_path / "tasks" / "engine" / "defaults.json").read_text() == known
    path.write_text(text.replace("zoom: bool = key(False)", "zoom: bool = key(False)\n    new: int = key(5)"))
    assert subprocess.run(record, cwd=tmp_path).returncode == 0
    added = json.loads((tmp_path / "tasks" / "engine" / "defaults.json").read_text())
    (version,) = added["solve"].values()
    assert version["left out"]["new"] == 5 and "new" not in version["written"]
