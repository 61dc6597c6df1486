"""Which stages run again when a key changes: every key of the schema, perturbed one by one."""

from types import SimpleNamespace

import pytest

from helpers.shows.defaults import kinds
from helpers.shows.slice_ways import changed, variations
from helpers.shows.slice_ways import plain as shot_config
from shotmake.config.check import list_keys
from shotmake.config.schema import Config, Footage, Witness
from shotmake.errors import ShotError
from shotmake.tasks.commands.build.publish import needs_no_camera
from shotmake.tasks.commands.sweep import results
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.stage import make_nodes
from shotmake.tasks.engine.stamp import to_canonical
from shotmake.tasks.stages.composite.assets import list_asset_files
from shotmake.tasks.stages.composite.stage import COMPOSITE
from shotmake.tasks.stages.export import EXPORT
from shotmake.tasks.stages.footage import FOOTAGE
from shotmake.tasks.stages.lens import LENS
from shotmake.tasks.stages.object_mattes import OBJECT_MATTES
from shotmake.tasks.stages.objects.stage import OBJECTS
from shotmake.tasks.stages.preview import PREVIEW
from shotmake.tasks.stages.render import RENDER
from shotmake.tasks.stages.report import REPORT
from shotmake.tasks.stages.scene.stage import SCENE
from shotmake.tasks.stages.solve.stage import SOLVE
from shotmake.tasks.stages.stmap import STMAP
from shotmake.tasks.stages.tracks.stage import TRACKS
from shotmake.tasks.stages.undistorted_plate import UNDISTORTED_PLATE
from shotmake.tasks.stages.witness_cameras import make_witness_nodes

STAGES = (FOOTAGE, OBJECTS, TRACKS, LENS, SOLVE, STMAP, SCENE, COMPOSITE, PREVIEW, EXPORT, REPORT, RENDER)
NOT_ALWAYS = {"lens", "objects"}  # only when a lens is imported, when objects are followed
ALL = {stage.name for stage in STAGES} - NOT_ALWAYS
AFTER_TRACKS = ALL - {"footage"}
AFTER_SOLVE = AFTER_TRACKS - {"tracks"}
CAMERA = {"stmap", "scene", "composite", "export", "render"}

# The first rule whose prefix matches a key tells which stages it touches.
RULES = {
    "shot.name": AFTER_SOLVE,  # solve.json names it
    "shot.footage.frame_range": AFTER_TRACKS,
    "shot.footage.bad_frames": AFTER_TRACKS,
    "shot.footage": ALL,
    "shot.camera.from_tracking": AFTER_SOLVE,
    "shot.camera.lens_max_fit_px": set(),  # without a lens file
    "shot.camera.st_map_direction": set(),
    "shot.camera.lens_from": AFTER_SOLVE | {"lens"},
    "shot.camera.checkerboard.files": AFTER_SOLVE | {"lens"},
    "shot.camera.checkerboard": set(),  # without stills
    "shot.camera.given": set(),  # with a camera from tracks
    "shot.camera.import_name": set(),  # without import_file
    "shot.camera.import_rotation_order": set(),
    "shot.camera": AFTER_SOLVE,
    "shot.cameras": set(),  # without objects
    "shot.subject": {"scene", "composite"},
    "shot.lights": {"scene", "composite"},
    "shot.backdrop": {"scene", "composite"},
    "shot.export": {"export"},
    "tracking.enabled": AFTER_TRACKS | {"tracks"},
    "tracking.engine": AFTER_TRACKS,
    "tracking.session_file": AFTER_TRACKS,
    "tracking.session_first_frame": set(),  # without a session file
    "tracking.groups": AFTER_TRACKS,
    "tracking.manual": AFTER_TRACKS,
    "tracking.detect": AFTER_TRACKS,
    "tracking.track": AFTER_TRACKS,
    "tracking.clean": AFTER_TRACKS,
    "tracking.mask": AFTER_TRACKS,
    "tracking.objects.enabled": {"objects", "scene", "composite", "preview", "report"},
    "tracking.objects": set(),  # they touch what uses them, when they are enabled
    "tracking.solve.enabled": CAMERA | {"solve", "preview", "report"},
    "tracking.solve": AFTER_SOLVE,
    "tracking.qc": {"report"},
    "tracking.preview": {"preview", "report"},
    "composite.lens_distortion.st_map_convention": set(),  # without an imported map
    "composite.lens_distortion.apply_to_cg": {"scene", "composite", "render"},
    "composite.lens_distortion": {"stmap", "scene", "composite", "render"},
    "composite.blender": {"composite", "render"},
    "composite.render.frames": {"render"},
    "composite": {"scene", "composite"},
}


