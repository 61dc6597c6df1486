"""What other programs may do to a build: hang, run on, run unasked. Through the real command line."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers.shows import attack
from helpers.shows.project import IN_BLENDER, REPOSITORY, Project, Ran
from shotmake.errors import ShotError
from shotmake.limits import set_limits
from shotmake.tasks.blender.private_blender import find_python, make_environment
from shotmake.tasks.engine.processes import pool, process_tree, run_programs
from shotmake.tasks.engine.processes.run_programs import Started, run

ON = "tracking.objects.enabled=true"
SLOW = "import time; time.sleep(3600)"
# A daemon that keeps our pipe and our environment: twice forked, in a session of its own.
DAEMON = (
    "import os, sys, time\n"
    "if os.fork() == 0:\n"
    "    os.setsid()\n"
    "    if os.fork() == 0:\n"
    "        open('daemon.pid', 'w').write(str(os.getpid()))\n"
    "        time.sleep(600)\n"
    "    os._exit(0)\n"
    "os.wait()\n"
    "print('loading weights', flush=True)\n"
)


@pytest.fixture
def show(tmp_path, small_movie) -> Project:
    return attack.make_small(tmp_path / "show", small_movie)


@pytest.fixture(autouse=True)
def default_limits():
    yield
    set_limits({})


def own_config(folder: Path, text: str) -> dict[str, str]:
    (folder / "own.yaml").write_text(text)
    return {"SHOTMAKE_CONFIG": str(folder / "own.yaml")}


def run_with(project: Project, environment: dict[str, str], *words: str) -> Ran:
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    command = [sys.executable, "-m", "doit", *words]
    done = subprocess.run(command, cwd=project.root, env=everything, capture_output=True, text=True, timeout=120)
    return Ran(done.returncode, done.stdout, done.stderr)


def started(folder: Path, code: str, limit: str = "detector_minutes") -> Started:
    return Started([sys.executable, "-c", code], "the program", limit, folder, dict(os.environ))


def has_ended(pid: int) -> bool:
    end = time.monotonic() + 5
    while os.path.exists(f"/proc/{pid}") and time.monotonic() < end:
        if " Z " in Path(f"/proc/{pid}/stat").read_text():
            return True
        time.sleep(0.02)
    return not os.path.exists(f"/proc/{pid}")


# Limits


def test_a_silent_program_is_ended_with_its_daemons_and_named(tmp_path):
    set_limits({"silent_minutes": 0.03})
    begun = time.monotonic()
    with pytest.raises(ShotError) as told:
        run(started(tmp_path, f"{DAEMON}{SLOW}"))
    assert time.monotonic() - begun < 15
    line = str(told.value)
    assert line.startswith("the program was ended: it ran for ") and "without a sign of life" in line, line
    assert "it said last: loading weights" in line
    assert line.endswith("raise limits.silent_minutes in ~/.config/shotmake/config.yaml")
    assert has_ended(int((tmp_path / "daemon.pid").read_text()))


@pytest.mark.parametrize(
    "work",
    [
        pytest.param("while True: print('frame', flush=True); time.sleep(.05)", id="by what it says"),
        pytest.param("while True: pass", id="by the processor"),
        pytest.param(
            "import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])", id="by a child's"
        ),
    ],
)
def test_a_busy_program_is_not_silent_and_has_its_limit_all_the_same(tmp_path, work):
    set_limits({"silent_minutes": 0.025, "detector_minutes": 0.08})
    begun = time.monotonic()
    with pytest.raises(ShotError, match="raise limits.detector_minutes"):
        run(started(tmp_path, f"import time\n{work}"))
    assert 4.8 < time.monotonic() - begun < 20


def test_a_daemon_that_holds_the_pipes_is_not_waited_for(tmp_path):
    begun = time.monotonic()
    done = run(started(tmp_path, f"{DAEMON}sys.exit(3)"))
    daemon = int((tmp_path / "daemon.pid").read_text())
    try:
        assert (done.code, done.out) == (3, "loading weights\n") and time.monotonic() - begun < 10
        assert os.path.exists(f"/proc/{daemon}")  # what ended well may leave a server behind
    finally:
        os.kill(daemon, 9)


def test_what_closes_its_streams_and_goes_on_is_ended_too(tmp_path):
    set_limits({"silent_minutes": 0.03})
    with pytest.raises(ShotError, match="without a sign of life; it said nothing"):
        run(started(tmp_path, f"import os; os.close(1); os.close(2); {SLOW}"))


def test_a_loud_program_is_read_to_its_end_and_the_end_is_kept(tmp_path):
    done = run(started(tmp_path, "import sys; sys.stdout.write('x' * 3_000_000 + 'end'); sys.exit(0)"))
    assert done.code == 0 and len(done.out) == run_programs.KEPT_BYTES and done.out.endswith("xend")


def test_a_program_of_another_is_not_taken_for_a_child(tmp_path):
    """Two builds at once: each ends its own."""
    others = subprocess.Popen([sys.executable, "-c", SLOW], env=process_tree.mark(dict(os.environ), "another"))
    set_limits({"silent_minutes": 0.02})
    try:
        with pytest.raises(ShotError):
            run(started(tmp_path, SLOW))
        assert others.poll() is None
    finally:
        others.kill()
        others.wait()


def test_a_detector_that_hangs_is_one_line(show, tmp_path):
    (show.root / "detect.py").write_text(f"{DAEMON}{SLOW}\n")
    own = own_config(tmp_path, "limits: {silent_minutes: 0.05}\n")
    command = f"{sys.executable} detect.py {{detections}}"
    begun = time.monotonic()
    ran = run_with(show, own, "objects", "shot=mini", ON, f"tracking.objects.detector_cmd={command}")
    attack.one_clear_line(ran, "tracking.objects.detector_cmd", "without a sign of life", "said last: loading weights")
    assert time.monotonic() - begun < 60
    assert has_ended(int((show.root / "daemon.pid").read_text())) and attack.litter(show) == []


def stuck(number: int) -> int:
    while number == 5:
        time.sleep(1)
    return number * number


def test_one_job_of_many_that_does_not_end_fails_alone():
    told: list[int] = []
    asked = [(number,) for number in range(11)]
    done = pool.run_by_many(stuck, asked, 1.0, lambda: told.append(1))
    assert done == {(number,): number * number for number in range(11) if number != 5} and len(told) == 10


STANDS_STILL = """
from threading import Lock
import shotmake.tasks.stages.footage as footage
lock = Lock()
lock.acquire()
def stuck(*given, **named):
    lock.acquire()  # as two threads of a library that wait for each other
