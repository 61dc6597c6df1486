"""blender: the build's own Blender, in a private environment that all clones share; and how to run it.

bpy needs numpy < 2 and our own environment numpy >= 2, so the two never share one.
"""

import errno
import fcntl
import json
import os
import shutil
import signal
import stat
import sys
import tempfile
from pathlib import Path
from typing import IO

from doit.exceptions import TaskFailed

from shotmake.errors import ShotError
from shotmake.files.input_file import check_file
from shotmake.tasks.engine.processes.environments import blender_environment, users_environment
from shotmake.tasks.engine.processes.programs import Started, allow, run
from shotmake.tasks.engine.stage import Node
from shotmake.tasks.engine.state.lacking import lack
from shotmake.tasks.show import show_folder, tool_folder

# What makes Blender read a file that nobody watches, so that a shot comes out otherwise on another desk: a colour
# config with spaces of its own, and where USD looks for layers and for code.
READ_BY_BLENDER = ("OCIO", "PXR_AR_DEFAULT_SEARCH_PATH", "PXR_PLUGINPATH_NAME")
AUTO = "4.5"  # the LTS that composite.blender.version: auto means
PYTHON = (3, 11)  # what the wheels of every version we know are for
LIBRARIES = "libgl1 libsm6 libice6 libx11-6 libxext6 libxfixes3 libxi6 libxrender1 libxkbcommon0"
KEY = "composite.blender.executable"
CURE = f"set SHOTMAKE_BLENDER_HOME to a folder that you may write in, or {KEY}"
ALONE = "-I"  # no variable, no folder of the user's or of the show's brings our own Blender a module
BINARY_FLAGS = ["--factory-startup", "--disable-autoexec", "--background", "--python-exit-code", "1", "--python"]


def environment(version: str = AUTO) -> Path:
    """Where our Blender of that version lives. ShotError where there is no place for it."""
    place = homes()
    if place is None:
        raise ShotError(f"found no home folder to keep Blender in; {CURE}")
    return place / f"blender-{version}"


def homes() -> Path | None:
    """The folder of all our Blenders: $SHOTMAKE_BLENDER_HOME or the user's cache folder; None without any."""
    if named := os.environ.get("SHOTMAKE_BLENDER_HOME"):
        return Path(named)
    cache = os.environ.get("XDG_CACHE_HOME") or ""
    cache = cache if os.path.isabs(cache) else os.path.expanduser("~/.cache")  # a relative one does not count
    return Path(cache) / "shotmake" if os.path.isabs(cache) else None


def python(version: str = AUTO) -> Path:
    return environment(version) / "bin" / "python"


def ready(version: str = AUTO) -> bool:
    """ready.json is written last, after bpy was imported once."""
    place = homes()
    if place is None:
        return False
    found = (place / f"blender-{version}" / "ready.json", python(version))
    return all(map(os.path.isfile, found))  # False too where another user's may not be looked at


def task(users: list[Node]) -> dict:
    """The doit task; nothing to do when every shot names a Blender of its own, or has what it makes already."""
    ours = [node for node in users if node.settings["executable"] is None]
    versions = sorted({version_of(node.settings) for node in ours})
    return {
        "basename": "blender",
        "doc": f"Blender (bpy) in {homes() or 'a folder that is missing: there is no home'}",
        "actions": [(make_environment, [version]) for version in versions] or None,
        "uptodate": [lambda: all(map(ready, versions)) or not any(node.why_stale() for node in ours)],
        "verbosity": 2,
    }


def version_of(settings: dict) -> str:
    """Of our own Blender for a node's settings: composite.blender, or the executable alone (tracks, solve: auto)."""
    version = settings.get("version", "auto")
    return AUTO if version == "auto" else version


def make_environment(version: str = AUTO) -> TaskFailed | None:
    """Make the environment beside its place and rename it when bpy runs; about 900 MB, once per user."""
    try:
        home = environment(version)
    except ShotError as error:
        return TaskFailed(f"blender: {error}")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with open(home.parent / f"{home.name}.lock", "w", encoding="utf-8") as lock:
            _hold(lock, f"   waiting for another build to install Blender {version} in {home}")
            if not ready(version):
                print(f"   installing Blender {version} (bpy, about 900 MB, once) in {home}", flush=True)
                _install(home, version)
    except ShotError as error:
        return TaskFailed(f"blender: {error}")
    except OSError as error:
        line = lack(error, home.parent)
        if not line:
            raise
        return TaskFailed(f"blender: {line}; {CURE}")
    return None


