"""The scene sheet's subject, ground, lights and backdrop: places and directions."""

import cv2
import numpy as np
import pytest

from helpers.shows.sheets import LENS, made, poses
from shotmake.geometry.camera import project

pytestmark = pytest.mark.fast


def test_heights_count_from_the_ground():
    found = made(subject={"location": [0.5, 0.5, 0.1]})
    assert found["ground"]["z"] == pytest.approx(0.7) and found["ground"]["center"] == [0.5, 0.5]
    assert found["subject"]["location"] == pytest.approx([0.5, 0.5, 0.8])


def test_a_brought_subject_keeps_its_size_where_metres_are_known():
    brought = {"blend": "a.blend", "collection": "A"}
    assert [made(subject=brought)["subject"][name] for name in ("kind", "scale", "size")] == ["blend", 1.0, None]
    unknown = made(scale_known=False, subject=brought)["subject"]
    assert unknown["scale"] is None and unknown["size"] == made()["subject"]["size"] > 0
    assert made(subject={**brought, "size": 2.0})["subject"]["size"] == 2.0


def test_the_three_lamps_stand_around_the_subject_as_the_middle_camera_sees_it():
    lamps = made(lights={"preset": "three_point", "key_strength": 4.0, "fill_strength": 0.5})["lights"]["lamps"]
    key, fill, rim = (np.array(lamps[name]["direction"]) for name in ("key", "fill", "rim"))
    for direction in (key, fill, rim):
        assert np.linalg.norm(direction) == pytest.approx(1) and direction[2] > 0
    # the middle camera stands at -Y and looks along +Y: its left is -X
    assert key[0] < -0.3 and key[1] < 0 and fill[0] > 0.3 and fill[1] < 0 and rim[1] > 0.3
    assert [lamps[name]["strength"] for name in ("key", "fill", "rim")] == [4.0, 2.0, 2.0]
    right = made(lights={"key_azimuth_deg": 45.0})["lights"]["lamps"]["key"]["direction"]
    assert right[0] > 0.3 and right[1] < 0


def test_the_sun_shines_from_where_it_stands():
    sun = made(lights={"sun_azimuth_deg": 0.0, "sun_elevation_deg": 45.0})["lights"]["sun_direction"]
    np.testing.assert_allclose(sun, [-(0.5**0.5), 0, -(0.5**0.5)], atol=1e-12)


@pytest.mark.parametrize(
    ("block", "change"),
    [
        ("lights", {"preset": "overcast"}),
        ("lights", {"rim_strength": 9.0}),
        ("lights", {"image": "a.hdr", "rotation_z_deg": 10.0}),
        ("backdrop", {"kind": "image", "image": "a.png"}),
        ("backdrop", {"color": [0.1, 0.2, 0.3]}),
        ("subject", {"rotation_z_deg": 5.0}),
        ("subject", {"blend": "a.blend", "link": False}),
    ],
)
def test_a_key_changes_its_own_block_alone(block, change):
    before, after = made(), made(**{block: change})
    assert [name for name in before if before[name] != after[name]] == [block]


def test_the_curve_bends_up_behind_the_subject():
    curve = made(backdrop={"kind": "infinite_curve"})["backdrop"]["curve"]
    assert curve["azimuth_deg"] == pytest.approx(90, abs=1) and curve["floor"] > 0 and curve["radius"] > 0
    assert made()["backdrop"]["curve"] is None and made()["backdrop"]["picture"] is None


def test_a_picture_is_behind_the_subject_and_fills_every_view():
    picture = made(backdrop={"kind": "image", "image": "a.png"})["backdrop"]["picture"]
    towards, up = np.array(picture["towards"]), np.array(picture["up"])
    right = np.cross(up, towards)
    assert towards @ up == pytest.approx(0) and np.cross(right, up) == pytest.approx(towards)
    across, high = np.array(picture["size"]) / 2
    centre = np.array(picture["location"])
    sides = ((-1, -1), (1, -1), (1, 1), (-1, 1))
    corners = np.array([centre + x * across * right + y * high * up for x, y in sides])
    for pose in poses():
        xy_px, depth = project(corners, pose, LENS)
        assert (depth > 5.0).all(), "behind the subject"
        for corner in ((-20, -10), (1940, -10), (1940, 1090), (-20, 1090)):  # the overscan's
            assert cv2.pointPolygonTest(xy_px.astype(np.float32), corner, measureDist=True) > -0.1
