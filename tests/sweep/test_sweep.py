"""The end of a sweep on a real small plate: the ranking, sweep.json, sweep.html, and what a search is told."""

import json
import re
import sys
from html.parser import HTMLParser

import pytest

from helpers.shows import attack
from helpers.shows.project import Project, open_in_process
from shotmake.tasks.commands.sweep import search

# What follows when doit has run, for variants given as "shot=mini tracking=fast".
CONCLUDE = """
import sys
import dodo
from shotmake.tasks.stages import lens_lenders
from shotmake.tasks.commands.sweep import results as sweep
from shotmake.tasks.shots.shots import load_shot
from shotmake.tasks.shots.variants_file import get_folder
variants = []
for line in sys.argv[1:]:
    name, *words = line.removeprefix("shot=").split()
    shot = load_shot(name, tuple(words))
    variants.append((shot, lens_lenders.build_graph(shot, dodo.GRAPH._stages) if shot.config else None))
sweep.conclude(variants, get_folder([(shot.name, shot.overrides) for shot, _ in variants]))
"""
OBJECTIVES = """
import sys
import dodo
from shotmake.tasks.commands.sweep import results as sweep
for line in sys.argv[1:]:
    print("cost", sweep.find_cost("mini", tuple(line.split())))
"""
BROKEN = "shot=mini tracking.detect.min_tracks=x"
VARIANTS = ("shot=mini", "shot=mini tracking=fast", "shot=mini tracking.solve.kind=tripod")


@pytest.fixture(scope="module")
def swept(tmp_path_factory, small_once: Project) -> Project:
    """A project with three variants built, one of them refused."""
    project = attack.copy_of(small_once, tmp_path_factory.mktemp("swept") / "show")
    project.built("solve", *VARIANTS[1].split())
    assert "refused" in project.run("solve", *VARIANTS[2].split()).out
    return project


def conclude(project: Project, *variants: str) -> tuple[str, dict, str]:
    """What it says, sweep.json, sweep.html."""
    ran = project.doit_with(sys.executable, "-c", CONCLUDE, *variants)
    assert ran.code == 0, ran.err
    page = project.root / ran.out.splitlines()[-1].strip()
    return ran.out, json.loads(page.with_name("sweep.json").read_text()), page.read_text()


@pytest.fixture(scope="module")
def concluded(swept) -> tuple[str, dict, str]:
    return conclude(swept, *VARIANTS, BROKEN)


class Checked(HTMLParser):
    """Every tag that is opened is closed, and nothing comes from elsewhere."""

    def __init__(self, page: str):
        super().__init__()
        self.open, self.tags = [], []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_ranking(concluded):
    out, sweep, _ = concluded
    (shot,) = sweep["shots"]
    first, second, refused, failed = shot["variants"]
    assert {first["variant"], second["variant"]} == {"mini", "mini@tracking=fast"}
    assert [one["rank"] for one in shot["variants"]] == [1, 2, 3, None]
    assert (refused["verdict"], failed["verdict"]) == ("refused", "failed")
    assert "turning camera" in refused["reason"] and "needed a whole number" in failed["reason"]
    assert first["verdict"] == "solved" and first["agree_pct"] > 90 and 0.05 < first["referee_px"] < 0.5
    assert first["frames_pct"] == second["frames_pct"] == 100
    assert shot["referee"]["tracks"] > 60 and not shot["referee"]["turns"]
    lines = out.splitlines()
    table = [line for line in lines if re.match(r" +[-\d] +mini", line)]
    assert [line.split()[1] for line in table] == [one["variant"] for one in shot["variants"]]


def test_the_page_is_whole_and_needs_nothing_else(concluded):
    _, sweep, page = concluded
    found = Checked(page)
    links = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    assert links == [f"../../../{one['folder']}/" for one in sweep["shots"][0]["variants"]]
    assert not {"script", "link", "img"} & {tag for tag, _ in found.tags} and "http" not in page
    curves = [attributes["d"] for tag, attributes in found.tags if attributes.get("class") == "curve"]
    assert len(curves) == 2 + 3 + 2 and max(curve.count("L") for curve in curves) == 39
    assert "prefers-color-scheme: dark" in page


def test_the_same_bytes_again(swept, concluded):
    files = sorted((swept.root / "build" / "sweeps").rglob("sweep.*"))
    before = [path.read_bytes() for path in files]
    assert len(files) == 2 and conclude(swept, *VARIANTS, BROKEN)[1:] == concluded[1:]
    assert [path.read_bytes() for path in files] == before


def test_what_variants_share_is_paid_once(swept, concluded):
    costs = {one["variant"]: one["cost"] for one in concluded[1]["shots"][0]["variants"]}
    plate = next((swept.root / ".gsd-state" / "tracking" / "footage").glob("*.stamp.json"))
    seconds = json.loads(plate.read_text())["timing"]["seconds"]
    tracks, solve = costs["mini@tracking=fast"], costs["mini@tracking.solve.kind=tripod"]
    assert costs["mini"]["reused_s"] == 0
    assert tracks["seconds"] > tracks["reused_s"] == pytest.approx(seconds, abs=1e-3)
    assert solve["seconds"] > solve["reused_s"] > seconds + 0.1  # the plate and the tracks


