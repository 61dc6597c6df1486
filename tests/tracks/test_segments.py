"""Segments: what is tracked again, what is reused, and that the result is always that of a fresh build."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from helpers.plates import synthetic
from helpers.shows.project import REPOSITORY, Project, is_of_a_whole_result, open_in_process
from shotmake.config import schema
from shotmake.errors import ShotError
from shotmake.footage import plate as footage
from shotmake.footage.file_names import list_plate_files
from shotmake.footage.plate import Plate, find_frame_span, list_bad_frames, probe, read_luma
from shotmake.footage.read_ahead import FRAMES_AHEAD
from shotmake.tasks.engine import cache_database, digests
from shotmake.tasks.engine.pieces import Stored
from shotmake.tasks.stages.tracks import segments
from shotmake.tracks.markers import save_tracks
from shotmake.tracks.tracker import clean_tracks, track_plate

SPANS = [(1, 7), (8, 15), (16, 23), (24, 31), (32, 39), (40, 40)]
CUT = 18


@pytest.fixture(scope="session")
def pictures() -> dict[int, np.ndarray]:
    """40 frames at 320x180: a desk, one black frame, then (frame 19) another desk; no track lives through it."""
    before = synthetic.make_plate("desk", (320, 180), 20, span=0.2)
    after = synthetic.make_plate("desk", (320, 180), 22, first_frame=CUT + 1, span=0.2, seed=3)
    shots = {**dict(synthetic.frames(before)), **dict(synthetic.frames(after))}
    return shots | {CUT: np.zeros_like(shots[1])}


@pytest.fixture(scope="session")
def movie(tmp_path_factory, pictures) -> Path:
    path = tmp_path_factory.mktemp("segments") / "plate.mp4"
    synthetic.write_movie(path, sorted(pictures.items()))
    return path


@dataclass
class Show:
    """A folder with a plate and a store of segments, used as the tracks stage does."""

    root: Path
    file: str
    tracked: list[tuple[int, int]]  # the segments that were tracked, in order

    def plate(self, **keys) -> Plate:
        return probe(self.file, self.root, **keys)

    def files(self) -> dict[str, Path]:
        return {f"plate {number}": self.root / path for number, path in list_plate_files(self.file, self.root)}

    def digests(self) -> dict[str, str]:
        return {name: digests.digest(path) for name, path in self.files().items()}

    def walk(self, settings: dict, plate: Plate | None = None, on_frame: Callable = lambda frame: None):
        """What was tracked, and whether the tracks are those of a fresh build."""
        plate = plate or self.plate()
        self.tracked.clear()
        walked = segments.walk(plate, settings, self.files(), self.digests(), "mini", on_frame)
        assert walked.reused == len(walked.spans) - len(self.tracked)
        detect, track, clean = schema.Detect(**settings["detect"]), schema.Track(**settings["track"]), schema.Clean()
        luma = read_luma(plate, self.root, *find_frame_span(plate, settings["frame_range"]))
        bad = list_bad_frames(plate, settings["bad_frames"], find_frame_span(plate, settings["frame_range"])[0])
        whole = track_plate(luma, detect, track, clean, bad_frames=bad)
        assert save_tracks(clean_tracks(walked.tracks, clean, bad)) == save_tracks(whole)
        return list(self.tracked), walked

    def tracked_again(self, settings: dict, **more) -> list[tuple[int, int]]:
        return self.walk(settings, **more)[0]

    def stored(self, settings: dict) -> list[Stored]:
        return segments.find_stored(self.plate(), settings, self.files(), self.digests())


def settings(frame_range: list[int] | None = None, **changes) -> dict:
    """Those of the tracks stage; changes: a group's keys."""
    tracking = schema.Tracking(detect=schema.Detect(min_tracks=40), track=schema.Track(segment_frames=8))
    found = {"frame_range": frame_range, "bad_frames": None, **asdict(tracking)}
    return found | {name: found[name] | keys for name, keys in changes.items()}


@pytest.fixture
def make_show(tmp_path, monkeypatch) -> Callable[[str], Show]:
    """A Show for a plate under tmp_path, with all of the build's memory in there too."""
    open_in_process(monkeypatch, tmp_path)
    monkeypatch.setattr(cache_database, "_connections", {})

    def make(file: str) -> Show:
        tracked, track = [], segments._track

        def counted(span, *rest):
            tracked.append(span)
            return track(span, *rest)

        monkeypatch.setattr(segments, "_track", counted)
        return Show(tmp_path, file, tracked)

    return make


@pytest.fixture
def filmed(make_show, tmp_path, movie) -> Show:
    shutil.copy(movie, tmp_path / "plate.mp4")
    return make_show("plate.mp4")


