"""Where the show's own files may lie: paths that a file names, links in the way, and what is removed."""

import json
import os
from pathlib import Path

import pytest

from helpers.shows.project import Project, make_project, open_in_process
from shotmake.errors import ShotError
from shotmake.tasks.engine import removable_files, stamp
from shotmake.tasks.engine.state import confined_paths

pytestmark = pytest.mark.fast


@pytest.fixture
def show(tmp_path, monkeypatch) -> Path:
    """An empty show; a folder `outside` lies beside it."""
    root = tmp_path / "show"
    for name in (".gsd-state/solve", "build/mini", "conf"):
        (root / name).mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x").write_text("mine")
    open_in_process(monkeypatch, root)
    forget()
    yield root
    forget()


def forget() -> None:
    """What was found out about links before."""
    confined_paths._is_inside.cache_clear()
    confined_paths._find_real_top.cache_clear()


@pytest.mark.parametrize("name", ["a", "render/a.0001.exr", "sub/../a", "a b", "ü.exr", ".hidden"])
def test_a_name_in_the_folder_is_taken(show, name):
    folder = show / "build" / "mini"
    assert confined_paths.confine(name, folder, folder) == Path(os.path.normpath(folder / name))


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/passwd", "", ".", "..", "a/..", "a\0b", None, 3, ["a"], "../mini", "../mini2/a"]
)
def test_a_name_that_leads_elsewhere_is_refused(show, name):
    folder = show / "build" / "mini"
    with pytest.raises(ShotError, match="needed the name of a file in build/mini"):
        confined_paths.confine(name, folder, folder)


def test_a_link_on_the_way_is_refused_and_a_link_at_the_end_is_the_link_itself(show):
    folder, outside = show / "build" / "mini", show.parent / "outside"
    (folder / "way").symlink_to(outside)
    (folder / "end").symlink_to(outside / "x")
    (folder / "inside").mkdir()
    (folder / "short").symlink_to(folder / "inside")
    with pytest.raises(ShotError):
        confined_paths.confine("way/x", folder, folder)
    assert confined_paths.confine("end", folder, folder) == folder / "end"
    assert confined_paths.confine("short/x", folder, folder) == folder / "short" / "x"  # it stays in the folder


def test_no_folder_is_made_behind_a_link_that_leads_out(show):
    outside = show.parent / "outside"
    (show / ".gsd-state" / "tracking").symlink_to(outside)
    with pytest.raises(ShotError, match=r"\.gsd-state/tracking/sessions: a link leads to"):
        confined_paths.make_folder(show / ".gsd-state" / "tracking" / "sessions")
    assert sorted(path.name for path in outside.iterdir()) == ["x"]


def link_state(show: Path) -> Path:
    """.gsd-state becomes a link to a folder elsewhere."""
    elsewhere = show.parent / "fast"
    (show / ".gsd-state").rename(elsewhere)
    (show / ".gsd-state").symlink_to(elsewhere)
    return elsewhere


@pytest.mark.parametrize(("says", "claimed", "allowed"), [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 1)])
def test_the_state_is_a_link_only_when_the_config_and_the_folder_say_so(show, says, claimed, allowed):
    elsewhere = link_state(show)
    if says:
        (show / "conf" / "config.yaml").write_text(f"show:\n  links: {{.gsd-state: {elsewhere}}}\n")
    if claimed:
        (elsewhere / confined_paths.CLAIM).touch()
    if allowed:
        confined_paths.check_tops()
        assert confined_paths.make_folder(show / ".gsd-state" / "new").is_dir()
    else:
        with pytest.raises(ShotError, match=r"\.gsd-state: a link leads to .*fast"):
            confined_paths.check_tops()


def test_a_config_that_allows_another_link_allows_nothing(show):
    elsewhere = link_state(show)
    (elsewhere / confined_paths.CLAIM).touch()
    (show / "conf" / "config.yaml").write_text("show: {links: {.gsd-state: /mnt/other, /etc: /etc}}\n")
    with pytest.raises(ShotError, match="a link leads to"):
        confined_paths.check_tops()