def graph_keys(config: Config) -> dict[str, str]:
    return {name: node.key for name, node in (make_nodes(config, STAGES) | make_witness_nodes(config, STAGES)).items()}


@pytest.mark.parametrize("key", list_keys())
def test_each_key_touches_exactly_its_stages(key):
    expected = next(stages for prefix, stages in RULES.items() if key == prefix or key.startswith(prefix + "."))
    expected = expected | {"render"} if "scene" in expected else expected  # it shows what the scene says
    before, after = graph_keys(shot_config()), graph_keys(changed(shot_config(), key))
    touched = {name for name in ALL | NOT_ALWAYS if before.get(name) != after.get(name)}
    assert touched == expected


@pytest.mark.parametrize("key", ["columns", "rows", "square_mm", "files"])
def test_stills_touch_the_lens_and_what_is_solved_with_it(key):
    config = shot_config()
    config.shot.camera.checkerboard.files = "lens/####.jpg"
    before, after = graph_keys(config), graph_keys(changed(config, f"shot.camera.checkerboard.{key}"))
    assert {name for name in before if before[name] != after[name]} == AFTER_SOLVE | {"lens"}


@pytest.mark.parametrize(("key", "touches"), [("shot.footage.frame_range", True), ("shot.lights.sun_strength", False)])
def test_what_touches_the_undistorted_plate(key, touches):
    config = shot_config()
    config.shot.export = ["undistorted_plate"]
    one, other = (make_nodes(each, (*STAGES, UNDISTORTED_PLATE)) for each in (config, changed(config, key)))
    assert (one["undistorted_plate"].key != other["undistorted_plate"].key) == touches


def test_a_keyed_camera_touches_what_an_imported_one_does_and_takes_a_lens():
    config = shot_config()
    config.shot.camera.from_tracking, config.shot.camera.given = False, [{"frame": 1}]
    assert "tracks" not in make_nodes(config, STAGES)["solve"].reads
    for key, touched in (("given", AFTER_SOLVE), ("lens_from", AFTER_SOLVE | {"lens"})):
        before, after = graph_keys(config), graph_keys(changed(config, f"shot.camera.{key}"))
        assert {name for name in after if before.get(name) != after[name]} == touched


@pytest.mark.parametrize("key", ["apply_to_cg", "st_map_path", "st_map_convention", "overscan"])
def test_an_imported_map_touches_the_maps_and_what_reads_them(key):
    config = shot_config()
    config.composite.lens_distortion.st_map_path = "maps/redistort.exr"
    before, after = graph_keys(config), graph_keys(changed(config, f"composite.lens_distortion.{key}"))
    assert {name for name in before if before[name] != after[name]} == {"stmap", "scene", "composite", "render"}


def test_what_the_shot_is_assembled_from_is_watched_by_the_composite_alone():
    config = shot_config()
    config.shot.subject.blend = config.shot.lights.image = "gone.blend"  # of no use to the preset
    assert [stage.name for stage in STAGES if stage.files is list_asset_files] == ["composite"]
    with pytest.raises(ShotError, match="gone.blend: no such file; check shot.subject.blend"):
        COMPOSITE.files(config)
    config.shot.subject.blend = "dodo.py"
    assert list(COMPOSITE.files(config)) == ["shot.subject.blend"]


@pytest.mark.parametrize("key", ["import_name", "import_rotation_order", "lens_from"])
def test_how_a_camera_is_read_touches_what_is_made_of_it(key):
    config = shot_config()
    config.shot.camera.from_tracking, config.shot.camera.import_file = False, "cam.chan"
    before, after = graph_keys(config), graph_keys(changed(config, f"shot.camera.{key}"))
    assert {name for name in after if before.get(name) != after[name]} - {"lens"} == AFTER_SOLVE


def test_what_blender_reads_and_writes_depends_on_blender():
    config = shot_config()
    config.shot.camera.from_tracking, config.shot.camera.import_file = False, "cam.abc"
    config.shot.export = ["chan", "abc"]
    before, after = graph_keys(config), graph_keys(changed(config, "composite.blender.version"))
    assert {name for name in before if before[name] != after[name]} == {"composite", "export", "render"}
    after = graph_keys(changed(config, "composite.blender.executable"))
    assert {name for name in before if before[name] != after[name]} == AFTER_SOLVE


