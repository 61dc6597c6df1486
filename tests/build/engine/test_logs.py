"""The log of each task: what is in it, where it may lie, and that no build fails for want of one."""

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shows.project import REPOSITORY, Project, open_in_process
from shotmake.errors import ShotError
from shotmake.tasks.commands import terminal_output
from shotmake.tasks.engine import log, removable_files
from shotmake.tasks.engine.processes.pool import run_by_many
from shotmake.tasks.engine.processes.run_programs import Started, run
from shotmake.tasks.engine.progress import Progress
from shotmake.tasks.engine.state import confined_paths

said = logging.getLogger("shotmake.tests")


@pytest.fixture
def show(tmp_path, monkeypatch) -> Path:
    """An empty show; a folder `outside` lies beside it."""
    (tmp_path / "show" / ".gsd-state").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    open_in_process(monkeypatch, tmp_path / "show")
    caches = (confined_paths._is_inside, confined_paths._find_real_top, log._say_once)
    for one in caches:
        one.cache_clear()
    yield tmp_path / "show"
    for one in caches:
        one.cache_clear()


def written(*lines: str, task: str = "solve:s") -> str:
    """The log of a task that says these lines."""
    with log.TaskLog(task) as task_log:
        task_log.begin("never built")
        for line in lines:
            said.info(line)
    return log.path_of(task).read_text(encoding="utf-8")


@pytest.mark.fast
def test_a_line_has_its_time_its_task_and_its_module(show):
    said.info("before")
    text = written("one", "two")
    said.info("after")
    lines = text.splitlines()
    assert lines[0] == "shotmake log of solve:s" and "runs: never built" in lines[2]
    assert [line.split(" ", 2)[2] for line in lines[3:]] == [
        f"solve:s INFO shotmake.tests: {word}" for word in ("one", "two")
    ]
    assert all(line[:4].isdigit() and line[10] == " " for line in lines[1:])


@pytest.mark.fast
def test_the_log_of_the_run_before_is_kept_and_no_more(show):
    for word in ("first", "second", "third"):
        written(word)
    found = {path.name: path.read_text() for path in log.get_logs_folder().iterdir()}
    assert sorted(found) == ["solve-s.log", "solve-s.log.old"]
    assert "third" in found["solve-s.log"] and "second" in found["solve-s.log.old"]


@pytest.mark.fast
def test_a_task_that_does_not_begin_writes_nothing(show):
    with log.TaskLog("solve:s"):
        said.info("up to date")
    assert not log.get_logs_folder().exists() and log.find_last_log("solve:s") is None


@pytest.mark.fast
def test_names_of_tasks_never_meet_in_one_file(show):
    tasks = ("solve:a", "solve:a:0123456789ab", "solve:a.b", "solve:a-b", "publish:a", "blender", "solve:a%3D")
    paths = [log.path_of(task) for task in tasks] + [log.path_of("solve:a", "ws1"), log.path_of("solve:a", "../ws/2")]
    assert len(set(paths)) == len(paths) and {path.parent for path in paths} == {log.get_logs_folder()}
    assert log.path_of("solve:../../x\n").parent == log.get_logs_folder()


@pytest.mark.fast
def test_a_fault_is_one_line_and_an_error_of_ours_has_its_traceback(show):
    with pytest.raises(ShotError), log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
        raise ShotError("found a; needed b")
    text = log.path_of("solve:s").read_text()
    assert "failed: found a; needed b\n" in text and "Traceback" not in text
    with pytest.raises(ZeroDivisionError), log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
        _ = 1 / 0
    text = log.path_of("solve:s").read_text()
    assert "Traceback" in text and text.endswith("ZeroDivisionError: division by zero\n")


@pytest.mark.fast
def test_what_a_terminal_would_obey_is_spelt_out(show):
    assert r"\x1b]0;title\x07 ü" in written("\x1b]0;title\x07 ü")


@pytest.mark.fast
def test_a_long_log_keeps_its_beginning_and_its_end(show, monkeypatch):
    monkeypatch.setattr(log, "MOST_BYTES", 4000)
    monkeypatch.setattr(log, "KEPT_BYTES", 1000)
    text = written(*(f"line {number}" for number in range(2000)))
    assert len(text.encode()) <= 4200
    assert "runs: never built" in text and "bytes are left out" in text and text.endswith("line 1999\n")


