"""Names that are offered in place of one that is not there: each is one that a command takes."""

import os
import sys
from pathlib import Path

import pytest

from helpers.shows.project import Project, make_project
from shotmake.tasks.shots import did_you_mean, quote_shot_name

PLAIN = "shot: {name: mini, footage: {file: footage/none.mp4}}\n"


def odd_files(folder: Path, stem: str) -> None:
    """What looks like <stem>N.yaml in a listing and is no file to be read."""
    (folder / f"{stem}1.yaml").mkdir()
    (folder / f".{stem}2.yaml").write_text(PLAIN)
    os.mkfifo(folder / f"{stem}3.yaml")  # a reader would wait for it without end
    (folder / f"{stem}4.yaml").symlink_to("nowhere.yaml")
    (folder / f"{stem}5.yaml").symlink_to(f"{stem}5.yaml")
    (folder / f"{stem}6.yml").write_text(PLAIN)
    (folder / f"{stem}7.yaml").symlink_to("/dev/zero")


def test_only_files_that_can_be_read_have_names_to_offer(tmp_path):
    odd_files(tmp_path, "mini")
    (tmp_path / "mini.yaml").write_text(PLAIN)
    (tmp_path / "linked.yaml").symlink_to("mini.yaml")
    assert did_you_mean.list_yaml_names(tmp_path) == ["linked", "mini"]
    assert did_you_mean.list_yaml_names(tmp_path / "not there") == []


def test_a_hint_names_the_nearest_or_all_or_as_many_as_fit():
    assert did_you_mean.make_hint("fats", ["balanced", "fast"]) == "did you mean fast?"
    assert did_you_mean.make_hint("x", ["balanced", "fast"]) == "there are: balanced, fast"
    assert did_you_mean.make_hint("x", []) == "there are none"
    many = did_you_mean.make_hint("x", [f"sc{number:04}" for number in range(1000)])
    assert many.endswith("sc0039 and 960 more") and len(many) < 400


@pytest.fixture
def show(tmp_path: Path) -> Project:
    show = make_project(tmp_path / "show")
    show.remove_other_shots("none of them")
    odd_files(show.root / "conf" / "shot", "mini")
    for name in ("mini,8", " mini9", "true\u200bmini"):
        show.write_shot(name, PLAIN)
    return show


def test_shots_and_lenses_that_no_command_takes_are_not_offered(show):
    show.write_shot("other", "shot: {name: other, footage: {file: a.mp4}, camera: {lens_from: mini}}\n")
    (line,) = show.run("plan", "shot=mini").fault_lines
    assert line == "shot=mini: no conf/shot/mini.yaml; there are: other"
    code = "from shotmake.tasks.shots import shots; from shotmake.tasks.stages import lens; "
    code += "lens.list_files(shots.load_shot('other').config)"
    said = show.doit_with(sys.executable, "-c", code).err
    assert "mini: no such shot (there are none) and no such file; check shot.camera.lens_from" in said
    show.write_shot("minim", PLAIN)
    (line,) = show.run("plan", "shot=mini").fault_lines
    assert line == "shot=mini: no conf/shot/mini.yaml; did you mean minim?"
    assert "no conf/shot/minim.yaml" not in show.run("plan", "shot=minim").err  # as it was told


def test_a_preset_that_cannot_be_read_is_named_and_not_offered(show):
    odd_files(show.root / "conf" / "tracking", "fastt")
    show.write_shot("minim", PLAIN)
    for asked, said in {
        "fastt1": "conf/tracking/fastt1.yaml: found a folder; needed a YAML file; did you mean fast?",
        "fastt3": "conf/tracking/fastt3.yaml: found a pipe; needed a YAML file; did you mean fast?",
        "fastt8": "no conf/tracking/fastt8.yaml; did you mean fast?",
        "nonesuch": "no conf/tracking/nonesuch.yaml; there are: balanced, fast, high_quality, tripod",
    }.items():
        (line,) = show.run("plan", "shot=minim", f"tracking={asked}").fault_lines
        assert line == f"command line: tracking={asked}: {said}"


def test_a_name_to_rename_a_file_to_is_no_other_shots(monkeypatch):
    there = ["a,b"]
    monkeypatch.setattr(quote_shot_name, "list_shot_names", lambda: there)
    first = quote_shot_name.suggest_name("a,b")
    assert not quote_shot_name.why_refused(first)
    there += [first, f"{first}_2".upper()]
    assert quote_shot_name.suggest_name(
        "a,b"
    ) == f"{first}_3" and f"to {first}_3.yaml say" in quote_shot_name.why_refused("a,b")
