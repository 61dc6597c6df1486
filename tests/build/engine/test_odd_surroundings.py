"""Where a build may be started: from cron with closed streams, into a full disk or a pipe that is left, in any locale,
without a home, with few open files or little memory, beside modules that are called as ours. It works, or says in one
line what is missing. Through the real command line."""

import ast
import hashlib
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.shows import attack
from helpers.shows.project import REPOSITORY, Project, Ran
from helpers.tiers import more
from shotmake.tasks.blender import private_blender as blender
from shotmake.tasks.engine.processes.standard_streams import PIPE_CLOSED
from shotmake.tasks.engine.state.explain_shortage import explain_lack

WITHOUT_SOLVE = "  solve: {enabled: false}\n"  # builds in seconds
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
PUBLISHED = ["preview.mp4", "report.html", "report.json"]


@pytest.fixture
def show(tmp_path: Path, small_movie: Path) -> Project:
    return attack.make_small(tmp_path / "show", small_movie, more=WITHOUT_SOLVE)


@pytest.fixture(scope="module")
def built_show(tmp_path_factory, small_movie: Path) -> Project:
    """It is current: do not change it."""
    project = attack.make_small(tmp_path_factory.mktemp("built") / "show", small_movie, more=WITHOUT_SOLVE)
    project.built()
    assert "-- publish:mini" in project.run().out
    return project


def in_shell(project: Project, line: str, **environment: str) -> Ran:
    """A line of a shell, in which $DOIT is doit."""
    doit = f"{sys.executable} -m doit"
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY), "DOIT": doit, **environment}
    done = subprocess.run(["sh", "-c", line], cwd=project.root, env=everything, capture_output=True, timeout=120)
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def run_limited(project: Project, limits: dict[int, tuple[int, int]], *words: str) -> Ran:
    """doit with these limits of the system: {resource: (soft, hard)}."""

    def limit() -> None:
        for name, value in limits.items():
            resource.setrlimit(name, value)

    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-m", "doit", *words]
    done = subprocess.run(
        command, cwd=project.root, env=everything, capture_output=True, text=True, timeout=120, preexec_fn=limit
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def is_built(project: Project) -> bool:
    """Whether it is published, whole, and a next build has nothing to do."""
    there = sorted(path.name for path in (project.root / "build" / "mini").glob("[!.]*"))
    return there == PUBLISHED and project.run("verify").code == 0 and project.run().executed == []


# Streams that are closed


@pytest.mark.parametrize("words", ["", *more("-n 2")])
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_build_works_with_closed_streams_and_writes_nothing_into_files(show, closed, words):
    ran = in_shell(show, f"exec $DOIT {words} {closed}", PYTHONUNBUFFERED="")
    assert ran.code == 0, ran.err
    assert ran.err == "" and (ran.out == "") == (">&- " in f"{closed} " and closed != "2>&-"), ran.out
    assert is_built(show)


@pytest.mark.parametrize("words", ["", "list", "plan", "info tracks:mini", "clean -n", "gc", "verify", "summary"])
def test_commands_work_with_standard_output_closed(built_show, words):
    ran = in_shell(built_show, f"exec $DOIT {words} >&-")
    assert (ran.code, ran.err) == (0, "")


def test_a_fault_is_told_with_standard_output_closed(built_show):
    attack.one_clear_line(in_shell(built_show, "exec $DOIT shot=none >&-"), "shot=none")
    attack.one_clear_line(in_shell(built_show, "exec $DOIT shot=none <&- >&-"), "shot=none")


def test_what_was_typed_elsewhere_is_found_again_with_standard_output_closed(built_show):
    """The process begins anew: its words are relative to the folder it was called in."""
    root = built_show.root
    ran = in_shell(built_show, f"cd .. && exec $DOIT -f {root.name}/dodo.py >&-")
    assert (ran.code, ran.err) == (0, "")


def test_hydras_command_line_works_with_closed_streams(show):
    ran = in_shell(show, f"exec {sys.executable} dodo.py shot=mini <&- >&- 2>&-")
    assert ran.code == 0 and is_built(show)


# Streams that cannot be written

COMMANDS = ["", "list", "plan", "info tracks:mini", "clean -n", "verify", "summary"]


@pytest.mark.parametrize("unbuffered", ["", *more("1")])
@pytest.mark.parametrize("words", COMMANDS)
def test_a_full_disk_behind_standard_output_is_one_line(built_show, words, unbuffered):
    ran = in_shell(built_show, f"exec $DOIT {words} >/dev/full", PYTHONUNBUFFERED=unbuffered)
    attack.one_clear_line(ran, "standard output cannot be written: No space left on device")


def left_pipe(project: Project, words: str, stream: str = "stdout", **environment: str) -> Ran:
    """doit writes into a pipe that nobody reads."""
    reads, writes = os.pipe()
    os.close(reads)
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY), **environment}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: writes}
    command = [sys.executable, "-m", "doit", *words.split()]
    done = subprocess.run(command, cwd=project.root, env=everything, text=True, timeout=120, **streams)
    os.close(writes)
    return Ran(done.returncode, done.stdout or "", done.stderr or "")