def test_a_variant_without_a_build_is_said_and_one_alone_is_not_judged(swept):
    _, sweep, _ = conclude(swept, "shot=mini")
    (alone,) = sweep["shots"][0]["variants"]
    assert sweep["shots"][0]["referee"] is None and alone["referee_px"] is None
    assert (alone["verdict"], alone["rank"]) == ("solved", 1)
    _, sweep, _ = conclude(swept, "shot=mini tracking=fast", "shot=mini tracking=high_quality")
    assert sweep["shots"][0]["variants"][1]["reason"] == "tracks was not built"


def test_the_referees_tracks_are_the_same_whatever_a_variant_says(tmp_path, swept):
    """Nobody chooses his judge: neither by settings, nor by a mask that hides all that is difficult."""
    code = CONCLUDE.split("sweep.conclude(")[0] + "print(*[node.key for node in sweep.make_referee_nodes(variants)])"
    hiding = "tracking.mask.shapes=[{points_px:[[0,0],[300,0],[300,100]]}]"
    words = (*VARIANTS, f"shot=mini {hiding}", "shot=mini tracking.engine=blender")
    ran = swept.doit_with(sys.executable, "-c", code, *words)
    assert ran.code == 0 and len(ran.out.split()) == 1, (ran.out, ran.err)
    other = swept.doit_with(sys.executable, "-c", code, *words, "shot=mini shot.footage.frame_range=[1,30]")
    assert len(other.out.split()) == 2


def test_trackers_and_solvers_are_judged_on_the_same_footage(tmp_path, swept, thorough):
    """Ours and Blender's, in all four combinations."""
    if not thorough:
        pytest.skip("--kills 200")
    project = attack.copy_of(swept, tmp_path / "show")
    engines = [(tracker, solver) for tracker in ("opencv", "blender") for solver in ("colmap", "blender")]
    variants = [f"shot=mini tracking.engine={tracker} tracking.solve.engine={solver}" for tracker, solver in engines]
    for variant in variants:
        project.built("solve", *variant.split())
    _, sweep, _ = conclude(project, *variants)
    ranked = sweep["shots"][0]["variants"]
    assert [one["rank"] for one in ranked] == [1, 2, 3, 4]
    by_engines = {tuple(word.split("=")[1] for word in one["overrides"]): one for one in ranked}
    assert by_engines[("opencv", "colmap")]["verdict"] == "solved" and set(by_engines) == set(engines)
    for one in ranked:  # on so small a plate a solver may refuse
        assert one["verdict"] == "refused" and one["reason"] or one["agree_pct"] > 90 and one["referee_px"] < 0.5, one


def test_what_a_search_is_told_is_finite_and_smaller_for_the_better(swept):
    ran = swept.doit_with(
        sys.executable, "-c", OBJECTIVES, "", "tracking.solve.kind=tripod", "tracking.detect.min_tracks=x"
    )
    assert ran.code == 0, ran.err
    costs = [float(line.split()[1]) for line in ran.out.splitlines() if line.startswith("cost")]
    assert 0.05 < costs[0] < 0.5 and costs[1:] == [100, 100]


def test_the_same_words_go_on_with_the_same_study(monkeypatch, tmp_path, capsys):
    open_in_process(monkeypatch, tmp_path)
    words = [search.WORD, "shot=mini", "hydra.sweeper.n_trials=3"]
    space, study = search.begin(words)
    assert space == "+hydra/search=tracking" and search.begin([*words, "hydra.sweeper.n_jobs=2"])[1] == study
    assert search.begin([*words, "tracking=fast"])[1] != study
    assert search.begin([*words, "+hydra/search=mine", "hydra.sweeper.study_name=b"]) == []
    search.get_result_file().write_text(
        "{name: optuna, best_value: 0.25, best_params: {tracking.detect.min_tracks: 80}}"
    )
    search.end([*words, "tracking.detect.min_tracks=80,90"])
    assert capsys.readouterr().out.endswith("doit shot=mini tracking.detect.min_tracks=80\n")


@pytest.mark.parametrize(("words", "space"), [([], "tracking"), (["+hydra/search=mine"], "mine")])
def test_a_search_without_a_good_trial_says_so_and_proposes_no_command(monkeypatch, tmp_path, capsys, words, space):
    open_in_process(monkeypatch, tmp_path)
    search.begin([search.WORD, "shot=mini", *words])
    search.get_result_file().write_text("{name: optuna, best_value: 100.0, best_params: {tracking.clean.a: 80}}")
    search.end([search.WORD, "shot=mini", *words])
    out = capsys.readouterr().out
    assert out.startswith("   no trial has a camera that the referee's tracks bear out; widen params in conf/hydra/")
    assert f"search/{space}.yaml" in out and "doit" not in out and "px" not in out
