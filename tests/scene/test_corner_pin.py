"""The corner pin: its corners in numbers, and where a pinned picture really lands."""

import cv2
import numpy as np
import pytest

from helpers.plates.comp_pictures import by_opencv, corners_px, directions, edge_px, pictures
from helpers.plates.synthetic import write_movie
from helpers.shows.blend_shot import FIRST_FRAME, FRAMES, LENS, SIZE, BlendShot, make_blend_shot
from shotmake.errors import ShotError
from shotmake.geometry.camera import project
from shotmake.scene.corner_pin import Field, pin_of_places, pin_of_tracks
from shotmake.tracks.find_tracks import find_track, map_names, select_enabled
from shotmake.tracks.markers import DISABLED, Tracks

NEAR_PX = [(150.0, 70.0), (540.0, 40.0), (590.0, 330.0), (60.0, 290.0)]  # the tracks nearest to these are pinned to
COLORS = {FRAMES[0]: (0, 0, 255), FRAMES[1]: (0, 255, 0), FRAMES[2]: (255, 0, 0)}  # BGR
SPAN = FRAMES[0], FRAMES[-1]


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> BlendShot:
    return make_blend_shot(tmp_path_factory.mktemp("pin") / "show")


@pytest.fixture(scope="module")
def field(shot) -> Field:
    return Field(LENS, SIZE, shot.overscan_px)


@pytest.fixture(scope="module")
def tracks(shot) -> Tracks:
    ids = np.arange(len(shot.points))
    markers = np.concatenate([shot.expected_px(frame) for frame in FRAMES])
    return Tracks.from_markers(np.tile(ids, 3), np.repeat(FRAMES, len(ids)), markers)


@pytest.fixture(scope="module")
def ids(tracks) -> list[int]:
    there = tracks.select(tracks.frame == FRAMES[1])
    nearest = [int(np.linalg.norm(there.xy_px - place, axis=1).argmin()) for place in NEAR_PX]
    picks = [{"frame": FRAMES[1], "xy_px": (there.xy_px[at] + 2).tolist()} for at in nearest]
    found = [find_track(pick, select_enabled(tracks, SIZE[0], {}), "") for pick in picks]
    assert found == there.track_id[nearest].tolist()
    return found


def card(color: tuple[int, int, int]) -> np.ndarray:
    """A card of one colour, its top-left quarter white."""
    image = np.full((240, 320, 3), color, np.uint8)
    image[:120, :160] = 255
    return image


def bare(sheet: dict) -> None:
    sheet["composite"].update(background_source="none")
    sheet["subject"]["kind"] = "none"


def check_landed(
    picture: np.ndarray, corners: np.ndarray, field: Field, bgr: tuple[int, int, int], bend_px: float
) -> None:
    """The card lies with its corners (4, 2) within half a pixel, its edges bent by the lens, the right way up."""
    straight = field.to_undistorted_px(corners) - field.overscan_px
    edges, bends = [], []
    for at in range(4):
        begin, end = corners[at], corners[(at + 1) % 4]
        share = np.linspace(0, 1, 2000)[:, None]
        truth = by_opencv(straight[at] + share * (straight[(at + 1) % 4] - straight[at]))
        edges.append(edge_px(picture[..., 3], begin, end))
        gaps_px = np.linalg.norm(edges[-1][:, None] - truth, axis=2).min(1)
        assert gaps_px.max() < 0.35, gaps_px
        bends.append(np.abs((edges[-1] - begin) @ directions(begin, end)[1]).max())
    assert max(bends) > bend_px, bends
    miss_px = np.linalg.norm(corners_px(edges, corners) - corners, axis=1)
    assert miss_px.max() < 0.5, miss_px
    for at, corner in enumerate(corners):
        column, row = (corner + 0.2 * (corners.mean(0) - corner)).astype(int)
        wanted = np.array((255, 255, 255) if at == 0 else bgr)[::-1] / 255
        np.testing.assert_allclose(picture[row, column, :3], wanted, atol=0.06)


def test_a_sequence_pinned_on_tracks_lands_on_them_and_bends_with_the_lens(shot, field, tracks, ids):
    for frame, color in COLORS.items():
        assert cv2.imwrite(str(shot.root / "footage" / f"card.{frame}.png"), card(color))
    block = pin_of_tracks(tracks, ids, SPAN, field, {}, {}).to_json() | {"visible": [True, False, True]}

    def pin(sheet: dict) -> None:
        bare(sheet)
        sheet["composite"]["shadow_catcher"] = False
        image = {"file": f"footage/card.{FRAMES[0]}.png", "kind": "sequence", "first_frame": FRAMES[0]}
        sheet["corner_pin"] = {"image": {**image, "frame_count": 3}, "object": None, **block}

    first, hidden, last = pictures(shot.build("pin", pin))
    assert hidden.max() == 0
    for frame, picture in ((FRAMES[0], first), (FRAMES[-1], last)):
        check_landed(picture, shot.expected_px(frame)[ids], field, COLORS[frame], 3.0)


