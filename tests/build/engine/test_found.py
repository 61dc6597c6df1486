"""The store of candidates: another orientation does not solve again, and no byte tells whether it was used."""

import json
from dataclasses import replace

import pytest

from helpers.measures.measure import measure
from helpers.plates.simulated import simulate
from helpers.shows.project import Project, open_in_process
from shotmake.config import schema
from shotmake.files.npz_file import pack_npz
from shotmake.reasons import Reason
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.problem import SolveInputs
from shotmake.solve.result import finish
from shotmake.solve.stored_candidate import pack_candidate, unpack_candidate
from shotmake.solve.verdict import clean_candidate, find_candidate, solve
from shotmake.tasks.stages.solve import candidates as stored

ORIGIN = "tracking.solve.orient.origin={frame: 20, xy_px: [240, 180]}"


@pytest.mark.parametrize("kind", ["orbit", "pan", "static"])
def test_a_candidate_comes_back_to_the_bit(kind):
    shot = simulate(kind, seed=1, frame_count=16, visible=60)
    asked = (shot.tracks, shot.size_px, shot.frames)
    made = find_candidate(SolveInputs(*asked, schema.Camera(), schema.Solve()))
    again = unpack_candidate(pack_candidate(made))
    assert isinstance(again, Candidate) and pack_candidate(again) == pack_candidate(made)
    assert (again.warnings, again.notes) == (made.warnings, made.notes)
    assert repr(again.certificate) == repr(made.certificate)
    limit = schema.SolveClean(max_error_px=0.5)
    settings = schema.Solve(clean=limit, orient=schema.Orient(origin={"frame": 12, "xy_px": [480, 400]}))
    cold = solve(SolveInputs(*asked, schema.Camera(), settings))
    warm = finish(clean_candidate(again, SolveInputs(*asked, schema.Camera(), settings)), *asked, settings)
    assert json.dumps(warm.record) == json.dumps(cold.record) and pack_npz(warm.points) == pack_npz(cold.points)


def test_another_limit_for_bad_markers_is_an_adjustment():
    shot = simulate("orbit", seed=2, frame_count=30, visible=80, bad_share=0.15)
    asked = (shot.tracks, shot.size_px, shot.frames, schema.Camera())
    made = find_candidate(SolveInputs(*asked, schema.Solve()))
    assert clean_candidate(made, SolveInputs(*asked, schema.Solve())) is made
    numbers = []
    for limit in (0.6, 2.0, 6.0):
        settings = schema.Solve(clean=schema.SolveClean(max_error_px=limit))
        solution = finish(clean_candidate(made, SolveInputs(*asked, settings)), *asked[:3], settings)
        found = measure(solution.record, shot.truth)
        assert found["frames_pct"] == 100 and found["ate_pct"] < 0.06 and found["lens_px"] < 1
        numbers.append(solution.record["tracks_used"])
    assert numbers[0] < numbers[1] < numbers[2]
    tight = schema.Solve(clean=schema.SolveClean(max_error_px=0.1))
    said = clean_candidate(made, SolveInputs(*asked, tight))
    assert isinstance(said, Reason) and "tracking.solve.clean.max_error_px" in said.text


def test_where_nothing_was_found_another_limit_is_tried_from_the_start():
    shot = simulate("orbit", seed=2, frame_count=24, visible=60)
    settings = schema.Solve(clean=schema.SolveClean(max_error_px=4.0))
    asked = (shot.tracks, shot.size_px, shot.frames, schema.Camera())
    assert isinstance(clean_candidate(Reason("no_start", "no camera"), SolveInputs(*asked, settings)), Candidate)


def test_codes_are_stored_with_their_sentences():
    shot = simulate("orbit", seed=1, frame_count=16, visible=60)
    made = find_candidate(SolveInputs(shot.tracks, shot.size_px, shot.frames, schema.Camera(), schema.Solve()))
    said = (Reason("zoom", "it zooms"), Reason("cut", "it is cut"))
    made = replace(made, warnings=said, notes=said[:1])
    again = unpack_candidate(pack_candidate(made))
    assert (again.warnings, again.notes) == (said, said[:1])