footage.FOOTAGE.__dict__["build"] = stuck
"""


@pytest.mark.parametrize("jobs", [["-n", "2"], []])
def test_a_build_that_stands_still_in_our_own_work_ends_with_a_line(show, tmp_path, jobs):
    dodo = show.root / "dodo.py"
    dodo.write_text(dodo.read_text().replace("GRAPH = Graph(", f"{STANDS_STILL}\nGRAPH = Graph(", 1))
    own = own_config(tmp_path, "limits: {silent_minutes: 0.05}\n")
    begun = time.monotonic()
    ran = run_with(show, own, *jobs, "footage", "shot=mini")
    attack.one_clear_line(ran, "footage:mini was ended", "without doing anything", "raise limits.silent_minutes")
    assert time.monotonic() - begun < 120
    ran = run_with(show, {}, "plan", "shot=mini")  # nothing is left that would be waited for
    assert ran.code == 0


BESIDE = """
import threading, time
from shotmake.limits import set_limits
from shotmake.tasks.engine.processes.end_if_stuck import note_no_work, watch

def beat(said):
    while True:
        sum(range(200_000))  # some milliseconds, as where many processes share a processor
        if said:
            note_no_work()
        time.sleep(.05)

set_limits({"silent_minutes": .02})
threading.Thread(target=beat, args=(%s,), daemon=True).start()
with watch("x"):
    time.sleep(6)