def test_a_movie_pinned_on_an_object_lands_on_it_and_starts_with_the_plate(shot, field):
    movie = [(255, 255, 0), *COLORS.values()]  # its first frame goes with the plate's, which the shot leaves out
    cards = [cv2.resize(card(color), (1280, 960), interpolation=cv2.INTER_NEAREST) for color in movie]
    write_movie(shot.root / "footage" / "card.mp4", enumerate(cards))

    def pin(sheet: dict) -> None:
        bare(sheet)
        sheet["ground"]["size"] = 1.6  # the catcher is a mesh of four corners, from its lower left around
        image = {"file": "footage/card.mp4", "kind": "file", "first_frame": FIRST_FRAME, "frame_count": None}
        sheet["corner_pin"] = {"image": image, "object": "ground"}

    corners = np.array([(-0.8, 0.8, 0), (0.8, 0.8, 0), (0.8, -0.8, 0), (-0.8, -0.8, 0)])
    frames = FRAMES[0], FRAMES[-1]
    for frame, picture in zip(frames, pictures(shot.build("on_object", pin), frames), strict=True):
        landed = project(corners, shot.poses[FRAMES.index(frame)], LENS)[0]
        check_landed(picture, landed, field, COLORS[frame], 0.7)
        by_us = pin_of_places(corners, (frame, frame), field, {frame: shot.poses[FRAMES.index(frame)]})
        np.testing.assert_allclose(by_us.corners[0], field.to_relative(field.to_undistorted_px(landed)), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "file", "line"),
    [
        (
            "sign",
            "footage/plate.1002.png",
            "found no object 'sign'; needed a mesh of one face of four; there are: ground",
        ),
        ("ground", "tracks.npz", "composite.corner_pin.image: tracks.npz: "),
    ],
)
def test_what_cannot_be_pinned_is_one_line(shot, name, file, line):
    image = {"file": file, "kind": "file", "first_frame": FIRST_FRAME, "frame_count": None}
    with pytest.raises(RuntimeError) as caught:
        shot.build("bad", lambda sheet: sheet.update(corner_pin={"image": image, "object": name}))
    last = str(caught.value).strip().splitlines()[-1]
    assert last.startswith("build_composite.py: ") and line in last and "Traceback" not in str(caught.value)


def test_where_the_comp_has_no_mesh_that_would_do_none_is_asked_for(shot):
    def pin(sheet: dict) -> None:
        bare(sheet)
        sheet["composite"].update(shadow_catcher=False)
        image = {"file": "footage/plate.1002.png", "kind": "file", "first_frame": FIRST_FRAME, "frame_count": None}
        sheet["corner_pin"] = {"image": image, "object": "sign"}

    with pytest.raises(RuntimeError) as caught:
        shot.build("no_mesh", pin)
    last = str(caught.value).strip().splitlines()[-1]
    assert last.endswith("needed a mesh of one face of four; there is none, so pin to tracks or corners_xyz"), last


def test_a_solved_point_stands_in_for_a_lost_track_and_without_one_the_pin_is_hidden(shot, field, tracks, ids):
    lost = tracks.select((tracks.track_id != ids[2]) | (tracks.frame != FRAMES[1]))
    off = tracks.status.copy()
    off[(tracks.track_id == ids[0]) & (tracks.frame == FRAMES[2])] = DISABLED
    off_tracks = Tracks.from_markers(tracks.track_id, tracks.frame, tracks.xy_px, status=off)
    cameras, points = dict(zip(FRAMES, shot.poses, strict=True)), dict(enumerate(shot.points))
    whole = pin_of_tracks(tracks, ids, SPAN, field, cameras, {})
    for fewer, frame in ((lost, 1), (off_tracks, 2)):
        held = pin_of_tracks(fewer, ids, SPAN, field, cameras, points)
        assert held.by_points == 1 and held.visible.all()
        np.testing.assert_allclose(held.corners, whole.corners, atol=1e-6)  # the tracks are true
        hidden = pin_of_tracks(fewer, ids, SPAN, field, cameras, {})
        assert hidden.by_points == 0 and np.flatnonzero(~hidden.visible).tolist() == [frame]


def test_corners_that_cannot_be_are_refused(shot, field, tracks, ids):
    cameras = dict(zip(FRAMES, shot.poses, strict=True))
    with pytest.raises(ShotError, match="the corners cross over; needed top-left, top-right"):
        pin_of_tracks(tracks, [ids[0], ids[2], ids[1], ids[3]], SPAN, field, cameras, {})
    with pytest.raises(ShotError, match="one track at two corners"):
        pin_of_tracks(tracks, [ids[0], ids[0], ids[1], ids[3]], SPAN, field, cameras, {})
    with pytest.raises(ShotError, match="no frame of 1002 to 1004 shows all four corners"):
        pin_of_places(np.array([(9, 9, 9), (9, 8, 9), (9, 8, 8), (9, 9, 8.0)]), SPAN, field, cameras)
    among = select_enabled(tracks, SIZE[0], map_names({"7777": {"name": "sign"}, "12": {"name": "post"}}))
    with pytest.raises(ShotError, match=r"found no track at \[1, 1\] in frame 1002: the nearest is \d+.\d px off"):
        find_track({"frame": 1002, "xy_px": [1, 1]}, among, "composite.corner_pin.tracks[0]")
    with pytest.raises(ShotError, match=r"tracks\[1\]: found sign, which has no enabled marker"):
        find_track("sign", among, "composite.corner_pin.tracks[1]")
    assert find_track("post", among, "") == find_track({"name": "post"}, among, "") == 12
