"""The files that a shot is assembled from beside the plate: they are part of the .blend and of what it renders."""

from pathlib import Path

from shotmake.config import Config
from shotmake.errors import ShotError
from tasks import ROOT


def asset_files(config: Config) -> dict[str, Path]:
    """The subject's .blend, the pictures that light and stand behind, as far as they are used."""
    shot, composite = config.shot, config.composite
    used = {
        "shot.subject.blend": shot.subject.blend,
        "shot.lights.image": shot.lights.image if shot.lights.preset == "hdri" else None,
        "shot.backdrop.image": shot.backdrop.image if shot.backdrop.kind == "image" else None,
        "composite.background_image": composite.background_image if composite.background_source == "image" else None,
    }
    found = {key: ROOT / file for key, file in used.items() if file is not None}
    missing = [f"{used[key]}: no such file; check {key}" for key, path in found.items() if not path.is_file()]
    if missing:
        raise ShotError(*missing)
    return found
