"""What follows tracks in the comp: the stabilization and the corner pin, in numbers and in rendered pictures."""

import cv2
import numpy as np
import pytest
from blend_shot import FRAMES, LENS, SIZE, BlendShot, make_blend_shot
from conftest import blender
from slip import centroids_px, read_exr

from shotmake.corner_pin import Field, pin_of_places, pin_of_tracks
from shotmake.session import Tracks
from shotmake.stabilize import stabilize

PINNED = [(150.0, 70.0), (540.0, 40.0), (590.0, 330.0), (60.0, 290.0)]  # near these stand the tracks that are pinned to
# how the plate's picture is turned (clockwise as seen), grown and moved in the three frames
TURN_DEG, GROWTH, MOVE_PX = (4.0, -3.0, 6.0), (1.02, 0.96, 1.05), ((6.3, -9.6), (-14.2, 5.1), (21.7, 12.4))


@pytest.fixture(scope="module")
def shot(tmp_path_factory) -> BlendShot:
    return make_blend_shot(tmp_path_factory.mktemp("pin") / "show")


@pytest.fixture(scope="module")
def field(shot) -> Field:
    return Field(LENS, SIZE, shot.overscan_px)


def all_tracks(shot: BlendShot) -> Tracks:
    ids = np.arange(len(shot.points))
    markers = np.concatenate([shot.expected_px(frame) for frame in FRAMES])
    return Tracks.from_markers(np.tile(ids, 3), np.repeat(FRAMES, len(ids)), markers)


def pinned_ids(shot: BlendShot) -> list[int]:
    middle = shot.expected_px(FRAMES[1])
    return [int(np.linalg.norm(middle - place, axis=1).argmin()) for place in PINNED]


def pictures(blend, frames=FRAMES, ending="exr") -> list[np.ndarray]:
    words = ["--blend", blend, "--frames", ",".join(map(str, frames)), "--samples", 1]
    blender("render_frames.py", *words, "--out", blend.with_suffix(f".####.{ending}"))
    files = [blend.with_suffix(f".{frame}.{ending}") for frame in frames]
    return [read_exr(file) if ending == "exr" else cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in files]


def by_opencv(undistorted_px: np.ndarray) -> np.ndarray:
    """(N, 2) px without distortion -> plate px, by OpenCV's own lens."""
    plane = (undistorted_px - (LENS.cx_px, LENS.cy_px)) / LENS.fx_px
    matrix = np.array([[LENS.fx_px, 0, LENS.cx_px], [0, LENS.fy_px, LENS.cy_px], [0, 0, 1]])
    rays = np.concatenate([plane, np.ones((len(plane), 1))], 1)
    return cv2.projectPoints(rays, np.zeros(3), np.zeros(3), matrix, np.array([LENS.k1, LENS.k2, 0, 0]))[0][:, 0]


