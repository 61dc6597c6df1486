"""Shows as a stranger might send them: a small show that was built, with one thing in it made hostile.

Run:  python tests/helpers/shows/hostile_shows.py --cases 1000 [--first 0]      a line for each case that went wrong,
then the totals

Each case has a seed: what is made hostile, how, and the command that is run then. A watched tree lies beside the show.
"""

import argparse
import hashlib
import json
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(HERE), str(HERE.parent)]

from helpers.shows.attack import make_small, small_movie
from helpers.shows.project import REPOSITORY, Project

SLOWEST_S = 20.0
MOST_MB = 900  # of one process; numpy, OpenCV and PyAV with a small plate take 300
LEASE_S = "1"
MOVED = (".gsd-state", "build", "conf")  # what a case changes
SWEEP = ("dodo.py", "-m", "shot=mini", "task=footage", "tracking.detect.min_tracks=60,61")
COMMANDS = (
    [], ["plan"], ["verify"], ["summary"], ["gc"], ["gc", "force=true"], ["sessions"], ["clean"], ["list", "--all"],
    ["forget"], ["shot=mini"], ["shot=mini", "tracking.detect.min_tracks=60"], ["clean", "shot=mini"],
    ["new", "shot=other", "file=footage/mini.mp4"], ["sessions", "delete=SESSION"], ["-n", "2"],
    [*SWEEP], [*SWEEP, "hydra/launcher=basic"], [*SWEEP, "hydra/launcher=joblib"],
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What was done to the show, in words, and what was run."""

    seed: int
    done: str
    command: list[str]


def make_show(root: Path) -> Project:
    """A small show, built, with a variant; the watched tree lies beside it, in `outside`."""
    root.mkdir(parents=True, exist_ok=True)
    movie = small_movie(root / "mini.mp4", frame_count=24)
    project = make_small(root / "show", movie)
    boxes = [f"{frame},-1,{20 + frame},40,60,50,0.9,-1,-1,-1" for frame in range(1, 25)]
    (project.root / "footage" / "boxes.txt").write_text("\n".join(boxes) + "\n")
    text = (project.root / "conf" / "shot" / "mini.yaml").read_text()
    text += "  solve: {enabled: false}\n  objects: {enabled: true, detections: footage/boxes.txt}\n"
    project.write_shot("mini", text)
    project.write_shot("good", text.replace("name: mini", "name: good"))
    project.built()
    project.built("shot=mini", "tracking.detect.min_tracks=60")
    outside = root / "outside"
    (outside / "deep").mkdir(parents=True)
    for name in ("x", "victim.txt", "deep/x", "shot-0123456789ab", "deep/tracks.npz.stamp.json"):
        (outside / name).write_text(f"the artist's {name}\n")
    for name in MOVED:
        shutil.copytree(project.root / name, root / "pristine" / name, symlinks=True)
    return project


def with_code_of_now(project: Project) -> Project:
    """A show that was made before, with the code of today."""
    shutil.copy(REPOSITORY / "dodo.py", project.root / "dodo.py")
    return project


def restore(project: Project) -> None:
    """The show as it was built."""
    for name in MOVED:
        path = project.root / name
        if path.is_symlink() or path.is_file():
            path.unlink()
        elif path.exists():
            shutil.rmtree(path)
        shutil.copytree(project.root.parent / "pristine" / name, path, symlinks=True)


def state_of(folder: Path) -> dict[str, tuple]:
    """Everything in a tree: kind, inode, mode, mtime and content of each."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        seen = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (seen.st_ino, seen.st_mode, seen.st_mtime_ns, content)
    return found


class Stranger:
    """Makes one thing in a show hostile, by a seed."""

    def __init__(self, project: Project, seed: int):
        self.root, self.outside = project.root, project.root.parent / "outside"
        self.random = random.Random(seed)

    def attack(self) -> str:
        """What was done, in words."""
        ways: tuple[Callable[[], str], ...] = (
            self.put_path, self.put_path, self.claim, self.claim, self.put_value, self.put_value, self.replace_file,
            self.replace_file, self.replace_folder, self.write_yaml, self.write_yaml, self.reshape_cache,
            self.leave_lock, self.forge, self.forge,
        )  # fmt: skip
        return self.random.choice(ways)()

    def paths(self) -> list[str]:
        """Names that lead out, or nowhere."""
        out, up = self.outside, os.path.relpath(self.outside, self.root)
        return [
            f"{up}/x", f"../{up}/x", f"../../{up}/x", f"../../../{up}/x", f"{out}/x", f"{out}/victim.txt", str(out),
            f"{up}/deep/x", "..", ".", "", "/", "a\0b", "a\nb", "x" * 300, "~/x", "$HOME/x", "con:x",
            "a//../../../../x", "/dev/zero", "/proc/self/mem", "\ud800",
        ]  # fmt: skip

    def some_path(self) -> str:
        return self.random.choice(self.paths())

    def records(self) -> list[Path]:
        """The JSON that the build keeps, and the notes of variants."""
        found = [*self.root.glob(".gsd-state/**/*.json"), *self.root.glob("build/**/*.json")]
        return sorted({*found, *self.root.glob("build/**/.*.json"), *self.root.glob("build/**/overrides.yaml")})

    def a_record(self) -> Path:
        return self.random.choice([path for path in self.records() if path.suffix == ".json"])

    def put_path(self) -> str:
        """A text somewhere in a record becomes a path."""
        path = self.a_record()
        tree = json.loads(path.read_text())
        path.write_text(json.dumps(self._with_leaf(tree, self.some_path)))
        return f"a path in {path.name}"

    def put_value(self) -> str:
        """A value somewhere in a record becomes another kind of value."""
        path = self.a_record()
        tree = json.loads(path.read_text())
        values = [None, [], {}, 0, -1, 10**30, 1e308, True, "", "x", [[[]]], {"a": {"b": []}}, ["x"] * 5]
        text = json.dumps(self._with_leaf(tree, lambda: self.random.choice(values)))
        if self.random.random() < 0.2:
            text = self.random.choice(
                [text.replace("1", "NaN", 1), "[" * 50_000, '{"a":' * 3000, text[:-9], "[]", "9" * 9999]
            )
        path.write_text(text)
        return f"another value in {path.name}"

    def claim(self) -> str:
        """A record claims a file outside, by its true digest."""
        stamps = [path for path in self.records() if path.name.endswith(("stamp.json", ".published.json"))]
        path = self.random.choice(stamps)
        tree = json.loads(path.read_text())
        victim = self.random.choice([one for one in self.outside.rglob("*") if one.is_file()])
        digest = hashlib.sha256(victim.read_bytes()).hexdigest()
        names = [os.path.relpath(victim, base) for base in (self.root, path.parent)] + [str(victim)]
        name = self.random.choice(names)
        for table in ("kept", "targets", "state", "placed", "inputs"):
            if self.random.random() < 0.6:
                entry = {"placed": [digest], "state": name}.get(table, digest)
                found = tree.get(table)
                tree[table] = {**(found if isinstance(found, dict) else {}), name: entry}
        path.write_text(json.dumps(tree))
        return f"{path.name} claims {name}"

    def forge(self) -> str:
        """A result is made hostile, and its record says that it was made like that."""
        stamps = [path for path in self.records() if path.name.endswith(".json.stamp.json")]
        record = self.random.choice([path for path in stamps if path.is_relative_to(self.root / ".gsd-state")])
        path = record.with_name(record.name.removesuffix(".stamp.json"))
        before = path.read_bytes()
        values = [None, [], {}, 0, -1, 10**30, 1e308, "", "x", [[[]]], {"a": {"b": []}}, *self.paths()]
        path.write_text(json.dumps(self._with_leaf(json.loads(before), lambda: self.random.choice(values))))
        old, new = (hashlib.sha256(data).hexdigest() for data in (before, path.read_bytes()))
        for one in self.records():  # also where others say that they read it
            one.write_text(one.read_text().replace(old, new))
        return f"{path.name} is forged"

    def replace_file(self) -> str:
        """A file becomes another kind of thing."""
        files = [path for folder in MOVED for path in (self.root / folder).rglob("*") if path.is_file()]
        files += [self.root / ".gsd-state" / name for name in ("cache.sqlite", "format.json", "optuna.sqlite")]
        path = self.random.choice(sorted(files))
        if self.random.random() < 0.25:
            path = self.random.choice([one for one in sorted(files) if one.suffix == ".yaml"])
        return f"{path.name} is {self._put_thing(path)}"

    def replace_folder(self) -> str:
        folders = [self.root / name for name in MOVED]
        folders += [path for one in folders for path in one.rglob("*") if path.is_dir()]
        folders += [self.root / ".gsd-state" / name for name in ("hydra", "hydra/imports", "hydra/0", "logs")]
        path = self.random.choice(sorted(folders))
        if path.exists():
            kept = self.root.parent / "kept"
            shutil.rmtree(kept, ignore_errors=True)
            path.rename(kept)
        return f"{path.relative_to(self.root)}/ is {self._put_thing(path)}"

    def _put_thing(self, path: Path) -> str:
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        links = {
            "a link out": self.outside / "x", "a link to a folder": self.outside, "a link to itself": path,
            "a link to nothing": self.outside / "none" / "x", "endless": Path("/dev/zero"),
            "nothing": Path("/dev/null"), "a link up": self.root.parent, "a link to state": self.root / ".gsd-state",
        }  # fmt: skip
        others = ("another name", "a pipe", "a folder", "garbage", "empty", "deep", "wide", "UTF-16")
        kind = self.random.choice([*links, *others])
        if kind in links:
            path.symlink_to(links[kind])
        elif kind == "another name":
            os.link(self.outside / "x", path)
        elif kind == "a pipe":
            os.mkfifo(path)
        elif kind == "a folder":
            path.mkdir()
        else:
            data = {"garbage": self.random.randbytes(3000), "empty": b"", "deep": b"[" * 200_000, "wide": b" " * 10**7}
            path.write_bytes(data.get(kind, "shot: {name: x}".encode("utf-16")))
        return kind

    def write_yaml(self) -> str:
        """A shot that is broken, or names what it must not."""
        laughs = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
        chain = "a0: x\n" + "".join(f"a{n}: ${{a{n - 1}}}${{a{n - 1}}}\n" for n in range(1, 40))
        head = "# @package _global_\n"
        shot = "shot:\n  name: {name}\n  footage: {{file: {file}}}\n"
        path, plain = json.dumps(self.some_path()), head + shot.format(name="evil", file="footage/mini.mp4")
        texts = [
            head + laughs, head + chain, f"{head}defaults: [evil]\n{plain}",
            "[" * 20_000, "a: &a\n  b: *a\n", head + shot.format(name=path, file="footage/mini.mp4"),
            head + shot.format(name="evil", file=path),
            head + shot.format(name="evil", file="footage/%099999999999d.exr"),
            plain + "  footage_x: 1e99999999\n",
            head + "shot:\n  name: evil\n  footage: {file: footage/mini.mp4, frame_rate: 1e99999999}\n",
            head + "shot: ${shot}\n", head + "shot: ${oc.env:HOME}\n", "\0", "\ufeffshot: 1",
            "shot: !!python/name:os.system",
            plain + f"tracking:\n  session_file: {path}\n",
            plain + f"  lens: {{file: {path}}}\n",
            plain + f"tracking:\n  tracks: {{pin: {path}}}\n",
            plain + f"tracking:\n  mask: {{mattes: {path}}}\n",
            "defaults: [../../../outside/x]\n", "defaults: [/tracking: ../../x]\n",
            head + "hydra: {run: {dir: /tmp/evil}}\n",
        ]  # fmt: skip
        at = self.random.randrange(len(texts))
        (self.root / "conf" / "shot" / "evil.yaml").write_bytes(texts[at].encode(errors="surrogatepass"))
        return f"evil.yaml {at}"

    def reshape_cache(self) -> str:
        path = self.root / ".gsd-state" / "cache.sqlite"
        endless = "with recursive t(x) as (select 1 union all select x + 1 from t)"
        scripts = [
            "update memory set value = 'x'", "update memory set value = replace(value, 'mini', '../../../outside/x')",
            "update memory set value = null", "update memory set value = x'ff00ff'", "drop table memory",
            f"drop table memory; create view memory as {endless} select 'a' kind, 'b' key, x value from t",
            "drop table memory; create table memory (kind text)", "pragma user_version = 99; pragma application_id = 7",
            "create trigger t after insert on memory begin delete from memory; end",
            "insert or replace into memory select 'result', key, '../../../outside/x' from memory",
        ]  # fmt: skip
        at = self.random.randrange(len(scripts))
        connection = sqlite3.connect(path)
        connection.executescript(scripts[at])
        connection.close()
        return f"cache.sqlite {at}"

    def leave_lock(self) -> str:
        folder = self.root / ".gsd-state" / "locks"
        folder.mkdir(parents=True, exist_ok=True)
        names = ["building", "tracks-x.lease", "tracks-x", f".tracks-x.lease-{os.uname().nodename}-1x"]
        names += [f"{path.parent.name}.lease" for path in self.root.glob(".gsd-state/tracking/sessions/*-*/x")]
        path = folder / self.random.choice(names)
        if self.random.random() < 0.4:
            return f"locks/{path.name} is {self._put_thing(path)}"
        texts = [
            '{"host": "dead", "pid": 1}',
            '{"pid": []}',
            "[]",
            "{}",
            "\0\xff",
            '{"host": 7}',
            '{"host": "a\\nb", "pid": 5}',
        ]
        path.unlink(missing_ok=True)
        path.write_bytes(self.random.choice(texts).encode("latin-1"))
        return f"locks/{path.name}"

    def _with_leaf(self, tree, make: Callable[[], object]):
        """The tree with one value, or one key, replaced."""
        if isinstance(tree, dict) and tree and self.random.random() < 0.85:
            name = self.random.choice(list(tree))
            if self.random.random() < 0.25:
                made = make()
                return {**{key: value for key, value in tree.items() if key != name}, str(made): tree[name]}
            return {**tree, name: self._with_leaf(tree[name], make)}
        if isinstance(tree, list) and tree and self.random.random() < 0.85:
            at = self.random.randrange(len(tree))
            return [*tree[:at], self._with_leaf(tree[at], make), *tree[at + 1 :]]
        return make()


def run_case(project: Project, seed: int) -> tuple[Case, list[str]]:
    """What was done, and what went wrong: nothing, as it should be."""
    restore(project)
    stranger = Stranger(project, seed)
    done = stranger.attack()
    command = list(stranger.random.choice(COMMANDS))
    sessions = sorted(path.name for path in (project.root / ".gsd-state").glob("tracking/sessions/*-*"))
    command = [word.replace("SESSION", stranger.random.choice(sessions or ["none"])) for word in command]
    before = state_of(stranger.outside)
    wrong, seconds, memory_mb, told = run_command(project.root, command)
    if state_of(stranger.outside) != before:
        wrong.append("changed what lies outside")
    if "Traceback" in told or "error of shotmake itself" in told:
        wrong.append("a traceback: " + next((line for line in told.splitlines()[::-1] if line.strip()), ""))
    if seconds > SLOWEST_S:
        wrong.append(f"took {seconds:.0f} s")
    if memory_mb > MOST_MB:
        wrong.append(f"took {memory_mb:.0f} MB")
    return Case(seed, done, command), wrong


def run_command(root: Path, command: list[str]) -> tuple[list[str], float, float, str]:
    """Faults of its end, seconds, MB at the peak, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "SHOTMAKE_LEASE_S": LEASE_S}
    began, wrong = time.monotonic(), []
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        program = [] if command[:1] == ["dodo.py"] else ["-m", "doit"]
        process = subprocess.Popen(
            [sys.executable, *program, *command], cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=log,
            stderr=log, start_new_session=True,
        )  # fmt: skip
        usage = None
        while usage is None and time.monotonic() - began < 3 * SLOWEST_S:
            pid, status, found = os.wait4(process.pid, os.WNOHANG)
            usage = found if pid else None
            time.sleep(0.01)
        if usage is None:
            os.killpg(process.pid, signal.SIGKILL)
            _, status, usage = os.wait4(process.pid, 0)
            wrong.append("hung")
        process.returncode = os.waitstatus_to_exitcode(status)
        log.seek(0)
        told = log.read()
    if process.returncode not in (0, 1, 3) and "hung" not in wrong:
        wrong.append(f"ended with {process.returncode}")
    return wrong, time.monotonic() - began, usage.ru_maxrss / 1024, told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--show", type=Path, help="a folder to make the show in, or one that was made before")
    asked = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    place = asked.show or Path(tempfile.mkdtemp(prefix="hostile-"))
    if (place / "pristine").is_dir():
        project = with_code_of_now(Project(place / "show"))
    else:
        project = make_show(place)
    wrong: Counter[str] = Counter()
    for seed in range(asked.first, asked.first + asked.cases):
        case, faults = run_case(project, seed)
        for fault in faults:
            wrong[fault.split(":")[0].split(" s")[0]] += 1
            print(f"{seed}: {case.done} | doit {' '.join(case.command)} | {fault}", flush=True)
    print(f"{asked.cases} cases: {dict(wrong) or 'nothing went wrong'}")


if __name__ == "__main__":
    main()