@pytest.mark.parametrize(
    ("engines", "libmvs"),
    [((), set()), (("solve",), {"solve"}), (("tracks",), {"tracks"}), (("tracks", "solve"), {"tracks", "solve"})],
)
def test_the_blender_of_the_scene_is_that_of_libmv(engines, libmvs):
    config = shot_config()
    config.tracking.engine = "blender" if "tracks" in engines else "opencv"
    config.tracking.solve.engine = "blender" if "solve" in engines else "colmap"
    before, after = made_of(config), made_of(changed(config, "composite.blender.version"))
    assert {name for name in ("footage", "tracks", "solve") if before[name] != after[name]} == libmvs


def made_of(config: Config) -> dict[str, dict]:
    """What is hashed of each node's own settings."""
    return {name: node.made_by for name, node in make_nodes(config, STAGES).items()}


def with_objects() -> Config:
    """Two witness cameras; a's boxes are in a file of its own."""
    config = shot_config()
    config.tracking.objects.enabled = True
    plates = {name: Footage(file=f"footage/{name}.mp4") for name in "ab"}
    config.shot.cameras = {"a": Witness(plates["a"], detections="a.csv"), "b": Witness(plates["b"])}
    return config


def touched_with_objects(key: str) -> set[str]:
    """Nodes that have another key, or are there only before or after, among those of the objects."""
    before, after = graph_keys(with_objects()), graph_keys(changed(with_objects(), key))
    return {name for name in before if name.split(".")[0] in ("objects", "footage") and before[name] != after.get(name)}


OBJECTS_RULES = {
    "tracking.objects.enabled": {"objects", "objects.a", "objects.b", "footage.a", "footage.b"},
    "tracking.objects.matte": set(),
    "tracking.objects.detections": {"objects", "objects.b"},  # a has its own
    "tracking.objects.detector_cmd": {"objects", "objects.b"},
    "tracking.objects": {"objects", "objects.a", "objects.b"},
    "tracking": set(),
    "shot.name": {"objects", "objects.a", "objects.b"},  # objects.json names it
    "shot.footage.frame_range": {"objects"},
    "shot.footage.bad_frames": set(),  # objects are looked for in every frame
    "shot.footage": {"footage", "objects"},
}


@pytest.mark.parametrize(
    "key", [key for key in list_keys() if key.startswith(("tracking.", "shot.footage.", "shot.name"))]
)
def test_what_touches_the_objects_of_each_camera(key):
    assert touched_with_objects(key) == next(
        stages for prefix, stages in OBJECTS_RULES.items() if key == prefix or key.startswith(prefix + ".")
    )


def touched_with_mattes(key: str) -> set[str]:
    config = with_objects()
    config.tracking.mask.from_objects, config.shot.export = True, ["object_mattes"]
    one, other = (
        make_nodes(each, (FOOTAGE, OBJECTS, TRACKS, OBJECT_MATTES)) for each in (config, changed(config, key))
    )
    return {name for name in one if name not in other or one[name].key != other[name].key}


@pytest.mark.parametrize(
    ("key", "touched"),
    [
        ("tracking.objects.det_thresh", {"objects", "tracks", "object_mattes"}),
        ("tracking.objects.matte.dilate_px", {"tracks", "object_mattes"}),
        ("tracking.objects.matte.dilate_frames", {"tracks", "object_mattes"}),
        ("tracking.mask.feather_px", {"tracks", "object_mattes"}),
        ("tracking.mask.invert", {"tracks", "object_mattes"}),
        ("tracking.mask.shapes", {"tracks"}),
        ("tracking.mask.from_objects", {"tracks"}),  # false: a picture of all objects, as before
        ("tracking.detect.min_tracks", {"tracks"}),
    ],
)
def test_what_touches_mattes(key, touched):
    assert touched_with_mattes(key) == touched


def test_tracks_without_objects_and_feather_have_the_key_they_had_before_there_were_any():
    settings = make_nodes(shot_config(), STAGES)["tracks"].made_by["settings"]
    assert settings["mask"] == {"file": None, "shapes": [], "invert": False, "from_objects": False}
    assert "matte" not in settings