@pytest.mark.parametrize("unbuffered", ["", *more("1")])
@pytest.mark.parametrize("words", COMMANDS)
def test_a_closed_pipe_ends_a_command_quietly(built_show, words, unbuffered):
    ran = left_pipe(built_show, words, PYTHONUNBUFFERED=unbuffered)
    assert (ran.code, ran.err) == (PIPE_CLOSED, "")


@pytest.mark.parametrize("words", ["-n 2", *more("")])
@pytest.mark.parametrize("unbuffered", ["", *more("1")])
def test_a_closed_pipe_ends_a_build_quietly_and_the_next_goes_on(show, words, unbuffered):
    ran = in_shell(show, f"($DOIT {words}; echo $? >code) | head -1", PYTHONUNBUFFERED=unbuffered)
    assert (ran.out, ran.err) == (".  footage:mini\n", "")
    assert (show.root / "code").read_text() == f"{PIPE_CLOSED}\n"
    assert held_or_half_written(show) == []
    assert show.run().code == 0 and is_built(show) and attack.litter(show) == []


def held_or_half_written(show: Project) -> list[str]:
    """What is left, but for files of locks that nobody holds: a worker that is ended while it takes one leaves it to
    the next build."""
    return [name for name in attack.litter(show) if name.endswith(".lease") or not is_free_lock(show.root / name)]


def is_free_lock(path: Path) -> bool:
    return path.parent.name == "locks" and not attack.is_held(path)


@pytest.mark.parametrize("words", ["", "-n 2"])
def test_a_full_disk_behind_standard_output_ends_a_build_and_the_next_goes_on(show, words):
    ran = in_shell(show, f"exec $DOIT {words} >/dev/full")
    attack.one_clear_line(ran, "standard output cannot be written")
    assert held_or_half_written(show) == []
    assert show.run().code == 0 and is_built(show) and attack.litter(show) == []


def test_standard_errors_that_nobody_takes_stop_nothing(show, built_show):
    assert in_shell(built_show, "exec $DOIT shot=none 2>/dev/full").code == 1
    assert left_pipe(built_show, "shot=none", "stderr").code == 1
    assert left_pipe(show, "-n 2", "stderr").code == 0 and is_built(show)


