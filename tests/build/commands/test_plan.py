"""`doit plan`: what would run and why, what is reused and from where; it builds nothing."""

import json
import os

from helpers.shows.project import Project


def plan(project: Project, *words: str) -> dict[str, tuple[str, str]]:
    """Stage -> (verdict, reason)."""
    before = snapshot(project)
    ran = project.built("plan", "shot=mini", *words)
    assert snapshot(project) == before, "plan changed something on disk"
    lines = [line.strip() for line in ran.out.splitlines() if line.startswith("   ")]
    rows = {}
    for line in lines:
        stage, rest = line.split(None, 1)
        verdict = next((v for v in ("up to date", "may run", "reuse", "run", "by name") if rest.startswith(v)), "")
        rows[stage] = (verdict, rest.removeprefix(verdict).strip())
    return rows


def snapshot(project: Project) -> dict[str, int]:
    files = (path for path in project.root.rglob("*") if path.is_file() and "cache.sqlite" not in path.name)
    return {str(path): os.stat(path).st_mtime_ns for path in files if path.suffix != ".pyc"}


def verdicts(rows) -> dict[str, str]:
    return {stage: verdict for stage, (verdict, _) in rows.items()}


def test_a_built_shot_is_up_to_date_and_its_session_solved(built):
    rows = plan(built)
    assert rows.pop("render") == ("by name", "0 of 40 frames are there; doit render makes them")
    assert set(verdicts({k: v for k, v in rows.items() if k != "session"}).values()) == {"up to date"}
    assert rows["session"][1] == "solved, 40 of 40 frames"


def test_a_new_shot_runs_everything_and_has_no_session(mini):
    rows = plan(mini)
    assert rows["footage"] == ("run", "never built") and rows["solve"][0] == "may run"
    assert rows["session"][1] == "created"


def test_the_changed_key_is_named_with_both_values(built):
    rows = plan(built, "tracking.detect.min_tracks=130", "composite.shadow_catcher=false")
    assert rows["tracks"][0] == "run" and rows["tracks"][1].startswith("tracking.detect.min_tracks: 120 -> 130")
    assert rows["scene"][0] == "may run" and "composite.shadow_catcher: true -> false" in rows["scene"][1]
    assert rows["footage"][0] == "up to date" and rows["publish"][0] == "run"


def test_another_blender_runs_libmv_again_and_nothing_else_before_the_scene(built):
    rows = plan(built, "composite.blender.version=5.0")
    assert (rows["tracks"][0], rows["solve"][0]) == ("up to date", "up to date")
    built.built("solve", "shot=mini", "tracking.solve.engine=blender")
    rows = plan(built, "tracking.solve.engine=blender")
    assert rows["solve"][0] == "up to date"
    rows = plan(built, "tracking.solve.engine=blender", "composite.blender.version=5.0")
    assert rows["tracks"][0] == "up to date" and rows["solve"][0] == "run"
    assert "composite.blender.version: auto -> 5.0" in rows["solve"][1]


def test_the_plan_of_a_composite_key_touches_neither_tracks_nor_solve(built):
    rows = plan(built, "composite.shadow_catcher=false")
    assert rows["scene"] == ("run", "composite.shadow_catcher: true -> false")
    assert {stage for stage, verdict in verdicts(rows).items() if verdict == "up to date"} >= {"tracks", "solve"}


def test_a_changed_plate_is_named(built):
    plate = built.root / "footage" / "mini.mp4"
    plate.write_bytes(plate.read_bytes().replace(b"x264 - core", b"x265 - core"))
    rows = plan(built)
    assert rows["footage"] == ("run", "input plate 0 changed (mini.mp4)") and rows["publish"][0] == "may run"


def test_a_raised_version_is_named(built):
    built = built.with_own_code()
    path = built.root / "tasks" / "stages" / "stmap.py"
    path.write_text(path.read_text().replace("version=1,", "version=2,"))
    assert plan(built)["stmap"] == ("run", "version of the stage: 1 -> 2")


def test_what_will_be_reused_is_named_with_its_place_and_then_is(built):
    """A group that changes no marker: the same tracks under another key, so the same solve."""
    words = ("tracking.groups={all: [{frame: 1, box_px: [0, 0, 480, 270]}]}",)
    ran = built.built("tracks", "shot=mini", *words)
    assert "the same as" not in ran.out
    rows = plan(built, *words)
    assert rows["solve"][0] == "reuse" and rows["solve"][1].startswith(".gsd-state/tracking/solves/mini-")
    ran = built.built("solve", "shot=mini", *words)
    assert f"the same as {rows['solve'][1]}" in ran.out


def test_equal_results_are_adopted_across_keys(built):
    """The shot under another name: its plate and tracks are the same; solve.json names the shot, so it is not."""
    path = built.root / "conf" / "shot" / "mini.yaml"
    path.write_text(path.read_text().replace("name: mini", "name: twin"))
    ran = built.built("shot=mini")
    adopted = [line for line in ran.out.splitlines() if "the same as" in line]
    assert any("tracking/footage/mini-" in line for line in adopted), ran.out
    assert any("tracking/sessions/mini-" in line for line in adopted), ran.out
    solve = json.loads((built.root / "build" / "twin" / "solve.json").read_text())
    assert solve["shot"] == "twin"  # and not the twin's


def test_a_plate_changed_and_changed_back_is_made_again_not_taken_for_its_own_past(built):
    """The key holds no contents: where the first plate's result lay, the second one's lies now."""
    plate = built.root / "footage" / "mini.mp4"
    first = plate.read_bytes()
    (path,) = (built.root / ".gsd-state" / "tracking" / "footage").glob("mini-????????????.json.stamp.json")
    before = json.loads(path.read_text())["inputs"]
    plate.write_bytes(first.replace(b"x264 - core", b"x265 - core"))
    assert built.built("footage", "shot=mini").executed == ["footage:mini"]
    plate.write_bytes(first)
    ran = built.built("footage", "shot=mini")
    assert ran.executed == ["footage:mini"] and "the same as" not in ran.out
    assert json.loads(path.read_text())["inputs"] == before
    path.write_text(path.read_text().replace(before["plate 0"], "0" * 64))  # damaged: nor for itself
    built.built("footage", "shot=mini")
    assert json.loads(path.read_text())["inputs"] == before
    assert built.built("shot=mini").executed == []


def test_a_pinned_solve_is_kept_whatever_changes(built):
    (path,) = (built.root / ".gsd-state" / "tracking" / "solves").glob("mini-????????????.json")
    key = path.stem.removeprefix("mini-")
    words = (f"tracking.solve.pin={key}", "tracking.clean.min_frames=9")
    rows = plan(built, *words)
    assert rows["solve"][0] == "up to date" and "pinned" in rows["solve"][1]
    built.built("shot=mini", *words)
    (folder,) = (built.root / "build").glob("mini@*")
    assert (folder / "solve.json").read_bytes() == path.read_bytes()
    path.write_bytes(path.read_bytes()[:-9])
    ran = built.run("solve", "shot=mini", *words)
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "changed" in ran.fault_lines[0], ran.err
    ran = built.run("solve", "shot=mini", "tracking.solve.pin=0123456789ab")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "tracking.solve.pin: found no" in ran.fault_lines[0]
