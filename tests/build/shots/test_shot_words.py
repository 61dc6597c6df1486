"""Shots by any name that a file can have: taken everywhere, or refused in one line that tells a name that works."""

import json
import os
import random
import shutil
import sys
from pathlib import Path

import pytest

from helpers.shows.attack import make_small, shot_yaml
from helpers.shows.project import Project
from shotmake.tasks.shots.quote_shot_name import quote, suggest_name, unquote, why_refused

NAMES = ["1010", "sc010 (1)", "R&D", "take#2", "a=b", "true", "null", "\u00e9t\u00e9", "-dash", "[x]", "it's", "a.b",
         "~x", "1e3", "50%", "a*b", "a@b:c", "{d}", "$x", "a\\b", "back\\", "a+b",
         "say \"hi\"", "(x)", "x" * 150]  # fmt: skip
REFUSED = {
    "a,b": "has a comma, which stands between several shots in shot=; rename it, to a_b.yaml say",
    "sc010.yaml": "ends in a suffix twice; rename it, to sc010.yaml say",
    " lead": "begins or ends with a space; rename it, to lead.yaml say",
    "'q'": "begins with a quote; rename it, to q.yaml say",
    "${x}": "has ${, which begins an interpolation; rename it, to x.yaml say",
    "glob(*)": "is a function of Hydra's; rename it, to glob.yaml say",
    "_self_": "is a word of Hydra's; rename it, to self.yaml say",
    "tab\tled": "has a character that cannot be seen; rename it, to tab_led.yaml say",
    "line\nfeed": "has a character that cannot be seen; rename it, to line_feed.yaml say",
    "latin\udce9": "is not UTF-8; rename it, to latin.yaml say",
    "y" * 240: f"has 240 bytes, at most 200 are allowed; rename it, to {'y' * 64}.yaml say",
}
AS_SHOWN = {"tab\tled": "tab\\tled", "line\nfeed": "line\\nfeed", "latin\udce9": "latin\\udce9"}


def own_name(name: str) -> str:
    """shot.name of the shot in that file."""
    return f"shot{NAMES.index(name):02}"


@pytest.fixture(scope="module")
def show(tmp_path_factory, small_movie: Path) -> Project:
    """A shot of each name; nothing is built."""
    project = make_small(tmp_path_factory.mktemp("names") / "R&D [x] #1 100%", small_movie)
    project.remove_other_shots("none")
    for name in NAMES:
        project.write_shot(name, shot_yaml(own_name(name)))
    return project


@pytest.fixture(scope="module")
def bad(show, tmp_path_factory) -> Project:
    """Beside them those that are refused, and one of a name that doit has no use for, with a fault in it."""
    root = tmp_path_factory.mktemp("bad") / "show"
    shutil.copytree(show.root, root)
    project = Project(root)
    for name in REFUSED:
        project.write_shot(name, shot_yaml("never"))
    project.write_shot("no=use*%", "shot: [\n")
    return project


def test_what_hydra_is_handed_is_what_it_reads():
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import Quote, QuotedString

    chosen, parser = random.Random(17), OverridesParser.create()
    texts = ["".join(chosen.choices("ab\\\\'\"'\\ =,#&()[]{}~*:\u00e9", k=chosen.randint(1, 7))) for _ in range(500)]
    for text in [*NAMES, *REFUSED, *texts]:
        word = quote(text, always=True)
        assert parser.parse_overrides([f"shot={word}"])[0].value() == text == unquote(word)
        assert unquote(QuotedString(text, Quote.double).with_quotes()) == text
        plain = parser.parse_overrides([f"shot={quote(text)}"])[0].value()
        assert plain == text and type(plain) is str
    assert quote("sc010_0040") == "sc010_0040"  # nothing changes for names that need nothing


def test_refused_names_come_with_one_that_works():
    assert not any(why_refused(name) for name in NAMES)
    assert {name for name in REFUSED if why_refused(name)} == set(REFUSED)
    assert not any(why_refused(suggest_name(name)) for name in REFUSED)