def test_the_report_tells_of_mattes_where_they_keep_tracks_out():
    config = with_objects()
    config.tracking.mask.from_objects = [2]
    assert REPORT.settings(config)["mattes"]["from_objects"] == [2]
    config.tracking.session_file = "tracks.uv"
    assert "mattes" not in REPORT.settings(config)


def test_the_referee_keeps_to_the_objects_of_the_shots_yaml(monkeypatch):
    """A variant's own would be a mask of its choice."""
    plain = with_objects()
    plain.tracking.mask.from_objects = True
    monkeypatch.setattr(results, "load_shot", lambda name: SimpleNamespace(config=plain))
    keys_changed = ("tracking.objects.det_thresh", "tracking.objects.matte.dilate_px")
    variants = [plain, *(changed(plain, key) for key in keys_changed)]
    assert len({results.make_referee_node("mini", one).key for one in variants}) == 1


def test_a_refused_shot_shows_what_needs_no_camera():
    config = with_objects()
    config.shot.export = ["chan", "object_mattes"]
    graph = make_nodes(config, (*STAGES, OBJECT_MATTES))
    shown = {name for name, node in graph.items() if needs_no_camera(node)}
    assert shown == {"footage", "objects", "object_mattes", "tracks", "solve", "preview", "report"}
    config.shot.export = ["tracks_csv"]
    assert needs_no_camera(make_nodes(config, STAGES)["export"])


@pytest.mark.parametrize("key", list_keys(Witness))
def test_what_is_said_of_a_witness_camera_touches_its_own_objects_alone(key):
    after = with_objects()
    after.shot.cameras["a"] = changed(after.shot.cameras["a"], key)
    one, other = graph_keys(with_objects()), graph_keys(after)
    touches = {"objects.a", "footage.a"} if key.startswith("footage.") else {"objects.a"}
    touches -= {"footage.frame_range": {"footage.a"}, "footage.bad_frames": touches}.get(key, set())
    assert {name for name in one if one[name] != other[name]} == touches


def test_without_objects_the_scene_has_the_settings_it_had_before_there_were_any():
    composite = make_nodes(shot_config(), STAGES)["scene"].made_by["settings"]["composite"]
    assert "tracklet" not in composite["stabilization"] and "tracklet" not in composite["corner_pin"]
    assert "empties" not in make_nodes(shot_config(), STAGES)["scene"].targets
    graph = make_nodes(with_objects(), STAGES)
    assert {"scene", "empties"} == set(graph["scene"].targets) and "empties" in graph["composite"].reads
    assert "empties" not in graph["render"].reads  # no frame shows them


def test_a_witness_camera_more_touches_nothing_that_is_there():
    config = with_objects()
    config.shot.cameras["c"] = Witness(Footage(file="footage/c.mp4"))
    before, after = graph_keys(with_objects()), graph_keys(config)
    assert after.keys() - before.keys() == {"footage.c", "objects.c"} and before.items() <= after.items()


@pytest.mark.parametrize("version", ["released", "raised"])
def test_what_is_hashed_tells_what_is_passed(version, monkeypatch):
    """No two slices that differ have the same in their stamps, and stamps hold nothing that is not in the slice."""
    if version == "raised":  # nothing is written that is as it is by default
        monkeypatch.setattr(slices, "find_written", lambda kind, version: {})
    passed: dict[str, str] = {}
    for what, config in variations(SLICED):
        for kind, number, settings in kinds(config):
            hashed = slices.describe_maker(kind, number, settings)["settings"]
            assert is_part(hashed, settings), (what, kind)
            told = to_canonical(settings)
            assert passed.setdefault(to_canonical([kind, hashed]), told) == told, (what, kind)


SLICED = [key for key in list_keys() if key != "shot.cameras"]


def is_part(some, whole) -> bool:
    if isinstance(some, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(value, whole[name]) for name, value in some.items())
    return some == whole


def test_the_graph_without_a_solve_has_no_camera_stages():
    config = shot_config()
    config.tracking.solve.enabled = False
    assert list(make_nodes(config, STAGES)) == ["footage", "tracks", "preview", "report"]


def test_the_graph_with_an_imported_camera_needs_no_tracks():
    config = shot_config()
    config.shot.camera.from_tracking, config.shot.camera.import_file = False, "cam.json"
    config.tracking.enabled = False
    graph = make_nodes(config, STAGES)
    assert "tracks" not in graph and set(graph["solve"].reads) == {"footage"}
    assert CAMERA <= set(graph)