@pytest.mark.fast
def test_the_folder_does_not_grow_without_end(show, monkeypatch):
    monkeypatch.setattr(log, "MOST_FOLDER_BYTES", 3000)
    (log.get_logs_folder()).mkdir()
    notes = log.get_logs_folder() / "notes.log"
    notes.write_text("mine")
    os.utime(notes, (0, 0))
    for number in range(40):
        written("word", task=f"solve:s{number}")
    found = sorted(log.get_logs_folder().iterdir(), key=lambda path: path.stat().st_mtime_ns)
    assert sum(path.stat().st_size for path in found) < 4000 and len(found) > 2
    assert found[0] == notes and found[-1] == log.path_of("solve:s39")


@pytest.mark.fast
def test_the_output_of_a_program_and_its_command_are_in_the_log(show):
    code = "import sys; print('out 1'); print('err', file=sys.stderr); sys.stdout.write('no end'); sys.exit(3)"
    with log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
        run(Started([sys.executable, "-c", code], "a program", "blender_minutes", show, dict(os.environ)))
    text = log.path_of("solve:s").read_text()
    assert f"a program: {sys.executable} -c" in text and "a program: ended with code 3" in text
    assert all(f"a program: {word}\n" in text for word in ("out 1", "err", "no end"))


@pytest.mark.fast
def test_progress_is_noted_without_a_terminal(show):
    with log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
        with Progress(96, "   tracking s", "frames", False) as bar:
            bar(48)
            bar.say("half")
            bar(96)
    lines = [line.split(": ", 1)[1] for line in log.path_of("solve:s").read_text().splitlines() if "progress" in line]
    assert lines == ["tracking s", "tracking s: half", "tracking s: 96 of 96 frames"]


def say_square(number: int) -> int:
    said.debug("square of %d", number)
    return number**2


@pytest.mark.fast
def test_processes_of_a_pool_write_into_the_log_of_the_task(show):
    with log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
        run_by_many(say_square, [(number,) for number in range(20)], 60.0, lambda: None)
    text = log.path_of("solve:s").read_text()
    assert all(f"square of {number}\n" in text for number in range(20))


@pytest.mark.fast
def test_a_link_in_place_of_the_folder_is_refused_and_the_task_goes_on(show, caplog):
    (show / ".gsd-state" / "logs").symlink_to(show.parent / "outside")
    with log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
    assert list((show.parent / "outside").iterdir()) == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == [
        f"no log is written: .gsd-state/logs: a link leads to {show.parent / 'outside'}; needed a folder in the show"
    ]


@pytest.mark.fast
def test_a_link_in_place_of_a_log_is_moved_and_not_followed(show):
    target = show.parent / "outside" / "x"
    target.write_text("mine")
    log.get_logs_folder().mkdir()
    log.path_of("solve:s").symlink_to(target)
    for _ in range(3):
        assert "one" in written("one")
        assert target.read_text() == "mine" and not log.path_of("solve:s").is_symlink()
    os.unlink(log.path_of("solve:s"))
    os.mkfifo(log.path_of("solve:s"))  # opened, it would hang
    assert "one" in written("one")


@pytest.mark.fast
def test_a_folder_that_cannot_be_written_is_one_line(show, caplog):
    log.get_logs_folder().write_text("a file")
    for _ in range(2):
        with log.TaskLog("solve:s") as task_log:
            task_log.begin("never built")
            said.info("goes on")
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["no log is written: .gsd-state/logs/solve-s.log: File exists"]


@pytest.mark.fast
def test_a_disk_that_is_full_in_the_middle_is_one_line(show, caplog):
    with log.TaskLog("solve:s") as task_log:
        task_log.begin("never built")
        full = os.open("/dev/full", os.O_WRONLY)
        os.dup2(full, task_log._file)
        os.close(full)
        said.info("one")
        said.info("two")
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert lines == ["no log is written: .gsd-state/logs/solve-s.log: No space left on device"]


@pytest.mark.fast
def test_only_logs_of_ours_may_be_removed(show):
    written("one")
    notes = log.get_logs_folder() / "notes.log"
    notes.write_text("mine")
    (log.get_logs_folder() / "link.log").symlink_to(log.path_of("solve:s"))
    (show / "elsewhere.log").write_text(log.path_of("solve:s").read_text())
    assert removable_files.may_remove(log.path_of("solve:s"), {})
    others = (notes, log.get_logs_folder() / "link.log", show / "elsewhere.log")
    assert not any(removable_files.may_remove(path, {}) for path in others)