@pytest.fixture
def scanned(make_show, tmp_path, pictures) -> Show:
    """The plate as an image sequence."""
    for number, picture in pictures.items():
        write_frame(tmp_path, number, picture)
    return make_show("scan.####.png")


def write_frame(root: Path, number: int, picture: np.ndarray, compression: int = 1) -> None:
    assert cv2.imwrite(str(root / f"scan.{number:04d}.png"), picture, [cv2.IMWRITE_PNG_COMPRESSION, compression])


def test_a_frame_that_is_named_bad_is_tracked_again_with_what_it_reaches(filmed):
    assert filmed.plate().unusable == {"dark": [CUT]}
    assert filmed.tracked_again(settings()) == SPANS
    named = settings() | {"bad_frames": [CUT]}
    assert filmed.tracked_again(named) == []  # the same frame, found or named
    again = filmed.tracked_again(settings() | {"bad_frames": [CUT, "29-30"]})
    assert again and again[0] == (24, 31)
    assert filmed.tracked_again(settings() | {"bad_frames": [CUT, "29-30"]}) == []
    assert filmed.tracked_again(settings()) == []


def test_everything_is_tracked_once(filmed):
    told = []
    tracked, walked = filmed.walk(settings(), on_frame=told.append)
    assert tracked == walked.spans == SPANS
    assert sorted(set(told)) == list(range(1, 41)) and told == sorted(told)
    assert [path.name for path in walked.paths] == [row.path.name for row in filmed.stored(settings())]
    told.clear()
    assert filmed.tracked_again(settings(), on_frame=told.append) == []
    assert told == [last for _, last in SPANS]
    assert not list(filmed.root.rglob(".part-*"))


def test_another_tail_tracks_only_the_tail(filmed):
    filmed.walk(settings([1, 35]))
    assert filmed.tracked_again(settings([1, 39])) == [(32, 39)]
    assert filmed.tracked_again(settings([1, 27])) == [(24, 27)]
    assert filmed.tracked_again(settings([1, 31])) == []


def test_another_head_tracks_until_a_handover_is_the_same_again(filmed):
    filmed.walk(settings())
    assert filmed.tracked_again(settings([3, 40])) == [(3, 7), (8, 15), (16, 23)]
    assert filmed.tracked_again(settings([10, 40])) == [(10, 15), (16, 23)]
    assert filmed.tracked_again(settings([16, 40])) == [(16, 23)]
    assert filmed.tracked_again(settings([3, 40])) == []


def test_settings_that_do_not_reach_a_segment_track_nothing(filmed):
    filmed.walk(settings())
    assert filmed.tracked_again(settings(clean={"min_frames": 9, "action": "delete_track"})) == []
    assert filmed.tracked_again(settings(groups={"wall": []}, solve={"enabled": False})) == []
    assert filmed.tracked_again(settings(detect={"min_tracks": 60})) == SPANS
    assert filmed.tracked_again(settings(track={"correlation_min": 0.9})) == SPANS
    halves = filmed.tracked_again(settings(track={"segment_frames": 16}))
    assert halves == [(1, 15), (16, 31), (32, 40)]


def test_a_movies_frame_numbers_are_part_of_its_segments(filmed):
    filmed.walk(settings([9, 40]))
    renumbered = filmed.plate(first_frame=9)  # frame 9 was another picture
    assert filmed.tracked_again(settings([9, 40]), plate=renumbered)[0] == (9, 15)


def test_a_replaced_frame_of_a_sequence_tracks_its_segment(scanned, pictures):
    assert scanned.tracked_again(settings()) == SPANS
    write_frame(scanned.root, 40, pictures[20])
    assert scanned.tracked_again(settings()) == [(40, 40)]
    write_frame(scanned.root, 36, pictures[20])
    assert scanned.tracked_again(settings()) == [(32, 39), (40, 40)]  # what it hands over is another too


def test_a_frame_written_anew_with_the_same_pixels_tracks_its_segment_alone(scanned, pictures):
    scanned.walk(settings())
    before = scanned.digests()
    write_frame(scanned.root, 12, pictures[12], compression=9)
    assert scanned.digests() != before
    assert scanned.tracked_again(settings()) == [(8, 15)]


def test_more_frames_and_colour_of_a_sequence(scanned, pictures):
    scanned.walk(settings([1, 31]))
    write_frame(scanned.root, 41, pictures[40])
    assert scanned.tracked_again(settings([1, 39])) == [(32, 39)]
    assert scanned.tracked_again(settings([1, 31]), plate=scanned.plate(color_space="Linear"))[0] == (1, 7)


