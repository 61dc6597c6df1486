"""The real command line on a small real plate: what runs, what does not, and what is never lied about."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from helpers.shows.project import REPOSITORY, Project
from shotmake.tracks.markers import load_tracks

EVERY_STAGE = {"footage", "tracks", "solve", "stmap", "scene", "composite", "preview", "export", "report", "publish"}
PUBLISHED = {
    "mini.blend", "preview.mp4", "camera.chan", "stmap_undistort.exr", "stmap_redistort.exr", "solve.json",
    "report.html",
    "report.json",
}  # fmt: skip


def stages(executed: list[str]) -> set[str]:
    return {name.split(":")[0] for name in executed}


def published(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def state_file(project: Project, pattern: str) -> Path:
    (path,) = (project.root / ".gsd-state").glob(pattern)
    return path


def digests(project: Project) -> dict[str, bytes]:
    """Content of every target whose bytes are promised to be the same for the same input."""
    wanted = (".json", ".npz", ".exr", ".chan")
    files = (project.root / ".gsd-state").rglob("*")
    return {
        str(path.relative_to(project.root)): path.read_bytes()
        for path in files
        if path.suffix in wanted and not path.name.endswith(".stamp.json")
    }


def test_one_command_builds_everything(built_once):
    project, ran = built_once
    assert stages(ran.executed) == EVERY_STAGE | ({"blender"} if "blender" in ran.executed else set())
    assert published(project.root / "build" / "mini") == PUBLISHED
    solve = json.loads((project.root / "build" / "mini" / "solve.json").read_text())
    assert solve["status"] == "solved" and len(solve["frames"]) == 40 and solve["shot"] == "mini"


def test_the_same_again_runs_nothing_also_in_a_moved_folder(built):
    ran = built.built("shot=mini")
    assert ran.executed == []


def test_touching_the_plate_runs_nothing_and_changing_it_does(built, mini_movie):
    plate = built.root / "footage" / "mini.mp4"
    os.utime(plate)
    assert built.built("shot=mini").executed == []
    other = plate.read_bytes().replace(b"x264 - core", b"x265 - core")  # its comment: other bytes, same frames
    plate.write_bytes(other)
    ran = built.built("shot=mini")
    assert {"footage", "tracks", "preview"} <= stages(ran.executed)
    assert "solve" in stages(ran.executed)  # its witness looked at the new plate; the camera came from the store
    assert "composite" not in stages(ran.executed)  # tracks and camera came out the same: early cut-off


def test_a_composite_override_runs_neither_tracks_nor_solve(built):
    ran = built.built("shot=mini", "composite.shadow_catcher=false")
    assert stages(ran.executed) == {"scene", "composite", "publish"}
    folder = built.root / "build" / "mini@composite.shadow_catcher=false"
    assert published(folder) == PUBLISHED | {"overrides.yaml"}
    assert (folder / "overrides.yaml").read_text() == "- 'composite.shadow_catcher=false'\n"


def test_the_scene_follows_tracks_where_the_comp_does(built):
    tracks = load_tracks(next((built.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*/tracks.npz")))
    there = tracks.select(tracks.frame == 20)
    wanted = np.array([(120, 60), (360, 60), (360, 210), (120, 210)])
    nearest = np.linalg.norm(there.xy_px[:, None] - wanted, axis=2).argmin(0)
    picks = ", ".join(f"{{frame: 20, xy_px: {there.xy_px[at].round(1).tolist()}}}" for at in nearest)
    pin = ("composite.corner_pin.image=footage/card.png", f"composite.corner_pin.tracks=[{picks}]")
    held = ("composite.stabilization.enabled=true", "composite.stabilization.frame=20")
    ran = built.run("scene", "shot=mini", *held, *pin)
    assert ran.fault_lines == [
        "scene:mini: footage/card.png: no such file; needed a still, a movie or an image sequence "
        "(composite.corner_pin.image)"
    ]
    (built.root / "footage" / "card.png").write_bytes(b"not looked into before Blender does")
    built.built("scene", "shot=mini", *held, *pin)
    scenes = (built.root / ".gsd-state" / "scenes").glob("mini-*.json")
    sheets = [json.loads(path.read_text()) for path in scenes if not path.name.endswith(".stamp.json")]
    assert [sheet["corner_pin"] for sheet in sheets].count(None) == 1  # the shot as its YAML has it
    (sheet,) = (sheet for sheet in sheets if sheet["corner_pin"])
    still, pinned = sheet["stabilization"], sheet["corner_pin"]
    assert still["frames"] == pinned["frames"] == list(range(1, 41)) and not still["put_back"]
    assert still["translate_px"][19] == [0, 0] and np.abs(still["translate_px"]).max() > 2
    assert pinned["image"]["file"] == "footage/card.png" and len(pinned["corners"][0]) == 4


def test_overrides_may_stand_before_the_command(built):
    ran = built.built("shot=mini", "tracking.solve.clean.max_error_px=1.5", "solve")
    assert stages(ran.executed) == {"solve"}


def test_an_edit_changed_back_runs_publish_alone(built):
    path = built.root / "conf" / "shot" / "mini.yaml"
    text = path.read_text()
    path.write_text(text + "composite: {film_transparent: false}\n")
    assert stages(built.built("shot=mini").executed) == {"scene", "composite", "publish"}
    path.write_text(text)
    assert built.built("shot=mini").executed == ["publish:mini"]
    path.write_text("# a comment\n" + text)
    assert built.built("shot=mini").executed == []


@pytest.mark.parametrize("damage", ["edit", "stamp"])  # more of them, of every file: test_attack_tamper.py
def test_a_damaged_target_is_never_called_up_to_date(built, damage):
    before = digests(built)
    target = state_file(built, "tracking/sessions/mini-*/tracks.npz")
    if damage == "edit":
        stat = target.stat()
        data = bytearray(target.read_bytes())
        data[len(data) // 2] ^= 1
        target.write_bytes(data)
        os.utime(target, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # and the clock turned back
    else:
        target.with_name("tracks.npz.stamp.json").write_text('{"half": ')
    ran = built.built("shot=mini")
    assert stages(ran.executed) == {"tracks"}  # its bytes come out the same: nothing after it runs
    assert digests(built) == before


def test_verify_reads_every_byte_and_says_what_is_wrong(built):
    assert built.built("verify", "shot=mini").fault_lines == []
    target = built.root / "build" / "mini" / "camera.chan"
    target.write_text(target.read_text().replace("1", "2", 1))
    ran = built.run("verify", "shot=mini")
    assert ran.code == 1
    assert ran.fault_lines == ["publish:mini: target camera.chan changed (camera.chan)"]
    state_file(built, "tracking/solves/mini-*.points.npz").write_bytes(b"")
    ran = built.run("verify", "shot=mini")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and ran.fault_lines[0].startswith("solve:mini: target points")


def test_verify_holds_the_shot_against_its_qc_limits(built):
    ran = built.run("verify", "shot=mini", "tracking.qc.min_tracks_per_frame=4000")
    assert ran.code == 1 and ran.fault_lines == ["report:mini: never built"]
    built.built("shot=mini", "tracking.qc.min_tracks_per_frame=4000")
    ran = built.run("verify", "shot=mini", "tracking.qc.min_tracks_per_frame=4000")
    assert ran.code == 1
    assert "tracking.qc.min_tracks_per_frame is 4000" in ran.fault_lines[0]


def test_an_edited_deliverable_is_kept(built):
    chan = built.root / "build" / "mini" / "camera.chan"
    original = chan.read_bytes()
    chan.write_text("the artist's own\n")
    ran = built.built("shot=mini")
    assert ran.executed == ["publish:mini"] and "kept as camera.chan.edited-1" in ran.out
    assert chan.read_bytes() == original
    assert (chan.parent / "camera.chan.edited-1").read_text() == "the artist's own\n"
    built.built("clean", "shot=mini")
    assert published(chan.parent) == {"camera.chan.edited-1"}
    left = [path.name for path in (built.root / ".gsd-state").rglob("mini-*") if path.is_file()]
    assert left == []


def test_an_edited_note_of_a_variant_is_kept_too(built):
    built.built("shot=mini", "tracking.solve.enabled=false")
    note = built.root / "build" / "mini@tracking.solve.enabled=false" / "overrides.yaml"
    note.write_text("# mine\n")
    assert built.run("verify", "shot=mini", "tracking.solve.enabled=false").code == 1
    built.built("shot=mini", "tracking.solve.enabled=false")
    assert note.with_name("overrides.yaml.edited-1").read_text() == "# mine\n"


def test_info_of_a_damaged_shot_is_no_traceback(built):
    state_file(built, "tracking/solves/mini-????????????.json").write_text("{")
    ran = built.run("info", "publish:mini", "shot=mini")
    assert "Traceback" not in ran.err and "run" in ran.out


def test_forget_makes_a_task_run_again_and_info_and_list_work(built):
    assert "publish:mini" in built.built("list", "--all", "shot=mini").out
    assert "up-to-date" in built.built("info", "solve:mini", "shot=mini").out
    built.built("forget", "report", "shot=mini")
    assert stages(built.built("shot=mini").executed) == {"report"}
    built.built("forget", "shot=mini")
    for words in (("info", "nothing"), ("info",), ("clean", "nothing"), ("forget", "nothing"), ("list", "nothing")):
        ran = built.run(*words, "shot=mini")
        assert "Traceback" not in ran.err and ran.code != 0, ran.err


def test_python_dodo_builds_as_doit_does(built):
    ran = built.python("shot=mini")
    assert ran.code == 0 and ran.executed == []


def test_killed_builds_lose_at_most_the_task_in_hand(mini, built_once):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", "solve", "shot=mini"],
        cwd=mini.root, env=environment, stdout=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    time.sleep(3.5)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    stamps = (mini.root / ".gsd-state").rglob("*.stamp.json")
    done_before = {path.name for path in stamps if path.parent.name not in ("segments", "found")}
    ran = mini.built("solve", "shot=mini")
    assert len(ran.executed) == 3 - len(done_before)
    assert digests(mini).items() <= digests(built_once[0]).items()
    assert not list((mini.root / ".gsd-state").rglob(".part-*"))


def test_workers_build_the_same(mini, built_once):
    mini.built("-n", "2", "preview", "stmap", "scene", "export", "report", "shot=mini")
    assert digests(mini) == digests(built_once[0])


def test_progress_shows_on_a_terminal_and_only_there(mini):
    assert "frames/s]" not in mini.built("footage", "shot=mini").err
    terminal, inside = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "doit", "tracks", "shot=mini"]
    subprocess.run(command, cwd=mini.root, env=environment, stdout=subprocess.DEVNULL, stderr=inside, check=True)
    os.close(inside)
    assert b"tracking mini" in (shown := os.read(terminal, 65536)) and b"/40 [" in shown
    os.close(terminal)


BAD_INPUT = {
    "unknown key": (("composite.shadow_cather=true",), "did you mean composite.shadow_catcher"),
    "wrong type": (("tracking.detect.min_tracks=many",), "needed a whole number"),
    "range outside": (("shot.footage.frame_range=[1,99]",), "the plate has frames 1 to 40"),
    "missing plate": (("shot.footage.file=footage/none.mp4",), "no such file"),
    "text as movie": (("shot.footage.file=footage/text.mp4",), "not a movie"),
    "truncated": (("shot.footage.file=footage/cut.mp4",), "frames decode"),
    "one frame": (("shot.footage.file=footage/one.mp4",), "found 1 frame"),
    "missing blender": (("composite.blender.executable=/no/blender",), "found no program /no/blender"),
}


@pytest.fixture(scope="session")
def bad_plates(tmp_path_factory, mini_movie) -> Path:
    from helpers.plates.synthetic import frames, make_plate, write_movie

    folder = tmp_path_factory.mktemp("bad")
    (folder / "text.mp4").write_text("not a movie\n" * 30)
    data = mini_movie.read_bytes()
    write_movie(folder / "whole.mkv", frames(make_plate("desk", frame_count=1)))
    shutil.move(folder / "whole.mkv", folder / "one.mp4")
    done = subprocess.run(  # the index first, so that half a file still opens
        [sys.executable, "-c", REMUX, str(mini_movie), str(folder / "fast.mp4")], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    data = (folder / "fast.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    return folder


REMUX = """
import sys, av
with av.open(sys.argv[1]) as source, av.open(sys.argv[2], "w", options={"movflags": "faststart"}) as target:
    stream = target.add_stream_from_template(source.streams.video[0])
    for packet in source.demux(video=0):
        if packet.dts is not None:
            packet.stream = stream
            target.mux(packet)