def test_doit_takes_every_name_by_itself_and_all_together(show):
    ran = show.built("plan")
    assert sorted(ran.executed) == sorted(f"plan:{own_name(name)}" for name in NAMES)
    for name in NAMES:
        assert show.built("plan", f"shot={name}").executed == [f"plan:{own_name(name)}"], name
    listed = show.built("list", "--all", f"shot={NAMES[1]}").out
    assert f"plan:{own_name(NAMES[1])}" in listed
    several = show.built("plan", "shot=R&D,true,sc010 (1)", "tracking=fast")
    assert several.executed == [f"plan:{own_name(name)}" for name in ("R&D", "true", "sc010 (1)")]


def test_a_name_typed_with_its_accent_is_the_file_that_a_mac_stored(show):
    composed, stored = "caf\u00e9", "cafe\u0301"
    path = show.write_shot(stored, shot_yaml("coffee"))
    try:
        assert show.built("plan", f"shot={composed}").executed == ["plan:coffee"]
        assert show.python(f"shot={composed}", "task=footage").code == 0
    finally:
        path.unlink()


@pytest.mark.parametrize("name", ["1010", "sc010 (1)", "R&D", "a=b", "true", "null", "[x]", "it's", "a\\b", "-dash"])
def test_hydras_command_line_takes_it(show, name):
    ran = show.python(f"shot={name}", "--cfg", "job")
    assert ran.code == 0 and f"name: {own_name(name)}" in ran.out, ran.err
    ran = show.python(f"shot={name}", "task=plan")
    assert ran.code == 0 and f"plan:{own_name(name)}" in ran.out, ran.err


CHOICE = "shot=choice('R&D',true,1010)"


@pytest.mark.parametrize("words", [("shot=glob(*)",), (), (f"shot={','.join(NAMES)}",), (CHOICE,)])
def test_a_sweep_takes_them_all(show, words):
    ran = show.python("-m", *words, "task=plan")
    names = ["R&D", "true", "1010"] if CHOICE in words else NAMES
    assert ran.code == 0 and ran.err == "", ran.err
    assert sorted(ran.executed) == sorted(f"plan:{own_name(name)}" for name in names)


def test_a_launcher_of_hydras_takes_them(show):
    ran = show.python("-m", "shot=R&D,1010,sc010 (1)", "task=plan", "hydra/launcher=joblib", "jobs=2")
    assert ran.code == 0, ran.err
    assert {own_name(name) for name in ("R&D", "1010", "sc010 (1)")} <= set(ran.out.replace(":", " ").split())


def lines_of(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if line.startswith("conf/shot/") or ": broken: " in line)


def test_refused_names_take_no_other_shot_down(bad):
    shown = {AS_SHOWN.get(name, name): line for name, line in REFUSED.items()}
    wanted = sorted(f"conf/shot/{name}.yaml: the file's name {line}" for name, line in shown.items())
    for words in (("footage",), ("plan",), ("verify",)):
        ran = bad.run(*words)
        assert ran.code == 1 and "Traceback" not in ran.err, ran.err
        assert [line for line in lines_of(ran.err) if "the file's name" in line] == wanted
        good = [f"{words[0]}:{own_name(name)}" for name in NAMES]
        assert set(good) <= set(ran.executed), ran.out
    listed = bad.run("list", "--all")
    assert listed.code == 0 and "config:no%3Duse%2A%25" in listed.out and "config:a,b" in listed.out, listed.err
    for words in (("shot=glob(*)",), ()):
        ran = bad.python("-m", *words, "task=footage")
        assert ran.code == 1 and "Traceback" not in ran.err
        assert [line for line in lines_of(ran.err) if "the file's name" in line] == wanted, ran.err


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("a,b", "glob(*)", "'q'")])
def test_a_refused_name_asked_for_is_one_line(bad, name):
    for ran in (bad.run(f"shot={name}"), bad.python(f"shot={name}")):
        assert ran.code == 1 and len(ran.fault_lines) == 1 and REFUSED[name] in ran.fault_lines[0], ran.err