def test_standard_output_that_does_not_wait_loses_nothing(built_show):
    """Another program that has the same pipe may have made it so; Python's own file gives up."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    os.write(writes, b"x" * 2**16)  # it is full
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", "plan"],
        cwd=built_show.root,
        env=everything,
        stdout=writes,
        stderr=subprocess.PIPE,
    )
    os.close(writes)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)  # it waits for somebody who reads
    with open(reads, "rb") as pipe:
        said = pipe.read()
    assert process.wait(60) == 0 and process.stderr is not None and process.stderr.read() == b""
    process.stderr.close()
    assert said.lstrip(b"x").startswith(b".  plan:mini") and b"session" in said


def test_a_stream_that_a_program_has_put_in_place_is_left_alone(tmp_path):
    code = (
        "import contextlib, sys\n"
        "with open('said', 'w', encoding='utf-8') as file, contextlib.redirect_stdout(file):\n"
        "    from shotmake.tasks.engine.processes import standard_streams\n"
        "    standard_streams.take_over()\n"
        "    print('into the file')\n"
        "print('into the pipe')\n"
    )
    everything = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=everything, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("into the pipe\n", "")
    assert (tmp_path / "said").read_text() == "into the file\n"


# Locales


@pytest.fixture(scope="module")
def locales(tmp_path_factory) -> Path:
    """A folder with Turkish ones, for LOCPATH: i without a dot, comma for point, and no UTF-8 in one of them."""
    folder = tmp_path_factory.mktemp("locales")
    if shutil.which("localedef") is None:
        pytest.skip("found no localedef")
    for charset in ("UTF-8", "ISO-8859-9"):
        words = ["localedef", "-i", "tr_TR", "-f", charset, str(folder / f"tr_TR.{charset}")]
        if subprocess.run(words, capture_output=True).returncode:
            pytest.skip("the sources of the locales are not installed")
    return folder


def with_umlauts(project: Project) -> Project:
    """The shot and its plate under names that no ASCII says."""
    (project.root / "footage" / "mini.mp4").rename(project.root / "footage" / "mül ıİ.mp4")
    old = project.root / "conf" / "shot" / "mini.yaml"
    project.write_shot("mül", old.read_text(encoding="utf-8").replace("mini.mp4", "mül ıİ.mp4"))
    old.unlink()
    return project


def contents(project: Project) -> dict[str, str]:
    """What must be equal in every locale, by its place in the state folder."""
    state = project.root / ".gsd-state"
    found = [path for path in state.rglob("*") if path.suffix in (".npz", ".json") and path.name != "format.json"]
    found = [path for path in found if not path.name.endswith(".stamp.json")]  # these have the time
    return {str(path.relative_to(state)): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


@pytest.fixture(scope="module")
def in_utf8(tmp_path_factory, small_movie: Path) -> dict[str, str]:
    project = attack.make_small(tmp_path_factory.mktemp("utf8") / "show", small_movie, more=WITHOUT_SOLVE)
    with_umlauts(project).built()
    return contents(project)


@pytest.mark.parametrize("words", ["-n 2", *more("")])
def test_an_ascii_locale_gives_the_same_files(show, in_utf8, words):
    ran = in_shell(with_umlauts(show), f"exec $DOIT {words} shot=mül", **ASCII)
    assert (ran.code, ran.err) == (0, ""), ran.err
    assert contents(show) == in_utf8 and len(in_utf8) >= 4
    assert in_shell(show, "exec $DOIT shot=mül", **ASCII).executed == []


@pytest.mark.parametrize("name", ["tr_TR.UTF-8", "tr_TR.ISO-8859-9"])
def test_turkish_locales_give_the_same_files(show, in_utf8, locales, name):
    ran = in_shell(with_umlauts(show), "exec $DOIT", LC_ALL=name, LOCPATH=str(locales))
    assert (ran.code, ran.err) == (0, ""), ran.err
    assert contents(show) == in_utf8


SAYS_ITS_LOCALE = "    detector_cmd: sh -c 'echo $PYTHONUTF8 $LC_ALL > said' {detections}\n"


def test_the_users_programs_are_given_the_locale_that_the_user_has(show):
    """Ours begins anew in UTF-8; what it starts must not be told so."""
    show.write_shot("mini", attack.shot_yaml(more=WITHOUT_SOLVE + "  objects:\n    enabled: true\n" + SAYS_ITS_LOCALE))
    in_shell(show, "exec $DOIT objects", **ASCII)
    assert (show.root / "said").read_text() == "0 C\n"


def test_a_message_says_a_name_that_the_terminal_cannot(built_show):
    for environment in (ASCII, {**ASCII, "PYTHONIOENCODING": "ascii"}):
        ran = in_shell(built_show, "exec $DOIT shot=mül", **environment)
        attack.one_clear_line(ran, "no conf/shot/m")
    ran = in_shell(built_show, "exec $DOIT list --all 'shot=m\\351'", PYTHONIOENCODING="ascii")
    assert attack.SIGNATURE_OF_A_CRASH not in ran.err and ran.code == 1


SOURCES = [
    path
    for folder in ("tasks", "shotmake", "blender_scripts", "hydra_plugins")
    for path in sorted((REPOSITORY / folder).rglob("*.py"))
]


@pytest.mark.parametrize("path", [*SOURCES, REPOSITORY / "dodo.py"], ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_every_text_file_names_its_encoding(path):
    """Without one the locale decides: what a colleague wrote is read otherwise, or not at all."""
    without = [ast.unparse(node) for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if _is_text(node)]
    assert without == []


def _is_text(node: ast.AST) -> bool:
    """Whether it is a call that opens a text in the encoding of the locale."""
    if not isinstance(node, ast.Call) or any(word.arg == "encoding" for word in node.keywords):
        return False
    called = ast.unparse(node.func)
    name = called.rpartition(".")[2]
    words = {word.arg: ast.unparse(word.value) for word in node.keywords}
    first = {"open": 1, "fdopen": 1, "TemporaryFile": 0, "NamedTemporaryFile": 0}  # where the mode stands
    if name in ("read_text", "write_text"):
        return isinstance(node.func, ast.Attribute)
    if called in ("open", "io.open", "os.fdopen") or name in ("TemporaryFile", "NamedTemporaryFile"):
        given = [ast.unparse(one) for one in node.args[first[name] : first[name] + 1]]
        mode = (given or [words.get("mode", "'w+b'" if "Temporary" in name else "'r'")])[0]
        return "b" not in mode
    starts = name in ("run", "Popen", "check_output", "check_call", "call")
    return starts and {"text", "universal_newlines"} & set(words) != set()


@pytest.mark.parametrize(
    "line",
    ["open(p)", "open(p, 'w')", "p.read_text()", "os.fdopen(3)", "subprocess.run(w, text=True)", "TemporaryFile('w+')"],
)
def test_the_search_for_texts_without_an_encoding_finds_them(line):
    assert _is_text(ast.parse(line, mode="eval").body)


# Homes


@pytest.mark.parametrize(
    "environment",
    [{"HOME": "/proc", "XDG_CACHE_HOME": "/proc/1"}, *more({"HOME": "/nonexistent"}, {"XDG_CACHE_HOME": "rel"})],
)
def test_a_home_that_cannot_be_written_stops_nothing(show, environment):
    ran = in_shell(show, "exec $DOIT", **environment)
    assert (ran.code, ran.err) == (0, "") and is_built(show)
    assert not (show.root / "rel").exists()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"HOME": "/h"}, "/h/.cache/shotmake"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "/c"}, "/c/shotmake"),
        ({"HOME": "/h", "XDG_CACHE_HOME": "c"}, "/h/.cache/shotmake"),  # a relative one would lie in the show
        ({"HOME": "/h", "SHOTMAKE_BLENDER_HOME": "/b"}, "/b"),
        ({"HOME": "h"}, "None"),
    ],
)
def test_where_blender_is_kept(monkeypatch, environment, expected):
    for name in ("HOME", "XDG_CACHE_HOME", "SHOTMAKE_BLENDER_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert str(blender.find_homes()) == expected


# Few open files, little memory


@pytest.mark.parametrize("words", [[], ["-n", "2"]])
def test_too_few_open_files_are_one_line_and_64_are_enough(show, words):
    few = run_limited(show, {resource.RLIMIT_NOFILE: (8, 8)}, *words)
    attack.one_clear_line(few, "too many open files: at most 8 may be open at once; raise the limit (ulimit -n 1024)")
    ran = run_limited(show, {resource.RLIMIT_NOFILE: (64, 64)}, *words)
    assert ran.code == 0 and is_built(show), ran.err


@pytest.mark.parametrize("count", [14, *more(10, 20, 26)])
def test_workers_that_cannot_all_be_started_are_not_waited_for(show, count):
    ran = run_limited(show, {resource.RLIMIT_NOFILE: (count, count)}, "-n", "2")
    assert ran.code == 0 or "too many open files" in ran.err, ran.err
    assert attack.SIGNATURE_OF_A_CRASH not in ran.err


def test_the_limit_of_open_files_that_one_may_raise_is_raised(show):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    ran = run_limited(show, {resource.RLIMIT_NOFILE: (8, hard)}, "-n", "2")
    assert ran.code == 0 and is_built(show), ran.err


AS_ANOTHER = """
import errno, os, resource, sys
from pathlib import Path
from shotmake.tasks.engine.state.explain_shortage import explain_lack
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, int(sys.argv[2])))
if int(sys.argv[1]) != os.geteuid():
    os.setuid(int(sys.argv[1]))