def stamp_of(path: Path, **tables) -> Path:
    record = path.with_name(f"{path.name}.stamp.json")
    record.write_text(json.dumps({"made_by": {"stage": "x"}, "inputs": {}, "targets": {}, "kept": {}, **tables}))
    return record


def digest_of(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def test_what_a_record_claims_by_name_and_digest_may_go_and_nothing_else(show):
    folder = show / ".gsd-state" / "solve"
    made, edited, other = (folder / f"mini-0123456789ab.{end}" for end in ("json", "npz", "txt"))
    for path in (made, edited, other):
        path.write_text(path.suffix)
    record = stamp_of(made, targets={"solve": digest_of(".json"), "points": digest_of("as it was")})
    known = removable_files.collect_claims([record])
    assert [removable_files.may_remove(path, known) for path in (made, edited, other, record)] == [
        True,
        False,
        False,
        True,
    ]
    left = removable_files.remove_claimed([made, edited, other, record], known, "gc")
    assert left == [edited, other] and not made.exists() and not record.exists() and edited.exists()


@pytest.mark.parametrize("table", ["kept", "state"])
def test_a_record_that_claims_what_lies_elsewhere_is_not_believed(show, caplog, table):
    outside = show.parent / "outside" / "x"
    path = show / ".gsd-state" / "solve" / "mini-0123456789ab.json"
    entry = digest_of("mine") if table == "kept" else str(outside)
    record = stamp_of(path, **{table: {str(outside) if table == "kept" else "solve": entry}})
    assert stamp.read_stamp(record) is None and removable_files.claims_of(record) == {}
    assert "needed the name of a file in .gsd-state; the record is not believed" in caplog.text


def test_a_link_is_not_removed_for_the_file_behind_it(show):
    outside = show.parent / "outside" / "x"
    path = show / ".gsd-state" / "solve" / "mini-0123456789ab.json"
    path.symlink_to(outside)
    record = stamp_of(path, targets={"solve": digest_of("mine")})
    assert not removable_files.may_remove(path, removable_files.collect_claims([record]))


def test_a_shot_that_is_no_file_fails_alone(tmp_path):
    """The others are planned; each fault is one line that names its file."""
    project: Project = make_project(tmp_path / "show")
    shots = project.root / "conf" / "shot"
    (shots / "folder.yaml").mkdir()
    os.mkfifo(shots / "pipe.yaml")
    (shots / "deep.yaml").write_text("[" * 20_000)
    (shots / "again.yaml").write_text("a: &a\n  b: *a\n")
    (shots / "itself.yaml").write_text("# @package _global_\ndefaults: [itself]\nshot: {name: itself}\n")
    chain = "".join(f"a{n}: ${{a{n - 1}}}${{a{n - 1}}}\n" for n in range(1, 40))
    (shots / "chain.yaml").write_text(f"# @package _global_\na0: x\n{chain}")
    (shots / "ring.yaml").write_text(
        "# @package _global_\nshot: {name: '${tracking.x}'}\ntracking: {x: '${shot.name}'}\n"
    )
    ran = project.run("plan")
    broken = ["again", "chain", "deep", "folder", "itself", "pipe", "ring"]
    assert ran.code == 1 and "footage    run" in ran.out and "Traceback" not in ran.err
    for name in broken:
        lines = [line for line in ran.err.splitlines() if f"{name}.yaml" in line]
        assert lines and len(lines[0]) < 400, (name, ran.err)


def test_newer_state_is_refused_in_one_line(tmp_path):
    project = make_project(tmp_path / "show")
    (project.root / ".gsd-state").mkdir(exist_ok=True)
    (project.root / ".gsd-state" / "format.json").write_text('{"schema": 7}\n')
    for words in ([], ["plan"], ["gc", "force=true"], ["clean"]):
        ran = project.run(*words)
        line = ".gsd-state/format.json: found state of schema 7; this shotmake knows 1"
        assert ran.code == 1 and ran.err.startswith(line) and ran.err.count("\n") == 1