@pytest.mark.parametrize("damage", ["truncated", "edited", "deleted", "no stamp", "another's stamp"])
def test_a_damaged_segment_is_tracked_again_alone(filmed, damage):
    _, walked = filmed.walk(settings())
    path, stamp = (walked.paths[2].with_name(walked.paths[2].name + end) for end in ("", ".stamp.json"))
    whole = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(whole[:-1000])
    elif damage == "edited":
        path.write_bytes(whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:])
    elif damage == "deleted":
        path.unlink()
    elif damage == "no stamp":
        stamp.unlink()
    else:
        for end in ("", ".stamp.json"):  # a whole segment, but not of these frames
            shutil.copy(f"{walked.paths[1]}{end}", f"{path}{end}")
    assert [row.is_stored for row in filmed.stored(settings())] == [True, True, False, False, False, False]
    assert filmed.tracked_again(settings()) == [(16, 23)]
    assert path.read_bytes() == whole and all(row.is_stored for row in filmed.stored(settings()))


def test_what_is_stored_is_told_without_decoding(filmed, monkeypatch):
    nothing = filmed.stored(settings())
    assert [row[:2] for row in nothing] == SPANS
    assert nothing[0].key and nothing[0].path.name == f"{nothing[0].key}.npz"
    assert all(row[2:] == (None, None, False) for row in nothing[1:])
    filmed.walk(settings([1, 31]))
    plate = filmed.plate()
    monkeypatch.setattr(footage, "_read_frames", None)
    rows = segments.find_stored(plate, settings(), filmed.files(), filmed.digests())
    assert [row.is_stored for row in rows] == [True] * 4 + [False] * 2
    assert rows[4].key and rows[5].key is None
    with pytest.raises(ShotError, match="frame_range"):
        segments.find_stored(plate, settings([1, 99]), filmed.files(), filmed.digests())


def test_the_plate_is_decoded_only_when_needed_and_a_movie_once(filmed, monkeypatch):
    _, walked = filmed.walk(settings())
    begun = []
    decode = footage._read_frames
    plate, files, known = filmed.plate(), filmed.files(), filmed.digests()
    monkeypatch.setattr(footage, "_read_frames", lambda *words: (begun.append(words[2]), decode(*words))[1])
    segments.walk(plate, settings(), files, known, "mini")
    assert begun == []
    walked.paths[1].unlink()
    walked.paths[3].unlink()
    assert segments.walk(plate, settings(), files, known, "mini").reused == 4
    assert begun == [8]


def test_a_sequence_is_not_decoded_between_missing_segments(scanned, monkeypatch):
    _, walked = scanned.walk(settings())
    read = []
    decode = footage.read_image
    plate, files, known = scanned.plate(), scanned.files(), scanned.digests()
    monkeypatch.setattr(footage, "read_image", lambda path, space: (read.append(path.name), decode(path, space))[1])
    walked.paths[0].unlink()
    walked.paths[5].unlink()
    segments.walk(plate, settings(), files, known, "mini")
    numbers = [int(name.split(".")[1]) for name in read]
    assert numbers[:7] == list(range(1, 8)) and numbers[-1] == 40
    assert set(numbers[7:-1]) <= set(range(8, 8 + FRAMES_AHEAD + 1))  # decoded ahead, and thrown away


@pytest.mark.parametrize("kind", ["filmed", "scanned"])
def test_nothing_is_stored_of_a_plate_that_changes_while_it_is_read(kind, request, pictures):
    """Else the new picture's tracks would lie under the old one's key, and be found when it comes back."""
    show = request.getfixturevalue(kind)
    plate, files, known = show.plate(), show.files(), show.digests()
    victim = files.get("plate 0") or files["plate 14"]
    original = victim.read_bytes()

    def replace_plate(frame: int) -> None:
        if frame == 12:
            victim.write_bytes(original[:-1] + b"?")

    with pytest.raises(ShotError, match=rf"{re.escape(victim.name)} changed while it was being read; run doit again"):
        segments.walk(plate, settings(), files, known, "mini", replace_plate)
    rows = segments.find_stored(plate, settings(), files, known)
    assert [row.is_stored for row in rows] == [True] + [False] * 5
    with pytest.raises(ShotError, match="changed while it was being read"):  # the digests are not this file's
        segments.walk(plate, settings(), files, known, "mini")
    victim.write_bytes(original)
    assert show.tracked_again(settings()) == SPANS[1:]