@pytest.mark.fast
def test_what_is_shown_stands_where_it_stood(monkeypatch, capsys):
    loggers = [logging.getLogger(name) for name in log.LOGGERS]
    before = [(list(one.handlers), one.level, one.propagate) for one in loggers]
    try:
        terminal_output.show_messages()
        terminal_output.show_messages()
        said.debug("for the log")
        said.info("a step of %d", 3)
        said.info("removing x", extra={"task": "solve:s"})
        said.error("a fault\nand another")
    finally:
        logging.captureWarnings(False)
        for one, (handlers, level, propagate) in zip(loggers, before, strict=True):
            one.handlers[:], one.propagate = handlers, propagate
            one.setLevel(level)
    found = capsys.readouterr()
    assert found.out == "   a step of 3\nsolve:s - removing x\n" and found.err == "a fault\nand another\n"


def logs(project: Project) -> set[str]:
    folder = project.root / ".gsd-state" / "logs"
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_a_build_leaves_a_log_of_each_task_and_nothing_to_do_leaves_none(small):
    stages = {"footage", "tracks", "solve", "stmap", "scene", "composite", "preview", "report", "export", "publish"}
    assert {name.split("-")[0] for name in logs(small)} - {"objects"} <= stages
    assert {"solve-mini.log", "composite-mini.log", "publish-mini.log"} <= logs(small)
    folder = small.root / ".gsd-state" / "logs"
    text = (folder / "composite-mini.log").read_text()
    assert "build_composite.py in Blender: " in text and "ended with code 0" in text
    assert "solving mini: " in (folder / "solve-mini.log").read_text()
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert small.built("shot=mini").executed == []
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_gc_and_clean_take_the_logs(small):
    assert "0 files" in small.built("gc").out
    notes = small.root / ".gsd-state" / "logs" / "notes.log"
    notes.write_text("mine")
    old = small.root / ".gsd-state" / "logs" / "solve-gone.log"
    old.write_text("shotmake log of solve:gone\n")
    ran = small.built("gc")
    assert ".gsd-state/logs/solve-gone.log" in ran.out and "leaving .gsd-state/logs/notes.log" in ran.out
    small.built("gc", "force=true")
    assert not old.exists() and "solve-mini.log" in logs(small)
    ran = small.built("clean", "solve", "shot=mini")
    assert "solve:mini - removing .gsd-state/logs/solve-mini.log" in ran.out
    assert "solve-mini.log" not in logs(small) and "tracks-mini.log" in logs(small)
    small.built("clean", "-a", "shot=mini")
    assert logs(small) == {"notes.log"}


def test_a_build_without_a_place_for_logs_says_so_once_and_goes_on(small):
    small.built("clean", "report", "shot=mini")
    outside = small.root.parent / "outside"
    outside.mkdir()
    folder = small.root / ".gsd-state" / "logs"
    folder.rename(small.root.parent / "logs")
    folder.symlink_to(outside)
    ran = small.run("shot=mini")
    assert ran.code == 0 and "report:mini" in ran.executed
    assert len(ran.fault_lines) == 1 and ran.fault_lines[0].startswith("no log is written: .gsd-state/logs: a link")
    assert list(outside.iterdir()) == []


def test_workers_write_the_logs_of_their_tasks_and_an_error_of_ours_names_its_log(small):
    project = small.with_own_code()
    path = project.root / "tasks" / "stages" / "report.py"
    path.write_text(
        path.read_text() + "\n\ndef broken(job):\n    return 1 / 0\n\n\nobject.__setattr__(REPORT, 'build', broken)\n"
    )
    project.built("clean", "report", "shot=mini")
    ran = project.run("-n", "2", "shot=mini")
    assert ran.code == 2
    line = "report:mini: an error of shotmake itself, please report it, with .gsd-state/logs/report-mini.log"
    assert line in ran.fault_lines
    assert "ZeroDivisionError" in (project.root / ".gsd-state" / "logs" / "report-mini.log").read_text()


IN_TWO = """
import logging
from shotmake.tasks.commands.terminal_output import say, show_messages
show_messages()
say("a line")
logging.getLogger("shotmake.tests").info("a step")
logging.getLogger("shotmake.tests").warning("a fault")
"""


@pytest.mark.fast
def test_a_line_and_its_end_are_one_write():
    """Workers share a terminal. Where nothing is buffered, another's line would come between the two."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # each write is a packet
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"}
    with ours, theirs:
        subprocess.run([sys.executable, "-c", IN_TWO], env=environment, stdout=theirs, stderr=theirs, check=True)
        theirs.close()
        packets = list(iter(lambda: ours.recv(1000), b""))
    assert packets == [b"a line\n", b"   a step\n", b"a fault\n"]
