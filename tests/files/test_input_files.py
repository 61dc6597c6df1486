"""Every key that names a file takes a regular file that can be read; anything else is one line at once, and no wait."""

import errno
import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.shows.attack import shot_yaml
from helpers.shows.project import REPOSITORY, Project, make_project
from shotmake.config import check
from shotmake.errors import ShotError
from shotmake.files.behind.what_readers_follow import INPUTS, key_of_input
from shotmake.files.input_file import find_file_fault, to_one_line
from shotmake.tasks.engine.input_faults import MAY_BE_FOLDERS

# What makes a key be used; {file} is the bad one. A key that is not here fails the test below.
USES = {
    "shot.footage.file": "shot: {footage: {file: '{file}'}}",
    "shot.camera.lens_from": "shot: {camera: {lens_from: '{file}'}}",
    "shot.camera.checkerboard.files": "shot: {camera: {checkerboard: {files: '{file}'}}}",
    "shot.camera.import_file": "shot: {camera: {import_file: '{file}'}}",
    "shot.cameras.<name>.footage.file": (
        "shot: {cameras: {two: {footage: {file: '{file}'}}}}\ntracking: {objects: {enabled: true}}"
    ),
    "shot.cameras.<name>.detections": (
        "shot: {cameras: {two: {footage: {file: footage/mini.mp4}, detections: '{file}'}}}\n"
        "tracking: {objects: {enabled: true}}"
    ),
    "shot.subject.blend": "shot: {subject: {blend: '{file}'}}",
    "shot.lights.image": "shot: {lights: {preset: hdri, image: '{file}'}}",
    "shot.backdrop.image": "shot: {backdrop: {kind: image, image: '{file}'}}",
    "tracking.session_file": "tracking: {session_file: '{file}'}",
    "tracking.mask.file": "tracking: {mask: {file: '{file}'}}",
    "tracking.objects.detections": "tracking: {objects: {enabled: true, detections: '{file}'}}",
    "composite.background_image": "composite: {background_source: image, background_image: '{file}'}",
    "composite.lens_distortion.st_map_path": "composite: {lens_distortion: {st_map_path: '{file}'}}",
    "composite.corner_pin.image": (
        "composite: {corner_pin: {image: '{file}', corners_xyz: [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]]}}"
    ),
}
KINDS = {
    "folder": "found a folder",
    "pipe": "found a pipe",
    "socket": "found a socket",
    "device": "found a device",
    "loop": "found a link that leads round in a circle",
    "nowhere": r"found a link that leads to no file \(gone\)",
    "proc": r"found a file of the running system \(/proc/\d+/mem\)",
    "to_pipe": "found a pipe",
    "long": "found a name that is too long for the disk",
    "gone": "no such (file|session|shot)",
}


def bad_files(folder: Path) -> dict[str, str]:
    """One of each kind -> its name, from the folder on. All are called .chan, which every key lets pass."""
    names = {kind: f"bad/{kind}.chan" for kind in KINDS} | {"long": f"bad/{'n' * 300}.chan"}
    (folder / "bad" / "folder.chan").mkdir(parents=True)
    (folder / "bad" / "folder.chan" / "images.txt").mkdir()  # a camera may be a folder with images.txt in it
    os.mkfifo(folder / names["pipe"])
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(os.path.relpath(folder / names["socket"]))
    links = {
        "device": "/dev/zero",
        "loop": "loop.chan",
        "nowhere": "gone",
        "proc": "/proc/self/mem",
        "to_pipe": "pipe.chan",
    }
    for kind, target in links.items():
        (folder / names[kind]).symlink_to(target)
    return names


@pytest.fixture
def show(tmp_path: Path, small_movie: Path) -> Project:
    project = make_project(tmp_path / "show")
    shutil.copy(small_movie, project.root / "footage" / "mini.mp4")
    for path in (project.root / "conf" / "shot").glob("*.yaml"):
        path.unlink()
    return project


def test_every_key_that_names_a_file_is_held_to_it():
    assert set(USES) == set(check.list_file_keys())


