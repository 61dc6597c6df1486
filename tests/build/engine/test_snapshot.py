"""Doing nothing: what is known to be current needs no tasks, and whatever changes ends that knowledge."""

import os
import shutil
import sys

import pytest

from helpers.shows.project import REPOSITORY, Project


def is_known(project: Project, *words: str) -> bool:
    """Whether `doit` with these words would end before it loads any task."""
    code = (
        "import sys; from shotmake.tasks.shots import up_to_date; sys.argv = ['doit', *sys.argv[1:]]\n"
        "names = up_to_date.find_shots_asked(sys.argv)\n"
        "print(set(names) <= set(up_to_date.find_current_shots(tuple(sys.argv))), 'hydra' in sys.modules)"
    )
    ran = project.doit_with(sys.executable, "-c", code, *words)
    assert ran.code == 0, ran.err
    known, hydra = ran.out.split()
    assert hydra == "False"
    return known == "True"


def test_a_finished_build_is_known_to_be_current(built):
    built.built("shot=mini")  # the copy has other inodes than the original
    assert is_known(built, "shot=mini") and is_known(built)
    ran = built.built("shot=mini")
    assert ran.out == "-- publish:mini\n" and ran.err == ""
    assert not is_known(built, "shot=mini", "composite.shadow_catcher=false")
    assert not is_known(built, "shot=mimi")


CHANGES = {
    "the plate": "footage/mini.mp4",
    "the YAML": "conf/shot/mini.yaml",
    "a preset": "conf/tracking/balanced.yaml",
    "a stage": "tasks/stages/stmap.py",
    "a target": ".gsd-state/tracking/solves/mini-????????????.json",
    "a stamp": ".gsd-state/tracking/sessions/mini-*/tracks.npz.stamp.json",
    "a segment": ".gsd-state/tracking/sessions/segments/*.npz",
    "a published file": "build/mini/camera.chan",
    "the record of what was published": "build/mini/.published.json",
}


@pytest.mark.parametrize("what", CHANGES)
def test_any_file_that_changes_ends_it(built, what):
    built = built.with_own_code() if what == "a stage" else built
    built.built("shot=mini")
    assert is_known(built, "shot=mini")
    path = next(built.root.glob(CHANGES[what]))
    stat = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"\n")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))  # ctime tells
    assert not is_known(built, "shot=mini")
    path.unlink()
    assert not is_known(built, "shot=mini")


def test_a_damaged_cache_costs_time_and_nothing_else(built):
    built.built("shot=mini")
    cache = built.root / ".gsd-state" / "cache.sqlite"
    for data in (b"", b"no database at all" * 1000, cache.read_bytes()[:5000]):
        cache.write_bytes(data)
        assert built.built("shot=mini").executed == []
        assert is_known(built, "shot=mini")
    cache.unlink()
    cache.mkdir()  # cannot be opened at all
    for _ in range(2):
        assert built.built("shot=mini").executed == []


def test_one_edited_shot_of_several_is_the_only_one_with_tasks(built):
    for name in ("b", "c"):
        text = (built.root / "conf" / "shot" / "mini.yaml").read_text().replace("name: mini", f"name: {name}")
        built.write_shot(name, text + "  solve: {enabled: false}\n")
    built.built()
    assert is_known(built)
    path = built.root / "conf" / "shot" / "b.yaml"
    path.write_text(path.read_text() + "  qc: {min_tracks_per_frame: 9}\n")
    ran = built.built()
    assert ran.executed == ["report:b", "publish:b"]
    touched = {line.split(":")[1] for line in ran.out.splitlines() if line.startswith("-- ") and ":" in line}
    assert "-- publish:mini" in ran.out and "tracks:mini" not in ran.out and touched == {"mini", "b", "c"}
    twin = built.root / "conf" / "shot" / "d.yaml"
    shutil.copy(path, twin)  # the name of a current shot
    ran = built.run()
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "shot.name: found the name of" in ran.fault_lines[0], ran.err


def test_a_preset_behind_a_link_ends_it_and_a_link_to_nowhere_does_not_matter(built, tmp_path):
    (built.root / "conf" / "tracking").rename(tmp_path / "presets")
    (built.root / "conf" / "tracking").symlink_to(tmp_path / "presets")
    (tmp_path / "presets" / "gone.yaml").symlink_to("nowhere.yaml")
    built.built("shot=mini")
    assert is_known(built, "shot=mini")
    path = tmp_path / "presets" / "balanced.yaml"
    path.write_text(path.read_text() + "# edited\n")
    assert not is_known(built, "shot=mini")


def test_another_version_of_a_library_that_composes_ends_it(built, tmp_path):
    """As after pip install: Hydra's file is another one."""
    import hydra

    code = tmp_path / "code"
    shutil.copytree(os.path.dirname(hydra.__file__), code / "hydra")
    (code / "shotmake").symlink_to(REPOSITORY / "shotmake")
    other = Project(built.root, code)
    other.built("shot=mini")
    assert is_known(other, "shot=mini")
    path = code / "hydra" / "__init__.py"
    path.write_text(path.read_text() + "# another version\n")
    assert not is_known(other, "shot=mini")
