"""The build's own Blender, in a private environment that all clones share, and how to run a Blender.

bpy needs numpy < 2 and our own environment needs numpy >= 2, so the two never share an environment.
"""

import errno
import fcntl
import json
import logging
import os
import shutil
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.files.input_file import check_file
from shotmake.files.user_cache import find_user_cache
from shotmake.tasks.engine.log import TaskLog, find_open_log
from shotmake.tasks.engine.processes.environments import make_blender_environment, make_users_environment
from shotmake.tasks.engine.processes.run_programs import Started, allow, run
from shotmake.tasks.engine.stage import Node
from shotmake.tasks.engine.state.explain_shortage import explain_lack
from shotmake.tasks.show import get_show_folder, get_tool_folder, name_in_show

# Variables that make Blender read files that nobody watches, so that a shot would look different on another desk: a
# colour config with its own spaces, and the places where USD looks for layers and for code.
READ_BY_BLENDER = ("OCIO", "PXR_AR_DEFAULT_SEARCH_PATH", "PXR_PLUGINPATH_NAME")
AUTO = "4.5"  # the LTS that composite.blender.version: auto means
PYTHON = (3, 11)  # the Python for which the wheels of every version we know are made
LIBRARIES = "libgl1 libsm6 libice6 libx11-6 libxext6 libxfixes3 libxi6 libxrender1 libxkbcommon0"
KEY = "composite.blender.executable"
CURE = f"set SHOTMAKE_BLENDER_HOME to a folder that you may write in, or {KEY}"
ALONE = "-I"  # our own Blender loads no module by a variable or from a folder of the user or of the show
# With these signals a program ends itself: for want of memory, the system sends SIGKILL.
CRASHES = (signal.SIGSEGV, signal.SIGABRT, signal.SIGILL, signal.SIGBUS, signal.SIGFPE, signal.SIGTRAP, signal.SIGSYS)
BINARY_FLAGS = ["--factory-startup", "--disable-autoexec", "--background", "--python-exit-code", "1", "--python"]

_log = logging.getLogger(__name__)


def find_environment(version: str = AUTO) -> Path:
    """Return where our Blender of that version lives. Raises ShotError where there is no place for it."""
    place = find_homes()
    if place is None:
        raise ShotError(f"found no home folder to keep Blender in; {CURE}")
    return place / f"blender-{version}"


def find_homes() -> Path | None:
    """Return the folder of all our Blenders: $SHOTMAKE_BLENDER_HOME or the user's cache folder; None without either."""
    if named := os.environ.get("SHOTMAKE_BLENDER_HOME"):
        return Path(named)
    return find_user_cache()


def find_python(version: str = AUTO) -> Path:
    """Return the Python of our Blender of that version. Raises ShotError where there is no place for it."""
    return find_environment(version) / "bin" / "python"


def is_ready(version: str = AUTO) -> bool:
    """Return whether our Blender of that version is installed: ready.json is written last, after bpy was
    imported once.
    """
    place = find_homes()
    if place is None:
        return False
    found = (place / f"blender-{version}" / "ready.json", find_python(version))
    return all(map(os.path.isfile, found))  # also False where we have no right to look at another user's files


def make_task(users: list[Node]) -> dict:
    """Return the doit task that installs our Blender.

    It has nothing to do when every shot names its own Blender, or has already what Blender makes.
    """
    ours = [node for node in users if node.settings["executable"] is None]
    versions = sorted({version_of(node.settings) for node in ours})
    return {
        "basename": "blender",
        "doc": f"Blender (bpy) in {find_homes() or 'a folder that is missing: there is no home'}",
        "actions": [(make_environment, [version]) for version in versions] or None,
        "uptodate": [lambda: all(map(is_ready, versions)) or not any(node.why_stale() for node in ours)],
        "verbosity": 2,
    }


def version_of(settings: dict) -> str:
    """Return the version of our own Blender for a node's settings.

    The settings are composite.blender, or hold the executable alone (files that Blender reads), which means auto.
    """
    version = settings.get("version", "auto")
    return AUTO if version == "auto" else version


def make_environment(version: str = AUTO) -> TaskFailed | None:
    """Make the environment of our Blender beside its place, and rename it when bpy runs. About 900 MB, once per user.

    Returns None, or a failed task when it cannot be made.
    """
    try:
        home = find_environment(version)
    except ShotError as error:
        return TaskFailed(f"blender: {error}")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with TaskLog("blender") as log, open(home.parent / f"{home.name}.lock", "w", encoding="utf-8") as lock:
            _hold(lock, f"waiting for another build to install Blender {version} in {home}")
            if not is_ready(version):
                log.begin(f"Blender {version} is missing")
                _log.info("installing Blender %s (bpy, about 900 MB, once) in %s", version, home)
                _install(home, version)
    except ShotError as error:
        return TaskFailed(f"blender: {error}")
    except OSError as error:
        line = explain_lack(error, home.parent)
        if not line:
            raise
        return TaskFailed(f"blender: {line}; {CURE}")
    return None


