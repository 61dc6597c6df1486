"""`doit gc` lists what nothing refers to and removes it only when told; `doit sessions` lists and deletes."""

import subprocess
import sys

from helpers.shows.project import Project
from helpers.shows.stages import listed_stages


def files(project: Project, folder: str = ".gsd-state") -> set[str]:
    found = (path for path in (project.root / folder).rglob("*") if path.is_file())
    names = {str(path.relative_to(project.root)) for path in found}
    return {name for name in names if "cache.sqlite" not in name and "/locks/" not in name and ".gitkeep" not in name}


def listed(ran) -> set[str]:
    return {line.split()[-1] for line in ran.out.splitlines() if line.strip().startswith((".gsd-state", "removing"))}


def test_a_built_shot_has_no_waste(built):
    ran = built.built("gc")
    assert listed(ran) == set() and "0 files" in ran.out


def test_what_an_edit_left_behind_is_listed_and_removed_only_by_force(built):
    before = files(built)
    built.built("shot=mini")
    path = built.root / "conf" / "shot" / "mini.yaml"
    path.write_text(path.read_text() + "composite: {shadow_catcher: false}\n")
    built.built("shot=mini")
    after = files(built)
    gone = {name for name in before if "/scenes/" in name or "/composites/" in name}
    assert len(gone) == 4
    ran = built.built("gc")
    assert listed(ran) == gone and files(built) == after
    ran = built.built("gc", "force=true")
    assert listed(ran) == gone and files(built) == after - gone
    assert built.built("shot=mini").executed == []
    assert "0 files" in built.built("gc").out


def test_a_variant_is_kept_as_long_as_it_is_published(built):
    built.built("shot=mini", "tracking.qc.min_tracks_per_frame=9")
    assert listed(built.built("gc")) == set()
    (folder,) = (built.root / "build").glob("mini@*")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    assert {name.split("/")[1] for name in listed(built.built("gc"))} == {"reports"}


def test_an_edit_that_is_not_built_yet_keeps_what_the_published_copies_refer_to(built):
    path = built.root / "conf" / "shot" / "mini.yaml"
    path.write_text(path.read_text() + "  solve: {refine: [focal]}\n")
    built.built("gc", "force=true")
    path.write_text(path.read_text().replace("  solve: {refine: [focal]}\n", ""))
    assert built.built("shot=mini").executed == []


def test_a_shot_that_is_no_more_leaves_waste_but_keeps_its_build_folder(built):
    published = files(built, "build")
    (built.root / "conf" / "shot" / "mini.yaml").rename(built.root / "mini.yaml")
    built.write_shot("other", "shot: {name: other, footage: {file: footage/mini.mp4}}\n")
    built.built("gc", "force=true")
    assert files(built) == set()
    assert files(built, "build") == published


def test_gc_removes_nothing_while_a_yaml_is_broken(built):
    before = files(built)
    built.write_shot("broken", "shot: {name: broken, footage: {file: [}}\n")
    ran = built.run("gc", "force=true")
    assert ran.code == 1 and "conf/shot/broken.yaml" in ran.err and "Traceback" not in ran.err
    assert files(built) == before


def test_gc_waits_for_no_build_but_does_not_take_its_files(built):
    code = "from shotmake.tasks.engine.processes import locks; locks.announce_build(); "
    code += "print('building', flush=True); input()"
    words = [sys.executable, "-c", code]
    with subprocess.Popen(words, cwd=built.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout.readline() == "building\n"
        ran = built.run("gc", "force=true")
        line = "gc: a build is running; what a build makes is not referred to yet"
        assert ran.code == 1 and ran.fault_lines == [line]
        builder.communicate("\n")
    assert built.built("gc").fault_lines == []


def test_the_segments_of_a_killed_build_are_kept(mini):
    mini.built("tracks", "shot=mini", "tracking.track.segment_frames=16")
    for path in (mini.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*/*"):
        path.unlink()
    path = mini.root / "conf" / "shot" / "mini.yaml"
    path.write_text(path.read_text() + "  track: {segment_frames: 16}\n")
    mini.built("gc", "force=true")
    assert "3 of 3 segments reused" in mini.built("tracks", "shot=mini").out


def test_half_written_files_of_killed_builds_are_waste(built):
    part = built.root / ".gsd-state" / "scenes" / ".part-0123abcd-1-0000-mini-0123456789ab.json"
    part.write_text("{")
    assert "   1 file, 0.0 MB; force=true removes it\n" in built.built("gc").out
    assert listed(built.built("gc", "force=true")) == {str(part.relative_to(built.root))}
    assert not part.exists()


def test_sessions_are_listed_and_deleted(built):
    built.built("tracks", "shot=mini", "shot.footage.frame_range=[1,31]")
    said = built.built("sessions").out
    assert "frames 1-31, " in said and " tracks, 1 segment, " in said
    lines = [line.split() for line in said.splitlines() if line.startswith("   ")]
    spans = {line[0]: line[2].rstrip(",") for line in lines}
    assert sorted(spans.values()) == ["1-31", "1-40"]
    short = next(name for name, span in spans.items() if span == "1-31")
    ran = built.run("sessions", "delete=nothing-0123456789ab")
    assert ran.code == 1 and short in ran.fault_lines[0]
    built.built("sessions", f"delete={short}")
    assert short not in built.built("sessions").out
    assert built.built("shot=mini").executed == []  # shared segments are still there
    assert built.built("verify", "shot=mini").fault_lines == []


def test_sessions_are_merged(built):
    import numpy as np

    (path,) = (built.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*")
    (built.root / "other.npz").write_bytes((path / "tracks.npz").read_bytes())
    words = (f"tracking.session_file=[{path.name},other.npz]",)
    assert built.built("tracks", "shot=mini", *words).executed == ["tracks:mini"]
    (merged,) = set((built.root / ".gsd-state" / "tracking" / "sessions").glob("mini-*")) - {path}
    with np.load(path / "tracks.npz") as one, np.load(merged / "tracks.npz") as both:
        count = len(one["frame"])
        assert np.array_equal(both["xy_px"], np.concatenate([one["xy_px"], one["xy_px"]]))
        later = one["track_id"] - one["track_id"].min() + 1 + both["track_id"][:count].max()
        assert np.array_equal(both["track_id"][count:], later)
    ran = built.run("tracks", "shot=mini", "tracking.session_file=nowhere")
    assert ran.code == 1 and ran.fault_lines[0].startswith("tracks:mini: nowhere: no such session"), ran.err
    (built.root / "other.npz").write_text("no tracks")
    ran = built.run("tracks", "shot=mini", *words)
    assert ran.code == 1 and len(ran.fault_lines) == 1 and "not an .npz that can be read" in ran.fault_lines[0], ran.err


def test_an_empty_folder_of_a_result_goes_whichever_stage_stored_frames_in_it(small):
    stores = {stage.frames for stage in listed_stages() if stage.frames}
    assert stores == {"plates", "renders", "mattes"}
    empty = [small.root / ".gsd-state" / store / "mini-0123456789ab" for store in (*stores, "tracking/sessions")]
    other = small.root / ".gsd-state" / "mine" / "x"
    for folder in (*empty, other):
        folder.mkdir(parents=True)
    small.built("gc", "force=true")
    assert not any(folder.exists() for folder in empty) and other.exists()