def test_a_frame_cut_short_while_the_plate_is_read_is_a_change_and_not_a_broken_file(scanned):
    """A copy over the plate is half done for a moment: that is the reason, and nothing has to be restored."""
    plate, files, known = scanned.plate(), scanned.files(), scanned.digests()
    victim = files["plate 38"]
    original = victim.read_bytes()

    def cut_short(frame: int) -> None:
        if frame == 12:
            victim.write_bytes(original[: len(original) // 2])

    with pytest.raises(ShotError, match=rf"{re.escape(victim.name)} changed while it was being read; run doit again"):
        segments.walk(plate, settings(), files, known, "mini", cut_short)


def test_nothing_is_stored_of_a_mask_that_changes_while_it_is_read(filmed, monkeypatch):
    mask, masked = filmed.root / "mask.png", settings(mask={"file": "mask.png"})
    cv2.imwrite(str(mask), np.zeros((180, 320), np.uint8))
    plate, files = filmed.plate(), filmed.files() | {"mask 0": mask}
    known = {name: digests.digest(path) for name, path in files.items()}

    def replace_mask(frame: int) -> None:
        if frame == 12:
            cv2.imwrite(str(mask), np.full((180, 320), 255, np.uint8))

    with pytest.raises(ShotError, match=r"mask.png changed while it was being read; run doit again"):
        segments.walk(plate, masked, files, known, "mini", replace_mask)
    assert [row.is_stored for row in segments.find_stored(plate, masked, files, known)] == [True] + [False] * 5


def test_a_sequences_other_frames_may_change(scanned, pictures):
    """Segments that are whole stay, whichever frame comes new while later ones are read."""
    plate, files, known = scanned.plate(), scanned.files(), scanned.digests()

    def replace_frame(frame: int) -> None:
        if frame == 20:
            write_frame(scanned.root, 3, pictures[30])

    segments.walk(plate, settings(), files, known, "mini", replace_frame)
    assert all(row.is_stored for row in segments.find_stored(plate, settings(), files, known))


# The real command line

TRACKS = ("tracks", "shot=mini", "tracking.track.segment_frames=8")


def tracks_bytes(project: Project) -> set[bytes]:
    return {path.read_bytes() for path in (project.root / ".gsd-state").glob("tracking/sessions/mini-*/tracks.npz")}


def store(project: Project) -> dict[str, bytes]:
    folder = project.root / ".gsd-state/tracking/sessions/segments"
    return {path.name: path.read_bytes() for path in folder.glob("*.npz")}


def reused(text: str) -> int:
    found = re.search(r"(\d+) of (\d+) segments reused", text)
    return int(found[1]) if found else 0


def test_segments_belong_to_the_stages_record(mini):
    ran = mini.built(*TRACKS)
    assert "reused" not in ran.out
    whole, (tracks,) = store(mini), tracks_bytes(mini)
    assert len(whole) == 6
    assert mini.built(*TRACKS).executed == []

    victim = sorted(whole)[0]
    path = mini.root / ".gsd-state/tracking/sessions/segments" / victim
    path.write_bytes(whole[victim][:-10])
    faults = mini.run("verify", *TRACKS[1:]).fault_lines
    assert any(victim in fault for fault in faults)
    ran = mini.built(*TRACKS)
    assert ran.executed == ["tracks:mini"] and reused(ran.out) == 5
    assert store(mini) == whole and tracks_bytes(mini) == {tracks}

    ran = mini.built(*TRACKS, "tracking.clean.min_frames=8")
    assert reused(ran.out) == 6 and store(mini) == whole


def test_a_longer_tail_gives_the_bytes_of_a_fresh_build(mini):
    mini.built(*TRACKS, "shot.footage.frame_range=[1,30]")
    (short,) = tracks_bytes(mini)
    assert reused(mini.built(*TRACKS).out) == 3
    (grown,) = tracks_bytes(mini) - {short}
    shutil.rmtree(mini.root / ".gsd-state" / "tracking")
    assert reused(mini.built(*TRACKS).out) == 0
    assert tracks_bytes(mini) == {grown}


def test_a_killed_build_loses_at_most_the_segment_in_hand(mini):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    process = subprocess.Popen(
        [sys.executable, "-m", "doit", *TRACKS], cwd=mini.root, env=environment, stdout=subprocess.DEVNULL
    )
    folder = mini.root / ".gsd-state/tracking/sessions/segments"
    until = time.monotonic() + 60

    def whole() -> int:
        return sum(map(is_of_a_whole_result, folder.glob("[!.]*.stamp.json")))

    while whole() < 2 and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    finished = whole()
    assert 2 <= finished < 6 and not tracks_bytes(mini)
    ran = mini.built(*TRACKS)
    assert reused(ran.out) == finished
    assert not list((mini.root / ".gsd-state").rglob(".part-*"))


def test_two_variants_at_once_track_each_segment_once(mini):
    mini.built("footage", "shot=mini")
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    both = [
        subprocess.Popen(
            [sys.executable, "-m", "doit", *TRACKS, f"tracking.clean.min_frames={count}"],
            cwd=mini.root, env=environment, stdout=subprocess.PIPE, text=True,
        )
        for count in (4, 6)
    ]  # fmt: skip
    said = [process.communicate(timeout=300)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(map(reused, said)) == 6 and len(store(mini)) == 6 and len(tracks_bytes(mini)) == 2