print("well")
"""


@pytest.mark.parametrize(("said", "code"), [(True, 1), (False, 0)])
def test_what_a_build_does_to_look_after_itself_is_no_sign_of_life(tmp_path, said, code):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", BESIDE % said]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == code and ("x was ended" in done.stderr) == said, done.stderr


def test_a_build_that_waits_for_another_does_not_stand_still(tmp_path):
    code = (
        "import time\n"
        "from shotmake.limits import set_limits\n"
        "from shotmake.tasks.engine.processes.end_if_stuck import mark_waiting, watch\n"
        "set_limits({'silent_minutes': .01})\n"
        "with watch('x'):\n"
        "    with mark_waiting():\n"
        "        time.sleep(2)\n"
        "print('well')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "well\n"), done.stderr


# What runs


DETECTOR = "tracking.objects.detector_cmd=touch ran.txt {detections}"


@pytest.mark.parametrize(
    ("environment", "own", "said"),
    [
        ({"SHOTMAKE_RUN": "never"}, "", "not run, as SHOTMAKE_RUN=never says: touch ran.txt"),
        ({"SHOTMAKE_RUN": "nevr"}, "", "found SHOTMAKE_RUN=nevr, needed never"),
        ({}, "run: never\n", "not run, as run: never in your own config says: touch ran.txt"),
    ],
)
def test_nothing_that_a_show_names_runs_when_the_user_says_so(show, tmp_path, environment, own, said):
    environment = {**environment, **(own_config(tmp_path, own) if own else {})}
    ran = run_with(show, environment, "objects", "shot=mini", ON, DETECTOR)
    attack.one_clear_line(ran, "tracking.objects.detector_cmd: not run", said)
    assert not (show.root / "ran.txt").exists()


def test_a_fault_over_a_file_that_changed_meanwhile_is_told_as_the_change(show):
    """Whatever half a file looked like to the program: nothing is wrong with the program."""
    (show.root / "weights.txt").write_text("7")
    command = "tracking.objects.detector_cmd=sh -c 'echo 8 > $0; exit 3' weights.txt {detections}"
    ran = show.run("objects", "shot=mini", ON, command)
    attack.one_clear_line(ran, "weights.txt changed while it was being read; run doit again")
    ran = show.run("objects", "shot=mini", ON, command.replace("echo 8 > $0; ", ""))
    attack.one_clear_line(ran, "tracking.objects.detector_cmd: sh ended with code 3")


def test_a_command_cannot_hide_itself_on_the_terminal(caplog):
    caplog.set_level("INFO", "shotmake")
    run_programs.allow("key", ["rm", "-rf", "/home\x1b[2K\r", "nothing\nto see"])
    assert caplog.messages == ["key: running rm -rf '/home\\x1b[2K\\r' 'nothing\\nto see'"]


def test_a_shows_blender_is_told_before_it_runs_and_does_not_when_the_user_says_so(show):
    script = show.root / "blender.sh"
    script.write_text("#!/bin/sh\ntouch ran.txt\necho no blender >&2\nexit 1\n")
    script.chmod(0o755)
    words = ("tracks", "shot=mini", "tracking.engine=blender", "composite.blender.executable=./blender.sh")
    ran = run_with(show, {"SHOTMAKE_RUN": "never"}, *words)
    attack.one_clear_line(ran, "composite.blender.executable: not run", "track_plate.py")
    assert not (show.root / "ran.txt").exists()
    ran = run_with(show, {}, *words)
    assert (show.root / "ran.txt").exists()
    (line,) = [line for line in ran.out.splitlines() if line.startswith("   composite.blender.executable: running ")]
    assert "blender.sh --factory-startup --disable-autoexec --background" in line and "track_plate.py" in line


def test_another_launcher_is_told_or_refused(show):
    ran = show.python("-m", "shot=mini", "tracking=fast,balanced", "hydra/launcher=joblib", "task=footage")
    assert ran.code == 0, ran.err
    assert "   hydra/launcher=joblib: running " in ran.out and " -m doit -f " in ran.out
    os.environ["SHOTMAKE_RUN"] = "never"
    try:
        ran = show.python("-m", "shot=mini", "tracking=fast,balanced", "hydra/launcher=joblib", "task=footage")
    finally:
        del os.environ["SHOTMAKE_RUN"]
    attack.one_clear_line(ran, "hydra/launcher=joblib: not run, as SHOTMAKE_RUN=never says")


def test_a_program_is_given_the_environment_that_the_docs_tell(show):
    code = "import json, os, sys; json.dump(dict(os.environ), open('seen.json', 'w')); sys.exit(1)"
    (show.root / "look.py").write_text(code)
    environment = {"PYTHONSTARTUP": "mine.py", "BLENDER_USER_SCRIPTS": "/mine", "SITE": "a"}
    environment["OPENBLAS_NUM_THREADS"] = "7"
    run_with(show, environment, "objects", "shot=mini", ON,
             f"tracking.objects.detector_cmd={sys.executable} look.py {{detections}}")  # fmt: skip
    seen = json.loads((show.root / "seen.json").read_text())
    assert {name: seen.get(name) for name in environment} == environment


def test_our_own_blender_is_given_no_module_or_script_of_anybodys(monkeypatch):
    from shotmake.tasks.engine.processes.environments import make_blender_environment

    for name in ("PYTHONPATH", "PYTHONSTARTUP", "PYTHONHOME", "BLENDER_USER_SCRIPTS", "BLENDER_SYSTEM_PYTHON"):
        monkeypatch.setenv(name, "/mine")
    monkeypatch.setenv("OCIO", "/studio/config.ocio")
    given = make_blender_environment()
    assert not any(name.startswith(("PYTHON", "BLENDER")) for name in given) and given["OCIO"] and given["PATH"]


# Files of other programs


@pytest.fixture(scope="module")
def rig(tmp_path_factory, small_movie) -> Path:
    """A folder with rig.blend, in which all is that could run, and which would write `evil` there."""
    folder = tmp_path_factory.mktemp("rig")
    assert make_environment() is None
    words = [find_python(), IN_BLENDER / "foreign" / "make_rig.py", folder, small_movie]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and (folder / "rig.blend").is_file(), done.stderr[-2000:]
    for name in ("evil", "library.blend"):
        (folder / name).unlink(missing_ok=True)
    return folder


def rigged(project: Project, rig: Path) -> Project:
    (project.root / "assets").mkdir()
    (project.root / "assets" / "rig.blend").write_bytes((rig / "rig.blend").read_bytes())
    return project


def test_tracks_of_a_rig_are_read_and_nothing_in_it_runs(show, rig):
    begun = time.monotonic()
    ran = rigged(show, rig).run("tracks", "shot=mini", "tracking.session_file=assets/rig.blend")
    assert ran.code == 0 and "8 tracks" in ran.out, ran.out + ran.err
    assert time.monotonic() - begun < 30 and not (rig / "evil").exists()


def test_a_rig_as_a_subject_is_built_and_nothing_in_it_runs(tmp_path, small_once, rig):
    show = rigged(attack.copy_of(small_once, tmp_path / "show"), rig)
    subject = "{blend: assets/rig.blend, collection: Rig, link: false}"
    begun = time.monotonic()
    ran = show.run("composite", "shot=mini", f"shot.subject={subject}")
    assert ran.code == 0, ran.out + ran.err
    assert time.monotonic() - begun < 30 and not (rig / "evil").exists()
    ran = show.run("composite", "shot=mini", f"shot.subject={subject.replace('Rig', 'Flat')}")
    attack.one_clear_line(ran, "assets/rig.blend: collection Flat has no size", "drivers that need Python do not run")


def test_every_script_that_opens_files_of_others_closes_them_before_its_end():
    """Blender as a module hangs for ever when it frees a driver after Python has gone."""
    scripts = [*(REPOSITORY / "blender_scripts").glob("*.py"), IN_BLENDER / "render_frames.py"]
    texts = {path.name: path.read_text() for path in scripts}
    ways = ("open_mainfile(", "_import(", "import_scene.", "build_subject(")
    opening = {name for name, text in texts.items() if "def main(" in text and any(way in text for way in ways)}
    assert {"read_tracks.py", "read_camera.py", "build_composite.py", "render_frames.py"} <= opening
    assert [name for name in sorted(opening) if "    forget_files_at_exit()\n" not in texts[name]] == []
