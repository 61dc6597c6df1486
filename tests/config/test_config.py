"""The schema: every fault at once, both nestings, and what each kind of fault says."""

from datetime import date

import pytest

from shotmake.config.check import ConfigFaults, list_keys, load, make_defaults, normalise
from shotmake.config.frame_rates import parse_frame_rate
from shotmake.config.schema import Config

pytestmark = pytest.mark.fast

GOOD = {"shot": {"name": "s", "footage": {"file": "a.mp4"}}}


def faults(tree: dict) -> dict[str, str]:
    with pytest.raises(ConfigFaults) as caught:
        load(tree)
    return {fault.key: fault.message for fault in caught.value.faults}


def with_value(key: str, value) -> dict:
    tree = {"shot": {"name": "s", "footage": {"file": "a.mp4"}}}
    *groups, last = key.split(".")
    block = tree
    for group in groups:
        block = block.setdefault(group, {})
    block[last] = value
    return tree


def test_defaults_load_to_the_defaults():
    tree = make_defaults()
    tree["shot"]["name"], tree["shot"]["footage"]["file"] = "s", "a.mp4"
    assert load(tree) == load(GOOD)
    assert len(list_keys()) > 70


def test_all_faults_at_once():
    tree = with_value("tracking.detect.min_trakcs", 5)
    tree["composite"] = {"shadow_catcher": "maybe", "mode": "sideways"}
    tree["shot"]["footage"]["frame_range"] = [1, 2, 3]
    found = faults(tree)
    assert set(found) == {
        "shot.footage.frame_range",
        "tracking.detect.min_trakcs",
        "composite.shadow_catcher",
        "composite.mode",
    }
    assert "did you mean tracking.detect.min_tracks" in found["tracking.detect.min_trakcs"]
    assert "over_footage" in found["composite.mode"]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("shot.footage.first_frame", "one", "found 'one'; needed a whole number"),
        ("shot.footage.first_frame", True, "found true; needed a whole number"),
        ("shot.footage.first_frame", 1.5, "found 1.5"),
        ("shot.footage.frame_rate", "fast", "found 'fast'"),
        ("shot.footage.frame_rate", 0, 'found 0; needed frames/s above 0 and at most 1000, as 24 or "24000/1001"'),
        ("shot.footage.frame_rate", 2000, "found 2000; needed frames/s above 0 and at most 1000"),
        ("shot.footage.frame_rate", "-24", "found '-24'; needed frames/s above 0"),
        ("shot.footage.frame_rate", "24/0", "found '24/0'"),
        ("shot.cameras.b.footage", {"file": "b.mp4", "frame_rate": "abc"}, "found 'abc'; needed frames/s above 0 and"),
        ("shot.cameras.b.footage", {"file": "b.mp4", "frame_rate": 2000}, "found 2000; needed frames/s above 0 and"),
        ("shot.footage.frame_range", [9, 2], "first frame must not be after the last"),
        ("shot.footage.bad_frames", "46-48", "found '46-48'; needed a list"),
        ("shot.footage.bad_frames", [46, "x"], "found 'x'; needed frames as in [46-48, 60]"),
        ("shot.footage.bad_frames", ["48-46"], "found '48-46'; needed frames as in [46-48, 60]"),
        ("shot.footage.bad_frames", [1.5], "found [1.5]; needed a list"),
        ("composite.render.frames", "96-1", "found '96-1'; needed frames as in 1-96, 1-96x8 or 1,5,10-20"),
        ("composite.render.frames", [1, 5], "needed a whole number or text or null"),
        ("shot.footage.resolution", [1920], "found 1 value; needed 2"),
        ("shot.footage", "a.mp4", "a block of keys is needed"),
        ("shot.name", "../evil", "letters, digits"),
        (
            "shot.name",
            "_plate",
            "needed letters, digits, '_', '-' and '.', the first a letter or digit",
        ),
        (
            "shot.cameras",
            {"_a": {"footage": {"file": "b.mp4"}}},
            "found the name '_a'; needed letters, digits",
        ),
        ("tracking.solve.pin", "newest", "found 'newest'; needed the 12 characters of a result's cache key"),
        ("shot.camera.sensor_width_mm", float("nan"), "finite"),
        ("shot.camera.lock_focal", True, "shot.camera.focal_mm"),
        ("shot.camera.from_tracking", False, "import_file"),
        ("shot.camera", {"lens_from": "other", "checkerboard": {"files": "a.##.jpg"}}, "needed one lens"),
        (
            "shot.camera",
            {"lens_from": "other", "lock_focal": True, "focal_mm": 35},
            "needed false: the solve",
        ),
        (
            "shot.camera",
            {"lens_from": "map.exr", "lock_focal": True},
            "needed false: the solve keeps",
        ),
        ("shot.camera", {"lens_from": "a", "from_tracking": False, "import_file": "c.json"}, "imported camera has its"),
        ("shot.camera", {"from_tracking": False, "given": [{"frame": 1}]}, "needed {frame, location"),
        ("shot.camera", {"given": [{"frame": 1, "location": [0, 0, 1], "look_at": [1, 0, 1]}]}, "from_tracking: false"),
        ("shot.lights.preset", "hdri", "shot.lights.preset: hdri needed an image"),
        ("shot.backdrop.kind", "image", "shot.backdrop.kind: image needed an image"),
        ("shot.backdrop.color", [2, 0, 0], "needed at most 1.0"),
        ("shot.subject.scale", 2.0, "found 2.0 without shot.subject.blend"),
        ("shot.subject", {"blend": "a.blend", "scale": 1.0, "size": 2.0}, "needed one of them"),
        ("tracking.solve.refine", ["k9"], "found 'k9'; allowed: focal"),
        ("shot.export", ["chan", "max"], "found 'max'; allowed: chan"),
        ("shot.camera.import_file", "shot.ma", "found 'shot.ma'; needed one of .json, .chan"),
        ("shot.camera", {"import_file": "a.chan", "import_name": "cam"}, "needed null, Nuke .chan"),
        ("shot.camera.import_rotation_order", "ZYZ", "allowed: XYZ"),
        ("tracking.detect.min_tracks", 2, "at least 12"),
        ("tracking.track.correlation_min", 1.2, "at most 1.0"),
        ("tracking.solve.refine", "focal", "a list of texts"),
        ("tracking.solve.orient.origin", {"frame": 3}, "needed {frame, xy_px: [x, y]}"),
        ("tracking.solve.orient.origin", {"frame": 3, "xy_px": [1]}, "needed {frame, xy_px: [x, y]}"),
        ("shot.export", ["object_mattes"], "found object_mattes without tracking.objects.enabled"),
        ("tracking.mask.from_objects", True, "found without tracking.objects.enabled: true"),
        ("composite.lens_distortion.overscan", "lots", "needed auto"),
        ("composite.mode", "over_plate", "needed composite.background_source: image and composite.background_image"),
        ("composite.background_source", "image", "needed a still"),
        ("composite.lens_distortion.st_map_convention", "fusion", "allowed: nuke, alicevision"),
        ("composite.stabilization", {"enabled": True, "tracks": "roof"}, "found 'roof'; needed all, a group"),
        ("composite.stabilization", {"enabled": True, "tracks": []}, "found an empty list"),
        ("composite.stabilization.frame", "first", "a whole number or null"),
        ("composite.corner_pin", {"tracks": [{"track": 1}] * 4}, "not set, but tracks is"),
        ("composite.corner_pin", {"image": "a.png"}, "found no corners; needed one of tracks, corners_xyz, object"),
        ("composite.corner_pin", {"image": "a.png", "object": "x", "tracks": [{"track": 1}] * 4}, "tracks and object"),
        ("composite.corner_pin", {"image": "a.png", "tracks": [{"track": 1}] * 3}, "found 3; needed four: top-left"),
        ("composite.corner_pin", {"image": "a.png", "tracks": [{"track": 1}] * 3 + ["sign"]}, "no manual track's name"),
        ("composite.corner_pin", {"image": "a.png", "tracks": [{"track": 1}] * 3 + [{"frame": 1}]}, "needed {frame"),
        ("composite.corner_pin", {"image": "a.png", "corners_xyz": [[0, 0, 0]] * 3 + [[1, 2]]}, "needed [x, y, z]"),
        ("composite.corner_pin.tracklet", 0, "at least 1"),
        ("composite.corner_pin", {"imago": "a.png"}, "did you mean composite.corner_pin.image?"),
    ],
)
def test_each_fault_says_what_was_found_and_what_is_needed(key, value, words):
    found = faults(with_value(key, value))
    (message,) = found.values()
    assert words in message