def test_no_key_waits_for_what_is_no_file(show):
    """All keys and kinds in one show: `doit plan` asks each stage for its inputs."""
    names = bad_files(show.root)
    shots = {}
    for key, use in USES.items():
        for kind, file in names.items():
            shot = f"s{len(shots)}"
            shots[shot] = (key, kind)
            show.write_shot(shot, with_name(use.replace("{file}", file), shot))
    command, environment = [sys.executable, "-m", "doit", "plan"], {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    ran = subprocess.run(command, cwd=show.root, env=environment, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in ran.stderr, ran.stderr[-3000:]
    lines = ran.stderr.splitlines()
    for shot, (key, kind) in shots.items():
        named = key.replace("<name>", "two")
        if kind != "gone" and not (kind == "folder" and named.endswith(MAY_BE_FOLDERS)):
            told = rf"conf/shot/{shot}.yaml: {named}: bad/.*\.chan: {KINDS[kind]}; needed a file"
            (line,) = (line for line in lines if re.fullmatch(told, line))
            lines.remove(line)
    assert not lines


@pytest.mark.parametrize("kind", ["gone", "folder"])
def test_what_may_still_come_or_be_a_folder_is_told_by_the_stage_that_needs_it(show, kind):
    names = bad_files(show.root)
    stages = {"shot.camera.lens_from": "lens", "shot.camera.import_file": "solve", "tracking.session_file": "tracks",
              "tracking.mask.file": "tracks", "shot.footage.file": "footage"}  # fmt: skip
    for number, key in enumerate(stages):
        show.write_shot(f"s{number}", with_name(USES[key].replace("{file}", names[kind]), f"s{number}"))
    ran = show.run("--continue", *(f"{stage}:s{number}" for number, stage in enumerate(stages.values())))
    assert ran.code == 1 and "Traceback" not in ran.err
    for number, (key, stage) in enumerate(stages.items()):
        (line,) = {line for line in ran.fault_lines if line.startswith(f"{stage}:s{number}: ")}
        assert re.search(KINDS[kind], line) and key in line, line


def with_name(text: str, shot: str) -> str:
    import yaml

    tree = yaml.safe_load(text)
    block = tree.setdefault("shot", {})
    block["name"] = shot
    block.setdefault("footage", {}).setdefault("file", "footage/mini.mp4")
    return "# @package _global_\n" + yaml.safe_dump(tree)


def test_words_of_new_take_files_only(show):
    names = bad_files(show.root)
    for kind in ("pipe", "device", "folder", "loop"):
        for word, more in (("file", ("shot=a",)), ("cut", ())):
            ran = show.run("new", *more, f"{word}={names[kind]}")
            (line,) = ran.fault_lines
            assert ran.code == 1 and re.search(f"{names[kind]}: {KINDS[kind]}; needed a ", line), line
    assert not list((show.root / "conf" / "shot").iterdir())


def test_a_pipe_among_frames_is_no_frame_and_one_that_a_program_names_is_no_input(show):
    from shotmake.footage.file_names import list_plate_files
    from shotmake.tasks.stages.objects.detector_command import list_command_files

    for number in (1, 2, 4):
        (show.root / "footage" / f"p.{number:04d}.png").write_bytes(b"x")
    os.mkfifo(show.root / "footage" / "p.0003.png")
    (show.root / "footage" / "p.0005.png").symlink_to("p.0003.png")
    (show.root / "footage" / "p.0006.png").symlink_to("/proc/self/mem")
    with pytest.raises(ShotError, match="1 frame is missing: 3; restore"):
        list_plate_files("footage/p.####.png", show.root)
    script = "import sys; from shotmake.tasks.stages.objects.detector_command import list_command_files as f; "
    script += "print(f(' '.join(sys.argv[1:])))"
    words = [f"footage/p.000{number}.png" for number in (1, 3, 6)]
    out = show.doit_with(sys.executable, "-c", script, "run", *words).out
    assert "p.0001.png" in out and "p.0003" not in out and "p.0006" not in out
    assert list_command_files("true") == {}


@pytest.mark.parametrize("name", ["a\nb.mp4", "a\0b.mp4", "a\x1b[2Jb.mp4", "a\u2028b.mp4"])
def test_a_name_with_control_characters_is_a_fault_of_its_key(name):
    tree = {"shot": {"name": "a", "footage": {"file": name}, "subject": {"blend": name}}}
    with pytest.raises(check.ConfigFaults) as raised:
        check.load(check.normalise(tree))
    lines = str(raised.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["shot.footage.file", "shot.subject.blend"], lines
    assert all(line.endswith("needed a name without control characters") and line.isprintable() for line in lines)
    assert find_file_fault(Path(name)) in ("no such file", "found a NUL character in its name")
    assert to_one_line(f"{name} é") == f"{ascii(name)[1:-1]} é"


def test_a_file_that_may_not_be_read_is_told_to_who_may_not(tmp_path):
    """As nobody: root may read all."""
    path = tmp_path / "a.exr"
    path.write_bytes(b"x")
    path.chmod(0)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom shotmake.files.input_file import find_file_fault\n"
        "os.setuid(65534)\nprint(find_file_fault(Path(sys.argv[1])))"
    )
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=30)
    assert done.stdout == "found a file that may not be read (permission denied)\n", done.stderr


BAD_SECTOR = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
/* What lies behind the first 4096 bytes of a file whose name holds `marred` cannot be read. */
static int is_marred(int file) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 0) return 0;
    name[length] = 0;
    return strstr(name, "marred") && lseek(file, 0, SEEK_CUR) >= MARRED_FROM;
}
ssize_t read(int file, void *into, size_t count) {
    static ssize_t (*real)(int, void *, size_t);
    if (!real) real = dlsym(RTLD_NEXT, "read");
    if (is_marred(file)) { errno = EIO; return -1; }
    return real(file, into, count);
}
"""


@pytest.fixture(scope="module")
def bad_sector(tmp_path_factory):
    """A library that makes such a disk of any program: bytes that can be read -> its path."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    folder = tmp_path_factory.mktemp("disk")

    def made(first_bytes: int) -> str:
        source, library = folder / f"{first_bytes}.c", folder / f"{first_bytes}.so"
        source.write_text(BAD_SECTOR.replace("MARRED_FROM", str(first_bytes)))
        subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
        return str(library)

    return made