def test_presets_by_any_name(show):
    """From the command line, from the shot's own nesting, and through Hydra."""
    for name in ("1080", "true", "R&D (2)"):
        text = (show.root / "conf" / "tracking" / "fast.yaml").read_text()
        (show.root / "conf" / "tracking" / f"{name}.yaml").write_text(text.replace("min_tracks: 120", "min_tracks: 77"))
        in_yaml = name if name != "R&D (2)" else f"'{name}'"
        show.write_shot("own", f"shot: {{name: own, footage: {{file: a.mp4}}, tracking: {{preset: {in_yaml}}}}}\n")
        code = (
            "import sys; from shotmake.tasks.shots.shots import load_shot\n"
            "for words in (['1010', f'tracking={sys.argv[1]}'], ['own']):\n"
            "    shot = load_shot(words[0], tuple(words[1:]))\n"
            "    print(shot.faults, shot.config and shot.config.tracking.detect.min_distance_px)"
        )
        ran = show.doit_with(sys.executable, "-c", code, name)
        assert ran.out.splitlines() == ["() 18.0"] * 2, ran.out + ran.err
        ran = show.python("shot=own", "--cfg", "job")
        assert ran.code == 0 and "min_distance_px: 18" in ran.out, ran.err
        (show.root / "conf" / "shot" / "own.yaml").unlink()


def test_a_text_with_backslashes_reaches_the_config_as_it_was_typed(show):
    code = (
        "from shotmake.tasks.shots.shots import load_shot\n"
        "print(load_shot('1010', ('shot.footage.file=a\\\\b (1)\\\\####.exr',)).config.shot.footage.file)"
    )
    assert show.doit_with(sys.executable, "-c", code).out == "a\\b (1)\\####.exr\n"


def test_new_writes_names_that_yaml_reads_otherwise_and_refuses_others_with_one_that_works(show):
    for name in ("2020", "on", "1e5"):
        ran = show.built("new", f"shot={name}", "file=footage/mini.mp4")
        assert f"next: doit shot={name}" in ran.out
        assert show.built("footage", f"shot={name}").executed == [f"footage:{name}"]
        (show.root / "conf" / "shot" / f"{name}.yaml").unlink()
    for name, other in {"sc010 (2)": "sc010_2", "sc020.yaml": "sc020", "z" * 300: "z" * 64}.items():
        ran = show.run("new", f"shot={name}", "file=footage/mini.mp4")
        assert ran.code == 1 and len(ran.fault_lines) == 1 and f"; {other} would do" in ran.fault_lines[0], ran.err


def test_a_broken_file_by_the_name_of_another_shot_fails_alone(show):
    """It has no shot.name, so its tasks go by the name of its file."""
    path = show.write_shot(own_name("R&D"), "shot: [\n")
    try:
        ran = show.run("plan")
        assert ran.code == 1 and len(ran.fault_lines) == 1 and f"conf/shot/{path.name}" in ran.err, ran.err
        assert set(ran.executed) >= {f"plan:{own_name(name)}" for name in NAMES}
    finally:
        path.unlink()


def test_a_shot_name_too_long_for_the_disk_is_refused_with_its_limit(show):
    path = show.write_shot("long", shot_yaml("n" * 129))
    try:
        ran = show.run("plan", "shot=long")
        assert ran.code == 1 and len(ran.fault_lines) == 1, ran.err
        assert "conf/shot/long.yaml: shot.name: found 129 characters; needed at most 128" in ran.err
        path.write_text(shot_yaml("n" * 128, more="  preview: {enabled: false}\n  solve: {enabled: false}\n"))
        ran = show.built("shot=long", "tracking.qc.min_tracks_per_frame=9", "tracking.detect.min_distance_px=11.5")
        assert json.loads(next((show.root / "build").glob("nnn*@*/report.json")).read_text())["frames"]
    finally:
        path.unlink()
    assert os.listdir(show.root / ".gsd-state" / "locks") is not None