ORIENT = "tracking.solve.orient"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (f"{ORIENT}.survey", [{"track": 1}], "found no xyz_m; needed [x, y, z] in metres"),
        (f"{ORIENT}.survey", [{"track": 1, "xyz_m": [1, None, True]}], "found xyz_m [1, null, true]; needed [x, y, z]"),
        (f"{ORIENT}.ground", [None, {"track": 1}, {"track": 2}], "found null; needed {frame, xy_px"),
        (f"{ORIENT}.origin", {"frame": None, "xy_px": [1, 2]}, "found {frame: null, xy_px: [1, 2]}; needed {frame"),
        (f"{ORIENT}.distance", {"a": "x", "b": "y", "metres": None}, "found null; needed a length above 0"),
        ("tracking.manual", [None], "found [null]; needed"),
        ("tracking.manual", [{"name": "a", "frame": None, "xy_px": [1, 2]}], "found frame null, xy_px [1, 2]; needed"),
        ("tracking.groups", {"a": {"status": True}}, "found true; allowed: enabled"),
        ("shot.footage.frame_range", [None, 9], "found [null, 9]; needed a list of whole numbers"),
        ("shot.footage.frame_range", date(2001, 2, 3), "found 2001-02-03; needed a list of whole numbers"),
        (
            "shot.camera.given",
            [{"frame": 1, "location": None, "look_at": [1, 0, 1]}],
            "found location null; needed",
        ),
        ("composite.corner_pin", {"image": "a.png", "corners_xyz": [None] * 4}, "found null; needed [x, y, z]"),
    ],
)
def test_a_value_is_shown_as_yaml_says_it(key, value, words):
    assert words in "\n".join(faults(with_value(key, value)).values())


