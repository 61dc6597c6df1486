"""Which stages run again when a key changes: every key of the schema, perturbed one by one."""

from dataclasses import fields, is_dataclass, replace

import pytest

from shotmake.config import Config
from shotmake.configcheck import keys
from tasks.composite import COMPOSITE
from tasks.export import EXPORT
from tasks.footage import FOOTAGE
from tasks.lens import LENS
from tasks.preview import PREVIEW
from tasks.report import REPORT
from tasks.scene import SCENE
from tasks.solve import SOLVE
from tasks.stage import nodes
from tasks.stmap import STMAP
from tasks.tracks import TRACKS

STAGES = (FOOTAGE, TRACKS, LENS, SOLVE, STMAP, SCENE, COMPOSITE, PREVIEW, EXPORT, REPORT)
ALL = {stage.name for stage in STAGES} - {"lens"}  # that one only when a lens is brought along
AFTER_TRACKS = ALL - {"footage"}
AFTER_SOLVE = AFTER_TRACKS - {"tracks"}
CAMERA = {"stmap", "scene", "composite", "export"}

# The first rule whose prefix matches a key tells which stages it touches.
RULES = {
    "shot.name": AFTER_SOLVE,  # solve.json names it
    "shot.footage.frame_range": AFTER_TRACKS,
    "shot.footage": ALL,
    "shot.camera.from_tracking": AFTER_SOLVE,
    "shot.camera.lens_max_fit_px": set(),  # without a lens file
    "shot.camera.st_map_direction": set(),
    "shot.camera.lens_from": AFTER_SOLVE | {"lens"},
    "shot.camera.checkerboard.files": AFTER_SOLVE | {"lens"},
    "shot.camera.checkerboard": set(),  # without stills
    "shot.camera": AFTER_SOLVE,
    "shot.subject": {"scene", "composite"},
    "shot.lights": {"scene", "composite"},
    "shot.backdrop": {"scene", "composite"},
    "shot.export": {"export"},
    "tracking.enabled": AFTER_TRACKS | {"tracks"},
    "tracking.engine": AFTER_TRACKS,
    "tracking.session_file": AFTER_TRACKS,
    "tracking.groups": AFTER_TRACKS,
    "tracking.manual": AFTER_TRACKS,
    "tracking.detect": AFTER_TRACKS,
    "tracking.track": AFTER_TRACKS,
    "tracking.clean": AFTER_TRACKS,
    "tracking.mask": AFTER_TRACKS,
    "tracking.objects": set(),  # the objects stage comes later
    "tracking.solve.enabled": CAMERA | {"solve", "preview", "report"},
    "tracking.solve": AFTER_SOLVE,
    "tracking.qc": {"report"},
    "tracking.preview": {"preview", "report"},
    "composite.lens_distortion.overscan": {"stmap", "scene", "composite"},
    "composite.blender": {"composite"},
    "composite": {"scene", "composite"},
}


def shot_config() -> Config:
    config = Config()
    config.shot.name, config.shot.footage.file = "s", "footage/s.mp4"
    return config


def perturbed(value):
    """Another value of the same type; whether it makes sense is not the matter here."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if value == ["chan"]:  # shot.export: only words it knows count
        return []
    return {"x": 1} if isinstance(value, dict) else [*(value or []), "x"]


def changed(config, key: str):
    """A copy of the config with one key perturbed."""
    head, _, rest = key.partition(".")
    assert is_dataclass(config) and head in {field.name for field in fields(config)}
    inner = getattr(config, head)
    return replace(config, **{head: changed(inner, rest) if rest else perturbed(inner)})


def graph_keys(config: Config) -> dict[str, str]:
    return {name: node.key for name, node in nodes(config, STAGES).items()}


@pytest.mark.parametrize("key", keys())
def test_each_key_touches_exactly_its_stages(key):
    expected = next(stages for prefix, stages in RULES.items() if key == prefix or key.startswith(prefix + "."))
    before, after = graph_keys(shot_config()), graph_keys(changed(shot_config(), key))
    touched = {name for name in ALL | {"lens"} if before.get(name) != after.get(name)}
    assert touched == expected


@pytest.mark.parametrize("key", ["columns", "rows", "square_mm", "files"])
def test_stills_touch_the_lens_and_what_is_solved_with_it(key):
    config = shot_config()
    config.shot.camera.checkerboard.files = "lens/####.jpg"
    before, after = graph_keys(config), graph_keys(changed(config, f"shot.camera.checkerboard.{key}"))
    assert {name for name in before if before[name] != after[name]} == AFTER_SOLVE | {"lens"}


def test_what_is_hashed_is_what_is_passed():
    """A node's settings are the very object its build gets, and plain enough to hash."""
    for node in nodes(shot_config(), STAGES).values():
        assert node.made_by["settings"] is node.settings


def test_the_graph_without_a_solve_has_no_camera_stages():
    config = shot_config()
    config.tracking.solve.enabled = False
    assert list(nodes(config, STAGES)) == ["footage", "tracks", "preview", "report"]


def test_the_graph_with_an_imported_camera_needs_no_tracks():
    config = shot_config()
    config.shot.camera.from_tracking, config.shot.camera.import_file = False, "cam.json"
    config.tracking.enabled = False
    graph = nodes(config, STAGES)
    assert "tracks" not in graph and set(graph["solve"].reads) == {"footage"}
    assert CAMERA <= set(graph)
