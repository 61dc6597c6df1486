"""Which picture is frame N: movies that hide frames, begin late or count time coarsely, in every reader and in Blender.

Every picture carries its number (numbered.py), so nothing here asks the code under test what is right.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from helpers.plates.numbered import copied, edited, number_of, with_durations, write_numbered
from helpers.plates.shown import blender_numbers
from helpers.shows.project import Project
from shotmake.errors import ShotError
from shotmake.footage.movie_clock import Clock
from shotmake.footage.plate import Plate, probe, read_bgr, read_luma
from shotmake.footage.plate_header import read_media_header
from shotmake.footage.plate_in_words import describe_footage
from shotmake.preview.movie import write_preview
from shotmake.tasks.blender.private_blender import make_environment
from shotmake.tasks.engine.digests import digest
from shotmake.tasks.engine.inputs.plate_reader import PlateReader

COUNT = 36
WHOLE = list(range(COUNT))
NO_B = {"g": "12", "bf": "0", "crf": "12"}


def at(frames: int) -> Fraction:
    return Fraction(frames, 24)


def rounded_ms(rate: Fraction, up: Fraction) -> list[int]:
    """The times of a clock that counts milliseconds; up: 1/2 rounds, 0 cuts off, nearly 1 rounds up."""
    return [int(number * 1000 / rate + up) for number in range(COUNT)]


def coarse(rate: Fraction, up: Fraction) -> dict:
    return {"rate": rate, "time_base": Fraction(1, 1000), "times": rounded_ms(rate, up)}


HALF, UP, NTSC = Fraction(1, 2), Fraction(999, 1000), Fraction(30000, 1001)
EDITS = {  # name: (edit list in frames of 24 a second: (how many, from which); the numbers that are shown)
    "trimmed at the start": ([(29, 7)], WHOLE[7:]),
    "one frame hidden": ([(35, 1)], WHOLE[1:]),
    "trimmed at the end": ([(20, 0)], WHOLE[:20]),
    "trimmed at both ends": ([(15, 14)], WHOLE[14:29]),
    "after an empty edit": ([(12, None), (36, 0)], WHOLE),
    "trimmed after an empty edit": ([(12, None), (29, 7)], WHOLE[7:]),
}
COPIES = {"copied from a keyframe": (24, WHOLE[24:]), "copied from between": (19, WHOLE[19:])}
CLOCKS = {  # name: how it is written; all frames are shown. Blender shows others where its clock is not the file's
    "ms, rounded.mkv": coarse(Fraction(24), HALF),
    "ms, cut off.mkv": coarse(NTSC, Fraction(0)),
    "ms, rounded up.mkv": coarse(NTSC, UP),
    "ms, rounded.mp4": coarse(Fraction(30), HALF),
    "late.mkv": {"time_base": Fraction(1, 1000), "times": [5000 + time for time in rounded_ms(Fraction(24), HALF)]},
    "late.ts": {"time_base": Fraction(1, 24), "times": [100 + number for number in WHOLE]},
    "b-frames.avi": {"codec": "mpeg4", "options": {"g": "12", "bf": "2", "q:v": "2"}},
    "two.mp4": {"count": 2},
}
LASTS = {"last frame without a duration": 0, "last frame half as long": 320, "last frame too long": 640 * 30}
PARTS = {"two parts": ([(10, 0), (6, 30)], [*WHOLE[:10], *WHOLE[30:]])}
OTHERWISE = {"ms, rounded up.mkv", "ms, rounded.mp4", "b-frames.avi"}  # where Blender was seen to show other pictures


@dataclass(frozen=True)
class Seen:
    """A movie, the numbers that it shows, and those that Blender shows in all frames of its clip."""

    path: Path
    numbers: list[int]
    blender: list[int]


def make_all(folder: Path) -> dict[str, tuple[Path, list[int]]]:
    whole, plain = write_numbered(folder / "whole.mp4", COUNT), write_numbered(folder / "p.mp4", COUNT, options=NO_B)
    found = {"whole": (whole, WHOLE)}
    for name, (edits, numbers) in {**EDITS, **PARTS}.items():
        listed = [(at(count), None if start is None else at(start)) for count, start in edits]
        found[name] = (edited(whole, folder / f"{name}.mp4", listed), numbers)
        found[f"{name}, no b-frames"] = (edited(plain, folder / f"{name}, plain.mov", listed), numbers)
    for name, (start, numbers) in COPIES.items():
        found[name] = (copied(whole, folder / f"{name}.mp4", at(start)), numbers)
    for name, how in CLOCKS.items():
        path = write_numbered(folder / name, **{"count": COUNT, **how})
        found[name] = (path, WHOLE[: how.get("count", COUNT)])
    steady = {"rate": Fraction(30), "time_base": Fraction(1, 19200), "times": [640 * number for number in WHOLE]}
    even = write_numbered(folder / "even.mp4", options=NO_B, **steady)
    for name, ticks in LASTS.items():
        made = with_durations(even, folder / f"{name}.mp4", [640] * (COUNT - 1) + [ticks])
        found[name] = (made, WHOLE[: COUNT - (ticks == 0)])
    return found


NAMES = ["whole", *(f"{name}{kind}" for name in EDITS for kind in ("", ", no b-frames")), *COPIES, *CLOCKS, *LASTS]


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict[str, Seen]:
    """Each movie, looked at by one real Blender."""
    assert make_environment() is None
    made = make_all(tmp_path_factory.mktemp("numbered"))
    numbers = blender_numbers(1, [path for path, _ in made.values()])
    return {name: Seen(path, shown, numbers[str(path)]) for name, (path, shown) in made.items()}


def probed(path: Path) -> Plate:
    return probe(path.name, path.parent, first_frame=1001)


def numbers_of(images) -> list[int]:
    return [number_of(image) for _, image in images]


@pytest.mark.parametrize("name", NAMES)
def test_every_reader_shows_the_same_picture_in_a_frame(seen, name, tmp_path):
    one, root = seen[name], seen[name].path.parent
    plate = probed(one.path)
    first, last = plate.first_frame, plate.last_frame
    assert plate.frame_count == len(one.numbers)
    assert numbers_of(read_luma(plate, root, first, last)) == one.numbers
    assert numbers_of(read_bgr(plate, root, first, last)) == one.numbers
    middle = len(one.numbers) // 2
    assert numbers_of(read_luma(plate, root, first + middle, last)) == one.numbers[middle:]
    write_preview(tmp_path / "p.mp4", read_bgr(plate, root, first, last), Fraction(24), None, None, np.zeros((0, 3)), 8)
    with av.open(str(tmp_path / "p.mp4")) as preview:
        assert [number_of(frame.to_ndarray(format="bgr24")) for frame in preview.decode(video=0)] == one.numbers


@pytest.mark.parametrize("name", NAMES)
def test_blender_shows_the_same_or_it_is_said_that_it_does_not(seen, name):
    plate, one = probed(seen[name].path), seen[name]
    if name in OTHERWISE:
        assert one.blender != one.numbers and "Blender goes by the file's uneven clock" in plate.blender_fault
        wrong = [at for at, (theirs, ours) in enumerate(zip(one.blender, one.numbers, strict=True)) if theirs != ours]
        assert f"in {len(wrong)} of {len(one.numbers)} frames" in plate.blender_fault
        picture = 1001 + one.numbers.index(one.blender[wrong[0]])
        assert f"in frame {1001 + wrong[0]} that of {picture};" in plate.blender_fault
    else:
        assert plate.blender_fault == ""
        assert one.blender[: len(one.numbers)] == one.numbers


@pytest.mark.parametrize("name", [f"{name}{kind}" for name in PARTS for kind in ("", ", no b-frames")])
def test_parts_that_an_edit_list_joins_are_tracked_and_not_given_to_blender(seen, name):
    one, plate = seen[name], probed(seen[name].path)
    assert numbers_of(read_luma(plate, one.path.parent, 1001, plate.last_frame)) == one.numbers
    assert "edit list joins parts" in plate.blender_fault
    assert name != "two parts" or one.blender != one.numbers  # it is no idle warning


def test_the_tracker_reads_the_same(seen):
    path = seen["copied from between"].path
    plate = probe(str(path), Path("/"), first_frame=1001)  # an absolute path, for the reader begins at the show
    reader = PlateReader(plate, {"plate 0": path}, {"plate 0": digest(path)}, plate.last_frame)
    read = [*reader.read(1001, 1005), *reader.read(1009, plate.last_frame)]
    assert numbers_of(read) == [*WHOLE[19:24], *WHOLE[27:]]


@pytest.mark.parametrize("name", NAMES)
def test_rate_and_duration_are_those_of_the_frames(seen, name):
    plate, path = probed(seen[name].path), seen[name].path
    rate = CLOCKS.get(name, {}).get("rate", Fraction(30 if name in LASTS else 24))
    assert Fraction(*plate.frame_rate) == rate
    assert plate.media["is_constant_rate"]
    assert plate.media["duration_s"] == pytest.approx(plate.media["frames_decoded"] / rate, abs=1e-6)
    if path.suffix in (".mp4", ".mov"):  # the header alone says the same
        header = read_media_header(path.name, path.parent)
        assert header.frame_rate == rate and header.frame_count == plate.media["frames_decoded"]


def test_what_is_hidden_or_left_out_is_said_with_its_number(seen):
    plate = probed(seen["trimmed at both ends"].path)
    assert "the file's edit list hides 21 of its 36 frames" in plate.warnings[0]
    assert "15 frames (36 stored, 21 hidden), 0 corrupt, constant rate" in describe_footage(plate)
    assert read_media_header(seen["trimmed at both ends"].path.name, seen["whole"].path.parent).frames_hidden == 21
    assert "last frame has been shown; it is left out" in probed(seen["last frame without a duration"].path).warnings[0]
    assert probed(seen["whole"].path).warnings == []


def test_a_timecode_of_hidden_frames_is_doubted(tmp_path):
    whole = write_numbered(tmp_path / "a.mov", COUNT, metadata={"timecode": "01:00:00:00"})
    assert probed(whole).warnings == []
    trimmed = edited(whole, tmp_path / "b.mov", [(at(20), at(9))])
    assert "the timecode may be that of a hidden one" in probed(trimmed).warnings[0]
    one = probed(edited(whole, tmp_path / "c.mov", [(at(COUNT - 1), at(1))])).warnings[0]
    assert one.startswith(f"the file's edit list hides 1 of its {COUNT} frames; it is not counted, as in Blender")


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_trimmed_movie_that_was_cut_off_is_still_refused(tmp_path, share):
    whole = write_numbered(tmp_path / "whole.mp4", COUNT)
    path = copied(whole, tmp_path / "a.mp4", at(19), movflags="faststart")
    assert probed(path).frame_count == 17
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ShotError, match=r"truncated: \d+ of 17 frames decode|no frame can be decoded"):
        probed(path)


def clock(times, *said: Fraction, time_base=Fraction(1, 90000)) -> Clock:
    found = Clock(time_base, said)
    for time in times:
        found.add(time)
    return found


def test_a_rate_that_leaves_out_the_last_duration_is_not_believed():
    """As seen: a constant 29.833 that its stream calls 30.097."""
    rate = Fraction(179, 6)
    times = [round(number / rate * 90000) for number in range(114)]
    told = clock(times, Fraction(114, 113) * rate)
    assert told.is_constant and float(told.rate) == pytest.approx(float(rate), rel=1e-6)
    assert clock(times, Fraction(114, 113) * rate, rate).rate == rate
    assert clock([0, 3750], Fraction(48)).rate == 24  # of two frames


def test_a_frame_left_out_is_found_wherever_it_is_and_jitter_is_none():
    steady = np.arange(97) * 3750
    for missing in (1, 2, 20, 47, 48, 49, 80, 94):
        assert not clock(np.delete(steady, missing).tolist(), Fraction(24)).is_constant, missing
        average = Fraction(24) * 95 / 96  # all that the file says; no frame is half a frame off
        assert not clock(np.delete(steady, missing).tolist(), average).is_constant, missing
    rng = np.random.default_rng(4)
    jitter = (steady + rng.uniform(-0.35, 0.35, 97) * 3750).astype(int)
    assert clock(jitter.tolist(), Fraction(24)).is_constant and clock(jitter.tolist(), Fraction(24)).rate == 24


def test_a_rate_beside_the_true_one_is_not_kept_over_a_long_plate():
    times = [round(number * 3003) for number in range(9000)]
    assert clock(times, Fraction(30)).rate == NTSC
    jitter = np.random.default_rng(5).integers(-400, 400, 9000)
    assert float(clock((np.array(times) + jitter).tolist(), Fraction(30)).rate) == pytest.approx(float(NTSC), rel=2e-5)


YAML = """\
# @package _global_
shot:
  name: s
  footage: {file: footage/trimmed.mp4, first_frame: 1001}
  camera:
    from_tracking: false
    focal_mm: 35.0
    given: [{frame: 1001, location: [0, -4, 1], look_at: [0, 0, 1]}]
  subject: {kind: none}
  export: [undistorted_plate]
tracking: {enabled: false, preview: {enabled: false}}
composite: {render: {samples: 1, format: png}}
"""


def test_a_trimmed_movie_all_the_way_to_the_comp_the_undistorted_plate_and_the_blend(project: Project):
    import OpenImageIO as oiio

    whole = write_numbered(project.root / "whole.mp4", COUNT)
    copied(whole, project.root / "footage" / "trimmed.mp4", at(19))
    project.remove_other_shots("")
    project.write_shot("s", YAML)
    ran = project.built("footage", "shot=s")
    assert "17 frames, 192x144, 24 frames/s" in ran.out and "hides" in ran.out
    project.built("publish", "render", "undistorted_plate", "shot=s")
    place = project.root / "build" / "s"
    for pattern in ("render/*.png", "undistorted_plate/*.exr"):
        paths = sorted(place.glob(pattern))
        assert [int(path.name.split(".")[-2]) for path in paths] == list(range(1001, 1018)), pattern
        pictures = [np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3] for path in paths]
        assert [number_of(picture * 255) for picture in pictures] == WHOLE[19:], pattern
    (blend,) = place.glob("*.blend")
    assert blender_numbers(1001, [blend])[str(blend)] == WHOLE[19:]