def test_a_fault_of_a_witness_camera_names_its_own_key():
    tree = with_value("shot.cameras", {"b": {"footage": {"file": "b.mp4", "frame_rate": "abc"}}})
    assert list(faults(tree)) == ["shot.cameras.b.footage.frame_rate"]


def test_what_follows_tracks_needs_tracks_and_null_is_no_pin():
    tree = with_value("composite.corner_pin", None)
    assert load(tree).composite.corner_pin.image is None
    tree["tracking"] = {"enabled": False}
    tree["shot"]["camera"] = {"from_tracking": False, "import_file": "c.json"}
    pin = {"image": "a.png", "tracks": [{"track": 1}] * 4}
    tree["composite"] = {"stabilization": {"enabled": True}, "corner_pin": pin}
    assert set(faults(tree)) == {"composite.stabilization.enabled", "composite.corner_pin.tracks"}


def test_an_object_is_followed_instead_of_tracks_not_beside_them():
    tree = with_value("composite.stabilization", {"enabled": True, "tracklet": 3})
    tree["composite"]["corner_pin"] = {"image": "a.png", "tracklet": 3, "object": "screen"}
    tree["shot"]["export"] = ["objects_mot"]
    without = {"composite.stabilization.tracklet", "composite.corner_pin.tracklet", "shot.export"}
    found = faults(tree)
    assert set(found) == without | {"composite.corner_pin"}
    assert "found object and tracklet; needed one of tracks" in found["composite.corner_pin"]
    assert "found objects_mot without tracking.objects.enabled" in found["shot.export"]
    tree["tracking"] = {"objects": {"enabled": True, "classes": []}}
    assert "found an empty list" in faults(tree)["tracking.objects.classes"]
    tree["tracking"] = {"objects": {"enabled": True}, "enabled": False}
    tree["shot"]["camera"] = {"from_tracking": False, "import_file": "c.json"}  # no tracks are needed
    tree["composite"]["corner_pin"]["object"] = None
    assert load(tree).composite.stabilization.tracklet == 3
    tree["tracking"]["groups"] = {"roof": [{"frame": 1, "xy_px": [1, 1]}]}
    tree["composite"]["stabilization"]["tracks"] = "roof"
    assert "found 'roof' with composite.stabilization.tracklet" in faults(tree)["composite.stabilization.tracks"]