"""


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_line_and_costs_nothing(built, bad_plates, name):
    for path in bad_plates.glob("*.mp4"):
        shutil.copy(path, built.root / "footage")
    words, expected = BAD_INPUT[name]
    ran = built.run("shot=mini", *words)
    assert ran.code != 0
    assert len(ran.fault_lines) == 1 and expected in ran.fault_lines[0], ran.err
    assert built.built("shot=mini").executed == []  # everything built before is still there


def test_unknown_shot(built):
    ran = built.run("shot=mimi")
    assert ran.code != 0
    assert ran.fault_lines == ["shot=mimi: no conf/shot/mimi.yaml; did you mean mini?"]


def test_a_build_folder_that_cannot_be_written_is_one_line(built):
    shutil.rmtree(built.root / "build")
    (built.root / "build").write_text("in the way")
    ran = built.run("shot=mini")
    assert ran.code == 1 and ran.fault_lines == ["build: found a file; needed a folder, move the file away"], ran.err
    (built.root / "build").unlink()
    assert built.built("shot=mini").executed == ["publish:mini"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_build_folder_is_one_line(built):
    (built.root / "build").chmod(0o500)
    ran = built.run("shot=mini", "composite.shadow_catcher=false")
    (built.root / "build").chmod(0o700)
    assert ran.code != 0 and len(ran.fault_lines) == 1 and "Permission denied" in ran.fault_lines[0], ran.err


def test_a_broken_shot_fails_alone(built):
    built.write_shot("broken", "shot: {name: broken, footage: {file: [}}\n")
    ran = built.run()
    assert ran.code != 0 and "-- publish:mini" in ran.out
    assert [line for line in ran.fault_lines if "broken.yaml" in line] == ran.fault_lines != []


def test_two_shots_of_one_name_are_refused(built):
    shutil.copy(built.root / "conf" / "shot" / "mini.yaml", built.root / "conf" / "shot" / "twin.yaml")
    ran = built.run()
    assert ran.code != 0 and ran.fault_lines == [
        "conf/shot/twin.yaml: shot.name: found the name of conf/shot/mini.yaml; choose another"
    ]


def test_a_refused_solve_still_shows_tracks_preview_and_report(built):
    """The deliverables of the good solve before it must not stand there as if they were this one's."""
    import numpy as np

    from helpers.plates.synthetic import write_movie

    rng = np.random.default_rng(0)
    write_movie(
        built.root / "footage" / "mini.mp4",
        ((n, rng.integers(0, 255, (270, 480, 3)).astype(np.uint8)) for n in range(1, 41)),
    )
    ran = built.run("shot=mini")
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "the solve was refused" in ran.fault_lines[0], ran.err
    folder = built.root / "build" / "mini"
    assert published(folder) == {"preview.mp4", "report.html", "report.json", "solve.json"}
    assert json.loads((folder / "solve.json").read_text())["status"] == "refused"
    again = built.run("shot=mini")
    assert again.code == 1 and stages(again.executed) == {"publish"}
    stage = built.run("stmap", "shot=mini")
    assert stage.code == 1 and len(stage.fault_lines) == 1 and "the solve was refused" in stage.fault_lines[0]
    assert built.run("verify", "shot=mini").code == 1