def edge_px(alpha: np.ndarray, begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(N, 2) where alpha crosses a half, looked for square to the chord begin -> end, between its tenths."""
    along = (end - begin) / np.linalg.norm(end - begin)
    normal = np.array([along[1], -along[0]])
    steps = np.arange(-14, 14.01, 0.25)
    found = []
    for share in np.linspace(0.1, 0.9, 17):
        line = begin + share * (end - begin) + steps[:, None] * normal - 0.5  # cv2's pixels
        values = cv2.remap(alpha, *np.float32(line.T)[..., None], cv2.INTER_LINEAR)[:, 0]
        at = np.flatnonzero((values[:-1] - 0.5) * (values[1:] - 0.5) <= 0)
        assert len(at) == 1, values
        part = (values[at[0]] - 0.5) / (values[at[0]] - values[at[0] + 1])
        found.append(line[at[0]] + part * 0.25 * normal + 0.5)
    return np.array(found)


def bare(sheet: dict) -> None:
    """Nothing but what is under test."""
    sheet["composite"].update(background_source="none", shadow_catcher=False)
    sheet["subject"]["kind"] = "none"


def crossing_px(one: np.ndarray, other: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Where two edges (N, 2), each continued as a parabola, meet."""
    curves = [fitted(edge) for edge in (one, other)]
    place = near
    for _ in range(5):  # Newton's steps, each a meeting of tangents
        lines = [tangent(curve, place) for curve in curves]
        place = np.linalg.solve([normal for normal, _ in lines], [offset for _, offset in lines])
    return place


def fitted(edge: np.ndarray) -> tuple:
    """(origin, along, parabola) of an edge (N, 2)."""
    along = (edge[-1] - edge[0]) / np.linalg.norm(edge[-1] - edge[0])
    return edge[0], along, np.polyfit(*((edge - edge[0]) @ np.array([along, [along[1], -along[0]]]).T).T, 2)


def tangent(curve: tuple, near: np.ndarray) -> tuple[np.ndarray, float]:
    """(normal, offset) of the line that touches the curve beside a place."""
    origin, along, parabola = curve
    at = (near - origin) @ along
    normal = np.array([along[1], -along[0]])
    across = normal - np.polyval(np.polyder(parabola), at) * along
    return across, float(across @ (origin + at * along + np.polyval(parabola, at) * normal))


def test_a_chart_pinned_on_tracks_lands_on_them_and_bends_with_the_lens(shot, field):
    ids, frames = pinned_ids(shot), (FRAMES[0], FRAMES[-1])
    for number, color in zip(FRAMES, ((0, 0, 255), (0, 255, 0), (255, 0, 0)), strict=True):  # BGR
        cv2.imwrite(str(shot.root / "footage" / f"card.{number}.png"), np.full((240, 320, 3), color, np.uint8))
    made = pin_of_tracks(all_tracks(shot), ids, frames, field, {}, {})

    def pin(sheet: dict) -> None:
        bare(sheet)
        image = {"file": f"footage/card.{FRAMES[0]}.png", "kind": "sequence"}
        image |= {"first_frame": FRAMES[0], "frame_count": 3}
        sheet["corner_pin"] = {"image": image, "object": None, **made.to_json()}
        sheet["corner_pin"]["visible"] = [True, False, True]

    first, hidden, last = pictures(shot.build("pin", pin))
    assert hidden.max() == 0
    for frame, picture, channel in ((FRAMES[0], first, 0), (FRAMES[-1], last, 2)):
        assert picture[180, 320].argmax() == channel or picture[180, 320, channel] > 0.99  # its own frame's card
        corners = shot.expected_px(frame)[ids]
        straight = field.undistorted_px(corners) - shot.overscan_px
        edges, bends = [], []
        for begin, end, first_px, last_px in zip(corners, np.roll(corners, -1, 0), straight, np.roll(straight, -1, 0)):
            found = edge_px(picture[..., 3], begin, end)
            truth = by_opencv(first_px + np.linspace(0, 1, 2000)[:, None] * (last_px - first_px))
            gaps_px = np.linalg.norm(found[:, None] - truth, axis=2).min(1)
            assert gaps_px.max() < 0.3, gaps_px
            along = (end - begin) / np.linalg.norm(end - begin)
            bends.append(np.abs((found - begin) @ [along[1], -along[0]]).max())
            edges.append(found)
        assert max(bends) > 3, bends
        landed = [crossing_px(edges[at - 1], edges[at], corners[at]) for at in range(4)]
        miss_px = np.linalg.norm(landed - corners, axis=1)
        assert miss_px.max() < 0.5, miss_px


def similarity(index: int) -> np.ndarray:
    """2x3: where what stands at a place of the pattern is in the plate of a frame."""
    angle = np.radians(TURN_DEG[index])
    turn = GROWTH[index] * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array(SIZE) / 2
    return np.concatenate([turn, (middle + MOVE_PX[index] - turn @ middle)[:, None]], 1)


def pattern(xy_px: np.ndarray) -> np.ndarray:
    """(H, W) grey 0..255: waves of 6 px and longer, all over."""
    random = np.random.default_rng(4)
    waves, phases = random.uniform(-0.12, 0.12, (40, 2)), random.uniform(0, 2 * np.pi, 40)
    parts = [np.sin(2 * np.pi * xy_px @ wave + phase) for wave, phase in zip(waves, phases, strict=True)]
    return np.clip(120 + 15 * np.sum(parts, 0), 0, 255)


@pytest.fixture(scope="module")
def shaken(tmp_path_factory) -> tuple[BlendShot, list[np.ndarray], dict]:
    """A shot whose plate is one pattern in three places: its pictures, and the block that brings them together."""
    shot = make_blend_shot(tmp_path_factory.mktemp("shaken") / "show")
    centres = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), -1)
    spots = np.random.default_rng(1).uniform((-40, -40), (680, 400), (60, 2))
    plates, markers = [], []
    for index, frame in enumerate(FRAMES):
        there = similarity(index)
        back = np.linalg.inv(np.vstack([there, [0, 0, 1]]))[:2]
        grey = np.round(pattern(centres @ back[:, :2].T + back[:, 2])).astype(np.uint8)
        plates.append(np.repeat(grey[..., None], 3, 2))
        assert cv2.imwrite(str(shot.root / "footage" / f"plate.{frame}.png"), plates[-1])
        markers.append(spots @ there[:, :2].T + there[:, 2])
    tracks = Tracks.from_markers(np.tile(np.arange(60), 3), np.repeat(FRAMES, 60), np.concatenate(markers))
    made = stabilize(tracks, SIZE, (FRAMES[0], FRAMES[-1]), FRAMES[1])
    return shot, plates, made.to_json()


def test_a_stabilised_plate_stands_still_and_is_empty_beyond_its_border(shaken):
    shot, plates, block = shaken

    def hold(sheet: dict) -> None:
        sheet["subject"]["kind"] = "none"
        sheet["composite"]["shadow_catcher"] = False
        sheet["stabilization"] = {**block, "put_back": False}

    held = pictures(shot.build("held", hold), ending="png")
    window = cv2.createHanningWindow((128, 128), cv2.CV_32F)
    for picture in held:
        for left, top in ((90, 40), (420, 40), (90, 190), (420, 190), (256, 116)):
            place = np.s_[top : top + 128, left : left + 128, 0]
            moved, _ = cv2.phaseCorrelate(np.float32(plates[1][place]), np.float32(picture[place]), window)
            print("HELD", np.round(moved,3))
            assert np.hypot(*moved) < 0.1, moved
    assert (held[1][2:-2, 2:-2, 3] == 255).all() and not held[2][:3, :3].any()


def test_what_is_put_back_is_the_plate(shaken):
    shot, plates, block = shaken

    def round_trip(sheet: dict) -> None:
        sheet["subject"]["kind"] = "none"
        sheet["composite"]["shadow_catcher"] = False
        sheet["stabilization"] = {**block, "put_back": True}

    for picture, plate in zip(pictures(shot.build("back", round_trip), ending="png"), plates, strict=True):
        difference = np.abs(picture[3:-3, 3:-3, :3].astype(int) - plate[3:-3, 3:-3])
        print("BACK", difference.max(), np.percentile(difference,99), difference.mean())
        assert difference.max() <= 2
        assert (picture[3:-3, 3:-3, 3] == 255).all()