print(explain_lack(OSError(getattr(errno, sys.argv[3]), "x"), Path("x")))
"""


@pytest.mark.parametrize(
    ("user", "hard", "error", "line"),
    [
        (0, 1024, "EMFILE", "too many open files: at most 1024 may be open at once; raise the limit (ulimit -n 4096)"),
        (7, 2048, "EMFILE", "too many open files: at most 1024 may be open at once; raise the limit (ulimit -n 2048)"),
        (
            7,
            1024,
            "EMFILE",
            "too many open files: at most 1024 may be open at once, and this user may not raise that; "
            "needed a higher hard limit (ulimit -Hn)",
        ),
        (7, 1024, "ENFILE", "too many open files: the machine can open no more for anybody; close other programs"),
    ],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_the_limit_of_open_files_that_is_told_is_one_that_this_user_can_have(user, hard, error, line):
    command = [sys.executable, "-c", AS_ANOTHER, str(user), str(hard), error]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == line, done.stderr


@pytest.mark.parametrize("most_mb", [45, 150, 400])
def test_too_little_memory_is_one_line(show, most_mb):
    """At 400 it is FFmpeg that finds none, and the movie is not to blame."""
    ran = run_limited(show, {resource.RLIMIT_AS: (most_mb * 10**6, most_mb * 10**6)})
    by_library = ran.err.startswith("OpenBLAS error: Memory allocation")  # and it ends the process
    attack.one_clear_line(
        ran, *([] if by_library else ["out of memory: this process may have", "MB; raise the limit (ulimit -v)"])
    )


def raised(function: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        function()
    return caught.value


def test_what_libraries_say_of_memory_is_understood():
    import numpy as np

    assert explain_lack(raised(lambda: np.zeros(2**50)), Path("x")).startswith("out of memory")
    assert explain_lack(ImportError("libvpx.so: failed to map segment from shared object"), Path("x")).startswith(
        "out of mem"
    )
    behind = ImportError("read the documentation")
    behind.__cause__ = MemoryError()
    assert explain_lack(behind, Path("x")).startswith("out of memory")


def test_memory_that_python_itself_found_missing_is_told_where_memory_is_limited():
    lost = SystemError("error return without exception set")
    assert explain_lack(lost, Path("x")) == ""  # a fault of an extension: nothing limits this process
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**45, hard))
    try:
        assert explain_lack(lost, Path("x")).startswith("out of memory")
        assert explain_lack(SystemError("unknown opcode"), Path("x")) == ""
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


AT_AN_END = """
import atexit
from shotmake.tasks.engine.faults_in_one_line import end_on_lack