@pytest.mark.parametrize(("preview", "seen"), [("true", "preview.mp4"), ("false", "report.html")])
def test_a_refusal_names_a_file_that_was_published(mini, preview, seen):
    ran = mini.run("shot=mini", "shot.footage.frame_range=[1,2]", f"tracking.preview.enabled={preview}")
    (line,) = ran.fault_lines
    assert "the solve was refused: 2 frames: too few" in line and line.endswith(f"/{seen})"), line
    assert (mini.root / line.rpartition("(see ")[2].rstrip(")")).is_file()


def test_a_shot_without_solve_or_with_a_camera_of_its_own(built):
    ran = built.built("shot=mini", "tracking.solve.enabled=false")
    folder = built.root / "build" / "mini@tracking.solve.enabled=false"
    assert published(folder) == {"preview.mp4", "report.html", "report.json", "overrides.yaml"}
    assert not {"tracks", "footage"} & stages(ran.executed)
    shutil.copy(built.root / "build" / "mini" / "solve.json", built.root / "camera.json")
    words = ("shot.camera.from_tracking=false", "shot.camera.import_file=camera.json", "tracking.enabled=false")
    ran = built.built("shot=mini", *words)
    assert "tracks" not in stages(ran.executed)
    (folder,) = (built.root / "build").glob("mini@*import_file*")
    assert published(folder) == PUBLISHED | {"overrides.yaml"}
    assert (folder / "camera.chan").read_bytes() == (built.root / "build" / "mini" / "camera.chan").read_bytes()