def _hold(lock: IO, waiting: str) -> None:
    """Hold the lock file. When another build has it, say so and wait: that build has limits of its own."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _log.info(waiting)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _install(home: Path, version: str) -> None:
    part = Path(tempfile.mkdtemp(prefix=f".part-{home.name}-", dir=home.parent))
    try:
        _run([_find_python_for_bpy(version), ALONE, "-m", "venv", str(part)])
        _run([str(part / "bin" / "python"), ALONE, "-m", "pip", "install", "-q", f"bpy=={version}.*", "numpy<2"])
        found = _run([str(part / "bin" / "python"), ALONE, "-c", "import bpy; print('bpy', bpy.app.version_string)"])
        (part / "ready.json").write_text(json.dumps({"bpy": found.split("bpy ")[-1].strip()}) + "\n", encoding="utf-8")
        part.chmod(stat.S_IMODE((part / "bin").stat().st_mode))  # mkdtemp makes a folder for one user alone
        shutil.rmtree(home, ignore_errors=True)  # remove what a killed installation left
        part.replace(home)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _find_python_for_bpy(version: str) -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = "python{}.{}".format(*PYTHON)
    found = shutil.which(name)
    if found is None:
        raise ShotError(f"found no {name}, which bpy {version} needs; install it or set composite.blender.executable")
    return found


def _run(command: list[str]) -> str:
    name = f"{Path(command[0]).name} {' '.join(command[1:4])}"
    done = run(Started(command, name, "install_minutes", Path(command[0]).parent, make_users_environment()))
    if done.code:
        raise ShotError(f"{name}: {_advise(done.err or done.out)}")
    return done.out


def _advise(output: str) -> str:
    last = output.strip().splitlines()[-1] if output.strip() else "no output"
    if "cannot open shared object file" in output:
        return f"{last}; install the libraries Blender needs (Debian: apt install {LIBRARIES})"
    return last


def make_command(executable: str | None, version: str = AUTO) -> list[str]:
    """Return the words before a script's name: our Python with that version's bpy, another Python, or a Blender binary.

    Raises ShotError when there is no such program.
    """
    if executable is None:
        return [str(find_python(version)), ALONE]
    found = shutil.which(executable) or shutil.which(str(get_show_folder() / executable))
    if found is None:
        raise ShotError(f"{KEY}: found no program {executable}; null uses our own Blender")
    check_file(Path(found), executable, KEY, "a program")
    return [found] if Path(found).name.startswith("python") else [found, *BINARY_FLAGS]


def find_version_file(settings: dict) -> Path:
    """Return the file that tells which Blender it is. Results that depend on this Blender's pictures depend on that
    file.

    `settings`: composite.blender. Raises ShotError when there is no such program.
    """
    if settings["executable"] is None:
        return find_environment(version_of(settings)) / "ready.json"
    return Path(make_command(settings["executable"])[0])


def run_script(script: str, arguments: list[str], executable: str | None, version: str = AUTO) -> str:
    """Run blender_scripts/<script> in Blender; return what it prints.

    Raises ShotError with the script's own line when it refuses its input; also when Blender is killed, is not a
    Blender, takes too long or must not be run. Raises OSError when the disk is full, and RuntimeError with all output
    when the script breaks.
    """
    words = make_command_line(script, arguments, executable, version)
    done = run(Started(words, name_script(script), "blender_minutes", get_show_folder(), environment_of(executable)))
    if done.code:
        raise make_failure(script, words[0], done.code, done.out, done.err)
    return done.out


@contextmanager
def name_file_in_faults(script: str, file: str, key: str) -> Iterator[None]:
    """Let what the script says about a file name the file and its key, not the script.

    Raises ShotError in place of one that is raised in the block. What is told of Blender itself, as that it is missing
    or was ended, stays as it is: the file is not at fault.
    """
    said = f"{script}: "
    try:
        yield
    except ShotError as error:
        faults = []
        for fault in error.faults:
            if fault.startswith(said):
                fault = fault.removeprefix(said)
                fault = fault if fault.startswith(file) else f"{file}: {fault}"
                fault = fault if f"{key.rpartition('.')[0]}." in fault else f"{fault} ({key})"
            faults.append(fault)
        raise ShotError(*faults) from error


def name_script(script: str) -> str:
    """Return how messages call a script that runs in Blender."""
    return f"{script} in Blender"


def environment_of(executable: str | None) -> dict[str, str]:
    """Return the environment for this Blender. A studio's own Blender may need all that the studio has set."""
    given = make_blender_environment() if executable is None else make_users_environment()
    return {name: value for name, value in given.items() if name not in READ_BY_BLENDER}


def make_command_line(script: str, arguments: list[str], executable: str | None, version: str = AUTO) -> list[str]:
    """Return all words that run blender_scripts/<script>, and say them before the first run of a show's own Blender.

    Raises ShotError when the user has forbidden to run a show's Blender.
    """
    words = make_command(executable, version)
    if words[-1] == BINARY_FLAGS[-1]:
        arguments = ["--", *arguments]  # a Blender binary takes what stands before this for itself
    whole = [*words, str(get_tool_folder() / "blender_scripts" / script), *arguments]
    if executable is not None:
        allow(KEY, whole, told_as=(executable,))
    return whole


def _explain_signal(script: str, number: signal.Signals) -> str:
    name = name_script(script)
    if number in CRASHES:
        log = find_open_log()
        return f"{name} crashed ({number.name}){f'; what it said is in {name_in_show(log)}' if log else ''}"
    cure = "build again, with more memory or fewer jobs" if number == signal.SIGKILL else "build again"
    return f"{name} was ended by {number.name}; {cure}"


def make_failure(script: str, program: str, code: int, out: str, err: str) -> Exception:
    """Return the error for a Blender that ended with this code: ShotError or OSError where the user can cure it, else
    RuntimeError.
    """
    refusals = [line for line in err.splitlines() if line.startswith(f"{script}: ")]
    if refusals:
        return ShotError(*refusals)
    if "cannot open shared object file" in err:
        return ShotError(_advise(err))
    if os.strerror(errno.ENOSPC) in err:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named 'bpy'" in err:
        return ShotError(f"{KEY}: {program} cannot import bpy; null uses our own Blender")
    number = -code if code < 0 else code - 128  # a shell tells a signal as 128 + its number
    if number in set(signal.Signals):
        return ShotError(_explain_signal(script, signal.Signals(number)))
    return RuntimeError(f"{script} failed ({code}):\n{out[-2000:]}\n{err[-4000:]}")
