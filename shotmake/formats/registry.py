"""Every format we speak. One line each here; the rest is in the file of that name in this folder.

A module has, for what it does:
  tracks   read(path, size_px) -> NamedTracks;          write(path, take)
  camera   read(path, asked: Asked) -> Cameras;         write(path, take)
  lens     read(path, asked: LensAsked) -> Lens | Seen, the picture size of its px;  write(path, take)
and, where several of a kind share a suffix, recognises(head: str) -> bool, of a file's first 4096 characters.
Those of one kind and suffix are asked in the order below.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """word: in shot.export. file: its name in build/<shot>/. suffixes: of files that are read."""

    word: str
    kind: str  # tracks | camera | lens
    title: str
    module: str
    file: str = ""  # "": is not written
    suffixes: tuple[str, ...] = ()  # (): is not read
    by_blender: bool = False  # written by blender_scripts/export_scene.py

    @property
    def writes(self) -> bool:
        return bool(self.file)


CAMERAS = (Format("chan", "camera", "Nuke .chan", "chan", "camera.chan"),)
TRACKS: tuple[Format, ...] = ()
LENSES = (
    Format("lens_3de", "lens", "3DEqualizer lens text", "lens_3de", "lens_3de.txt", (".txt",)),
    Format("lens_nk", "lens", "Nuke .nk, 3DEqualizer's LD_3DE nodes", "lens_nk", "lens.nk", (".nk",)),
    Format("lens_opentrackio", "lens", "OpenTrackIO JSON", "lens_opentrackio", "lens_opentrackio.json", (".json",)),
    Format("lens_opencv", "lens", "OpenCV JSON, YAML", "lens_opencv", "lens_opencv.json", (".json", ".yaml", ".yml")),
    Format("lens_stmap", "lens", "ST-map EXR (the stmap stage writes ours)", "lens_stmap", "", (".exr",)),
)
FORMATS = (*CAMERAS, *TRACKS, *LENSES)
