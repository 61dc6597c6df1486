"""Configs that together take every way through the stages' slices, and what the stages hash of each."""

import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace

from helpers.shows.stages import listed_stages
from shotmake.config.schema import Config, Footage, Witness
from shotmake.tasks.engine.stage import make_nodes
from shotmake.tasks.engine.stamp import hash_short
from shotmake.tasks.stages.witness_cameras import make_witness_nodes

STAGES = listed_stages()


def plain() -> Config:
    config = Config()
    config.shot.name, config.shot.footage.file = "s", "footage/s.mp4"
    return config


def ways() -> dict[str, Config]:
    """One config for each condition that a slice has."""
    found = {name: plain() for name in (
        "plain", "objects", "witnesses", "session", "blend", "libmv tracks", "libmv solve", "lens file", "lens map",
        "stills", "imported", "imported with tracks", "by blender", "given", "map", "no tracks", "no solve", "exports",
    )}  # fmt: skip
    found["objects"].tracking.objects.enabled = True
    found["objects"].tracking.mask.from_objects = True
    found["objects"].tracking.objects.detector_cmd = "detect {plate}"
    found["objects"].shot.export = ["object_mattes", "objects_json"]
    found["witnesses"].tracking.objects.enabled = True
    found["witnesses"].shot.cameras = {"a": Witness(Footage(file="a.mp4"), detections="a.csv"), "b": Witness()}
    found["session"].tracking.session_file = "tracks.uv"
    found["blend"].tracking.session_file = ["a.blend", "b.txt"]
    found["libmv tracks"].tracking.engine = "blender"
    found["libmv solve"].tracking.solve.engine = "blender"
    found["lens file"].shot.camera.lens_from = "lens.json"
    found["lens map"].shot.camera.lens_from = "map.exr"
    found["stills"].shot.camera.checkerboard.files = "board.####.jpg"
    for name in ("imported", "imported with tracks"):
        found[name].shot.camera.import_file = "cam.chan"
        found[name].shot.camera.from_tracking = name != "imported"
    found["by blender"].shot.camera.import_file, found["by blender"].shot.camera.from_tracking = "cam.abc", False
    found["given"].shot.camera.given, found["given"].shot.camera.from_tracking = [{"frame": 1}], False
    found["map"].composite.lens_distortion.st_map_path = "map.exr"
    found["no tracks"].tracking.enabled, found["no tracks"].shot.camera.from_tracking = False, False
    found["no tracks"].shot.camera.import_file = "cam.json"
    found["no solve"].tracking.solve.enabled = False
    found["exports"].shot.export = ["chan", "abc", "undistorted_plate"]
    found["exports"].composite.stabilization.enabled = True
    return found


def perturbed(value):
    """Another value of the same type; whether it makes sense is not the matter here."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if value is None:
        return "x"
    if value == ["chan"]:  # shot.export: only words it knows count
        return []
    return {"x": 1} if isinstance(value, dict) else [*value, "x"]


def changed(config, key: str):
    """A copy of the config with one key perturbed."""
    head, _, rest = key.partition(".")
    assert is_dataclass(config) and head in {field.name for field in fields(config)}
    inner = getattr(config, head)
    return replace(config, **{head: changed(inner, rest) if rest else perturbed(inner)})


def variations(keys: list[str]) -> Iterator[tuple[str, Config]]:
    """Each way as it is, with each of these keys perturbed by itself, and with several at once."""
    chosen = random.Random(17)
    for way, config in ways().items():
        yield way, config
        for key in keys:
            yield f"{way}, {key}", changed(config, key)
        for _ in range(40):
            several = config
            for key in chosen.sample(keys, 12):
                several = changed(several, key)
            yield f"{way}, several", several


def graph(config: Config, stages=STAGES) -> dict:
    return make_nodes(config, stages) | make_witness_nodes(config, stages)


def fingerprints(keys: list[str], left_out: dict[tuple[str, str], str]) -> dict[str, dict[str, str]]:
    """Way -> node -> one digest of what is hashed of its settings over all variations of these keys.

    left_out: a setting that is not looked at, by (way, node).
    """
    found: dict[str, dict[str, list]] = {}
    for what, config in variations(keys):
        for name, node in graph(config).items():
            way = what.partition(",")[0]
            settings = {key: one for key, one in node.made_by["settings"].items() if key != left_out.get((way, name))}
            found.setdefault(way, {}).setdefault(name, []).append(settings)
    return {way: {name: hash_short(one) for name, one in of_way.items()} for way, of_way in found.items()}