def _hold(lock: IO, waiting: str) -> None:
    """Hold the lock file; say so when somebody else has it, and wait: whoever that is has limits of their own."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(waiting, flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)


def _install(home: Path, version: str) -> None:
    part = Path(tempfile.mkdtemp(prefix=f".part-{home.name}-", dir=home.parent))
    try:
        _run([_python_for_bpy(version), ALONE, "-m", "venv", str(part)])
        _run([str(part / "bin" / "python"), ALONE, "-m", "pip", "install", "-q", f"bpy=={version}.*", "numpy<2"])
        found = _run([str(part / "bin" / "python"), ALONE, "-c", "import bpy; print('bpy', bpy.app.version_string)"])
        (part / "ready.json").write_text(json.dumps({"bpy": found.split("bpy ")[-1].strip()}) + "\n", encoding="utf-8")
        part.chmod(stat.S_IMODE((part / "bin").stat().st_mode))  # mkdtemp's is for one user alone
        shutil.rmtree(home, ignore_errors=True)  # what a killed installation left
        os.replace(part, home)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _python_for_bpy(version: str) -> str:
    if sys.version_info[:2] == PYTHON:
        return sys.executable
    name = "python{}.{}".format(*PYTHON)
    found = shutil.which(name)
    if found is None:
        raise ShotError(f"found no {name}, which bpy {version} needs; install it or set composite.blender.executable")
    return found


def _run(command: list[str]) -> str:
    name = f"{Path(command[0]).name} {' '.join(command[1:4])}"
    done = run(Started(command, name, "install_minutes", Path(command[0]).parent, users_environment()))
    if done.code:
        raise ShotError(f"{name}: {_advice(done.err or done.out)}")
    return done.out


def _advice(output: str) -> str:
    last = output.strip().splitlines()[-1] if output.strip() else "no output"
    if "cannot open shared object file" in output:
        return f"{last}; install the libraries Blender needs (Debian: apt install {LIBRARIES})"
    return last


def command(executable: str | None, version: str = AUTO) -> list[str]:
    """The words before a script's name: our Python with that version's bpy, another one, or a Blender binary."""
    if executable is None:
        return [str(python(version)), ALONE]
    found = shutil.which(executable) or shutil.which(str(show_folder() / executable))
    if found is None:
        raise ShotError(f"{KEY}: found no program {executable}; null uses our own Blender")
    check_file(Path(found), executable, KEY, "a program")
    return [found] if Path(found).name.startswith("python") else [found, *BINARY_FLAGS]


def told_by(settings: dict) -> Path:
    """The file that tells which Blender it is: what depends on its pictures depends on that one. settings:
    composite.blender."""
    if settings["executable"] is None:
        return environment(version_of(settings)) / "ready.json"
    return Path(command(settings["executable"])[0])


def run_script(script: str, arguments: list[str], executable: str | None, version: str = AUTO) -> str:
    """Run blender_scripts/<script> in Blender -> its stdout.

    ShotError with the script's own line when it refuses its input, or when Blender is killed, is none, takes too long
    or is not to run; RuntimeError with all output when it breaks.
    """
    words = command_line(script, arguments, executable, version)
    done = run(Started(words, named(script), "blender_minutes", show_folder(), environment_of(executable)))
    if done.code:
        raise failure(script, words[0], done.code, done.out, done.err)
    return done.out


def named(script: str) -> str:
    """What a script that runs in Blender is called in messages."""
    return f"{script} in Blender"


def environment_of(executable: str | None) -> dict[str, str]:
    """What this Blender is given: a studio's own Blender may need all that the studio has set."""
    given = blender_environment() if executable is None else users_environment()
    return {name: value for name, value in given.items() if name not in READ_BY_BLENDER}


def command_line(script: str, arguments: list[str], executable: str | None, version: str = AUTO) -> list[str]:
    """All words that run blender_scripts/<script>. ShotError when the user has forbidden to run a show's Blender; it
    is said before its first run."""
    words = command(executable, version)
    if words[-1] == BINARY_FLAGS[-1]:
        arguments = ["--", *arguments]  # a Blender binary keeps what stands before for itself
    whole = [*words, str(tool_folder() / "blender_scripts" / script), *arguments]
    if executable is not None:
        allow(KEY, whole, told_as=(executable,))
    return whole


def failure(script: str, program: str, code: int, out: str, err: str) -> Exception:
    """Why Blender ended with this code: ShotError or OSError where the user can cure it, else RuntimeError."""
    refusals = [line for line in err.splitlines() if line.startswith(f"{script}: ")]
    if refusals:
        return ShotError(*refusals)
    if "cannot open shared object file" in err:
        return ShotError(_advice(err))
    if os.strerror(errno.ENOSPC) in err:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named 'bpy'" in err:
        return ShotError(f"{KEY}: {program} cannot import bpy; null uses our own Blender")
    number = -code if code < 0 else code - 128  # a shell's way to say it
    if number in set(signal.Signals):
        name = signal.Signals(number).name
        return ShotError(f"{script}: Blender was ended by {name}; build again, with more memory or fewer jobs")
    return RuntimeError(f"{script} failed ({code}):\n{out[-2000:]}\n{err[-4000:]}")