def test_bad_frames_are_numbers_and_ranges():
    assert load(with_value("shot.footage.bad_frames", [46, "50-52"])).shot.footage.bad_frames == [46, "50-52"]
    assert load(with_value("shot.footage.bad_frames", [])).shot.footage.bad_frames == []


def test_owners_nesting_is_normalised():
    tree = normalise(
        {
            "shot": {
                "name": "composite_knob_hero",
                "footage": {"file": "footage/knob_hero_4k.mp4", "frame_range": [1, 150]},
                "tracking": {"enabled": True, "preset": "high_quality", "solve": True,
                             "auto_detect": {"min_tracks": 77, "quality_threshold": 0.02}},
                "camera": {"from_tracking": True},
                "composite": {"mode": "over_footage", "shadow_catcher": True,
                              "lens_distortion": {"overscan": 8}, "stabilization": {"enabled": False}},
            }
        }
    )  # fmt: skip
    config = load(tree)
    assert config.tracking.solve.enabled and config.tracking.detect.min_tracks == 77
    assert config.tracking.detect.quality_threshold == 0.02
    assert config.composite.lens_distortion.overscan == 8
    assert config.shot.footage.frame_range == [1, 150]


@pytest.mark.parametrize(("typed", "version"), [(4.2, "4.2"), (5, "5.0"), ("4.5", "4.5")])
def test_a_blender_version_may_be_typed_as_a_number(typed, version):
    tree = normalise({"shot": {"composite": {"blender": {"version": typed}}}})
    assert tree["composite"]["blender"] == {"version": version}


def test_normalise_leaves_its_argument_alone_and_is_idempotent():
    tree = {"shot": {"name": "s", "tracking": {"solve": False}}, "tracking": {"solve": {"kind": "tripod"}}}
    once = normalise(tree)
    assert tree["shot"]["tracking"] == {"solve": False}
    assert once == normalise(once)
    assert once["tracking"]["solve"] == {"kind": "tripod", "enabled": False}


def test_frame_rates_are_exact():
    assert parse_frame_rate(23.976).as_integer_ratio() == (24000, 1001)
    assert parse_frame_rate(29.97).as_integer_ratio() == (30000, 1001)
    assert parse_frame_rate(25).as_integer_ratio() == (25, 1)
    assert parse_frame_rate(12.5).as_integer_ratio() == (25, 2)
    assert parse_frame_rate("24000/1001").as_integer_ratio() == (24000, 1001)


def test_two_configs_share_no_lists():
    first, second = Config(), Config()
    first.shot.export.append("x")
    assert second.shot.export == ["chan"]


def number_keys() -> list[str]:
    """Every key whose default is a number or a list of numbers."""
    tree, found = make_defaults(), []
    for key in list_keys():
        value = tree
        for part in key.split("."):
            value = value[part]
        one = value[0] if isinstance(value, list) and value else value
        if isinstance(one, int | float) and not isinstance(one, bool):
            found.append(key)
    return found


@pytest.mark.parametrize("value", [1e12, -1e12, 1e300, 10**400, float("inf"), float("nan")])
def test_every_number_has_an_end(value):
    """One that is only finite becomes infinite as soon as it is squared."""
    tree, named = {}, number_keys()
    assert {"shot.subject.location", "shot.lights.sun_strength", "shot.footage.first_frame"} <= set(named)
    shipped = make_defaults()
    for key in named:
        default, block = shipped, tree
        *groups, last = key.split(".")
        for group in groups:
            default, block = default[group], block.setdefault(group, {})
        block[last] = [value] * len(default[last]) if isinstance(default[last], list) else value
    found = faults(tree)
    assert set(named) <= set(found) and all(len(line) < 200 for line in found.values())