@pytest.mark.parametrize(("key", "task"), [("shot.footage.file", "footage"), ("tracking.session_file", "tracks"),
                                           ("shot.camera.lens_from", "lens")])  # fmt: skip
def test_a_read_error_is_the_input_s_and_names_its_key(show, bad_sector, key, task, small_movie):
    shutil.copy(small_movie, show.root / "marred.chan")
    show.write_shot("mini", with_name(USES[key].replace("{file}", "marred.chan"), "mini"))
    command = [sys.executable, "-m", "doit", f"{task}:mini"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LD_PRELOAD": bad_sector(4096)}
    ran = subprocess.run(command, cwd=show.root, env=environment, capture_output=True, text=True, timeout=120)
    (line,) = ran.stderr.splitlines()
    cannot = f"marred.chan: cannot be read \\({os.strerror(errno.EIO).lower()}\\); restore it, or check {key}"
    assert ran.returncode == 1 and re.fullmatch(f"{task}:mini: {cannot}", line), ran.stderr


def test_a_read_error_that_comes_later_is_the_input_s_too(show, bad_sector):
    """The digest was taken before the disk failed: the stage's own reader meets it."""
    (show.root / "marred.csv").write_text("frame,track_id,x_px,y_px\n" + "1,1,10,10\n" * 2000)
    show.write_shot("mini", shot_yaml())
    show.built("footage", "shot=mini")
    words = ["tracks:mini", "tracking.session_file=marred.csv"]
    show.run(*words)  # its digest is remembered
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "LD_PRELOAD": bad_sector(0)}
    ran = subprocess.run(
        [sys.executable, "-m", "doit", *words],
        cwd=show.root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ".gsd-state" not in ran.stderr and "marred.csv: cannot be read" in ran.stderr, ran.stderr
    assert "tracking.session_file" in ran.stderr and len(ran.stderr.splitlines()) == 1


def test_every_input_that_is_no_target_has_a_key():
    known = {*check.list_file_keys(), "tracking.objects.detector_cmd", "composite.blender.executable"}
    assert set(INPUTS.values()) <= known
    assert key_of_input("plate 12") == "shot.footage.file"
    assert key_of_input("plate 12", "two") == "shot.cameras.two.footage.file"
    assert key_of_input("detections", "two") == "shot.cameras.two.detections"
    assert key_of_input("shot.lights.image") == "shot.lights.image" and key_of_input("footage") == ""
    assert key_of_input("shot.subject.blend, which names tex.v2.png") == "shot.subject.blend"
