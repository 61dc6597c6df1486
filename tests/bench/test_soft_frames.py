"""What is said of the plates that soft_plates.py makes: only the named frames are spoiled, and no camera moves."""

import itertools

import numpy as np
import pytest

from helpers.measures.knob_verdict import knob_pictures
from helpers.plates.soft_frames import KINDS, SIGMAS_PX, Spoiling, draw_spoiling, spoil_frames
from helpers.plates.synthetic import write_movie

SIZE_PX = (320, 180)


def dots() -> np.ndarray:
    picture = np.full((SIZE_PX[1], SIZE_PX[0], 3), 20, np.uint8)
    picture[80:101, 140:181] = 160
    return picture


def plate(first: int, last: int) -> list[tuple[int, np.ndarray]]:
    return [(frame, dots()) for frame in range(first, last + 1)]


def centre_px(picture: np.ndarray) -> np.ndarray:
    light = (picture[..., 0] / 255.0) ** 2.2
    light = light - np.median(light)
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]]
    return np.array([(light * x).sum(), (light * y).sum()]) / light.sum()


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_spoils_the_same_two_to_six_frames_alike(kind):
    counts = set()
    for seed in range(40):
        drawn = draw_spoiling(kind, seed, 1, 96)
        counts.add(len(drawn.frames))
        assert drawn == draw_spoiling(kind, seed, 1, 96) and SIGMAS_PX[0] <= drawn.sigma_px <= SIGMAS_PX[1]
        assert 1 <= drawn.frames[0] and drawn.frames[-1] <= 96 and np.ptp(drawn.frames) + 1 == len(drawn.frames)
        assert max(drawn.forces) == 1.0 and drawn.forces == drawn.forces[::-1]
    assert counts == {2, 3, 4, 5, 6}


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_named_frames_are_spoiled(kind):
    spoiling = Spoiling(kind, (3, 4, 5), 20.0, (0.5, 1.0, 0.5), seed=7)
    made = dict(spoil_frames(plate(1, 7), spoiling))
    again = dict(spoil_frames(plate(1, 7), spoiling))
    assert list(made) == list(range(1, 8))
    for frame, picture in made.items():
        assert (picture == again[frame]).all()
        assert (frame in spoiling.frames) == bool((picture != dots()).any()), frame


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["focus", "whip"])
def test_a_blur_moves_nothing(kind, seed):
    """So that the truth of the plate stays the truth of the soft plate; both shapes of blur are among the seeds."""
    made = dict(spoil_frames(plate(1, 3), Spoiling(kind, (1, 2, 3), 30.0, (0.4, 1.0, 0.4), seed)))
    for picture in made.values():
        assert np.abs(centre_px(picture) - centre_px(dots())).max() < 0.5  # px; 8 bits leave no finer light


def test_a_plate_written_exactly_has_the_same_bytes_each_time(tmp_path):
    """Of two codes, and of two runs, the same plates must be compared."""
    spoiling = Spoiling("focus", (9, 10, 11), 20.0, (1.0, 1.0, 1.0), seed=2)
    pictures = list(spoil_frames(itertools.islice(knob_pictures(), 40), spoiling))
    written = set()
    for number in range(6):
        path = tmp_path / f"{number}.mp4"
        write_movie(path, pictures, crf=25, exact=True)
        written.add(path.read_bytes())
        used = [picture // 2 + number for _, picture in pictures]
        del used  # leaves other bytes in memory that is used again
    assert len(written) == 1