def test_a_refusal_is_stored_too_and_damage_is_noticed(tmp_path, monkeypatch):
    open_in_process(monkeypatch, tmp_path)
    calls = []

    refused = Reason("too_few_tracks", "too few tracks")

    def find() -> Reason:
        calls.append(1)
        return refused

    for _ in range(2):
        assert stored.find_or_load({"kind": "auto"}, {"tracks": "a"}, "s", find)[0] == refused
    assert len(calls) == 1
    _, path = stored.find_or_load({"kind": "auto"}, {"tracks": "b"}, "s", find)
    assert len(calls) == 2
    path.write_bytes(path.read_bytes()[:-9])
    assert stored.find_or_load({"kind": "auto"}, {"tracks": "b"}, "s", find)[0] == refused and len(calls) == 3


def solves(project: Project) -> dict[str, bytes]:
    folder = project.root / ".gsd-state" / "tracking" / "solves"
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix in (".json", ".npz")
            and not path.name.endswith(".stamp.json")}  # fmt: skip


def test_another_orientation_is_not_solved_again(built):
    found = built.root / ".gsd-state" / "tracking" / "solves" / "found"
    before = {path.name: path.stat().st_mtime_ns for path in found.iterdir()}
    assert len(before) == 4  # the camera, the camera as the witness left it, and their stamps
    first = set(solves(built))
    built.built("solve", "shot=mini", ORIGIN)
    assert {path.name: path.stat().st_mtime_ns for path in found.iterdir()} == before
    warm = {name: data for name, data in solves(built).items() if name not in first}
    assert len(warm) == 2
    assert "solves/found" not in built.built("gc", "shot=mini").out  # the shot's own solve needs it
    for path in (*found.iterdir(), *(found.parent / name for name in warm)):
        path.unlink()
    for stamp in found.parent.glob("*.stamp.json"):
        if stamp.name.removesuffix(".stamp.json") in warm:
            stamp.unlink()
    built.built("solve", "shot=mini", ORIGIN)  # from nothing: the same bytes
    assert {name: solves(built)[name] for name in warm} == warm
    assert len(list(found.iterdir())) == 4


def test_a_solve_is_extended_through_the_command_line_up_to_the_blend(built):
    words = ("shot.footage.frame_range=[1,30]",)
    built.built("solve", "shot=mini", *words)
    folder = built.root / ".gsd-state" / "tracking" / "solves"
    (short,) = [path for path in folder.glob("mini-*.json") if not path.name.endswith(".stamp.json")
                and len(json.loads(path.read_text())["frames"]) == 30]  # fmt: skip
    (built.root / "approved.json").write_bytes(short.read_bytes())
    text = (built.root / "conf" / "shot" / "mini.yaml").read_text()
    text += "  preview: {enabled: false}\n"
    built.write_shot("mini", text.replace("  footage:", "  camera: {import_file: approved.json}\n  footage:"))
    built.built("shot=mini")
    place = built.root / "build" / "mini"
    approved, extended = (json.loads(path.read_text()) for path in (built.root / "approved.json", place / "solve.json"))
    assert extended["status"] == "solved" and extended["frames"] == list(range(1, 41))
    assert extended["cam_from_world"][:30] == approved["cam_from_world"] and extended["lens"] == approved["lens"]
    assert (place / "mini.blend").stat().st_size > 0 and len((place / "camera.chan").read_text().splitlines()) == 40
    assert built.built("shot=mini").executed == []

    built.write_shot("mini", text.replace("  footage:", "  camera: {import_file: build/mini/solve.json}\n  footage:"))
    ran = built.run("shot=mini")
    assert ran.code == 1 and len(ran.fault_lines) == 1
    assert "build/mini/solve.json: solve:mini reads it" in ran.fault_lines[0]
    assert json.loads((place / "solve.json").read_text()) == extended
    ran = built.run("shot=mini", "shot.camera.import_file=gone.json")
    assert ran.code == 1 and any("shot.camera.import_file" in line for line in ran.fault_lines)