def find_no_memory():
    raise MemoryError

atexit.register(print, "more was run")
end_on_lack(find_no_memory)()
"""


def test_nothing_runs_behind_the_line_that_tells_a_lack():
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", AT_AN_END]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "out of memory; close other programs, or build with fewer -n\n"


def test_errors_of_ours_are_not_hidden_as_a_lack():
    for error in (ValueError("memory"), KeyError("open"), RuntimeError("x"), ImportError("no module named memory")):
        assert explain_lack(error, Path("x")) == ""


# Modules that are called as ours


@pytest.mark.parametrize("package", [False, True])
def test_modules_on_the_path_that_are_called_as_ours_are_not_taken(show, tmp_path, package):
    folder = tmp_path / "others"
    folder.mkdir()
    for name in ("tasks", "conf", "dodo", "shotmake", "hydra_plugins", "blender_scripts"):
        path = folder / name / "__init__.py" if package else folder / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise RuntimeError('another program')\n")
    behind = {"PYTHONPATH": f"{folder}{os.pathsep}{REPOSITORY}"}
    for name in ("shotmake", "hydra_plugins"):  # in front of an installed one these two are what Python takes
        path = folder / name
        shutil.rmtree(path) if package else path.with_suffix(".py").unlink()
    ran = in_shell(show, "exec $DOIT", **behind)
    assert ran.code == 0 and is_built(show), ran.err
    hydra = in_shell(show, f"exec {sys.executable} dodo.py shot=mini --cfg job", **behind)
    assert hydra.code == 0, hydra.err
