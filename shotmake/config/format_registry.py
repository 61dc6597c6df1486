"""All file formats that the tool reads or writes, one line each; the rest stands in shotmake/formats/.

What the module of a format has, by the kind of the format:
  tracks      read(path, size_px) -> NamedTracks;       write(path, take)
  camera      read(path, asked: Asked) -> Cameras;      write(path, take) -> None, or lines that say what is lost
  objects     write(path, take)
  lens        read(path, asked: LensAsked) -> Lens | Seen, and the picture size that its px are for;  write(path, take)
  detections  read(path, key) -> Boxes; the format is told by the file's first characters alone, whatever its suffix

A camera that Blender writes has list_notes(take) in place of write: it returns the lines to say. A camera that Blender
reads has check(path), and read(path, found, asked), where `found` is the file that blender_scripts/read_camera.py
wrote.

Where several formats of a kind share a suffix, the module also has can_read(head: str) -> bool, where `head` is the
file's first 4096 characters. Formats of one kind and suffix are asked in the order below.
"""

from dataclasses import dataclass
from pathlib import PurePath


@dataclass(frozen=True)
class Format:
    """A file format.

    word: its word in shot.export; file: its file name in build/<shot>/; suffixes: the suffixes of files that are read.
    """

    word: str
    kind: str  # tracks | camera | lens | detections | objects
    title: str
    module: str
    file: str = ""  # "" = the format is not written
    suffixes: tuple[str, ...] = ()  # () = the format is not read
    by_blender: bool = False  # True = blender_scripts/export_camera.py writes it
    read_by_blender: bool = False  # True = blender_scripts/read_camera.py reads it (cameras only)
    has_lens: bool = False  # True = a camera of this format has its own distortion

    @property
    def names_cameras(self) -> bool:
        """Whether a file can hold several cameras."""
        return self.read_by_blender or self.word == "nk"

    @property
    def writes(self) -> bool:
        """Whether the tool writes this format."""
        return bool(self.file)


CAMERAS = (
    Format("json", "camera", "shotmake solve JSON", "cameras.solve_json", suffixes=(".json",), has_lens=True),
    Format("chan", "camera", "Nuke .chan (no lens centre)", "cameras.chan", "camera.chan", (".chan",)),
    Format("nk", "camera", "Nuke camera node", "cameras.nuke_camera", "camera.nk", (".nk",)),
    Format("colmap", "camera", "COLMAP text model", "cameras.colmap_model", "colmap.zip", (".txt",), has_lens=True),
    Format("usda", "camera", "USD", "cameras.scene_files.usd", "camera.usda", (".usda", ".usdc", ".usd"), False, True),
    Format("abc", "camera", "Alembic", "cameras.scene_files.alembic", "camera.abc", (".abc",), True, True),
    Format("fbx", "camera", "FBX", "cameras.scene_files.fbx", "camera.fbx", (".fbx",), True, True),
    Format(
        "glb",
        "camera",
        "glTF (no lens centre, no zoom)",
        "cameras.scene_files.gltf",
        "camera.glb",
        (".glb", ".gltf"),
        False,
        True,
    ),
)
TRACKS = (
    Format("tracks_uv", "tracks", "mmSolver .uv", "tracks.mmsolver_uv", "tracks.uv", (".uv",)),
    Format("tracks_nuke", "tracks", "Nuke Tracker", "tracks.nuke_tracker", "tracks.nk", (".nk",)),
    Format("tracks_csv", "tracks", "our CSV", "tracks.tracks_csv", "tracks.csv", (".csv",)),
    Format("tracks_mot", "tracks", "MOT challenge", "tracks.mot_tracks", "", (".csv", ".txt")),
    Format("tracks_pftrack", "tracks", "PFTrack", "tracks.pftrack", "tracks_pftrack.2dt", (".2dt", ".txt")),
    Format("tracks_3de", "tracks", "3DEqualizer 2D tracks", "tracks.tde_tracks", "tracks_3de.txt", (".txt",)),
    Format("tracks_syntheyes", "tracks", "SynthEyes 2D paths", "tracks.syntheyes", "tracks_syntheyes.txt", (".txt",)),
    Format("tracks_blend", "tracks", "Blender", "tracks.blend_tracks", "", (".blend",)),
    Format("tracks_npz", "tracks", "our tracks.npz", "tracks.npz", "", (".npz",)),
)
LENSES = (
    Format("lens_3de", "lens", "3DEqualizer lens text", "lenses.tde_lens", "lens_3de.txt", (".txt",)),
    Format("lens_nk", "lens", "Nuke .nk, 3DEqualizer's LD_3DE nodes", "lenses.nk_lens", "lens.nk", (".nk",)),
    Format("lens_opentrackio", "lens", "OpenTrackIO JSON", "lenses.opentrackio", "lens_opentrackio.json", (".json",)),
    Format("lens_opencv", "lens", "OpenCV JSON, YAML", "lenses.opencv", "lens_opencv.json", (".json", ".yaml", ".yml")),
    Format("lens_stmap", "lens", "ST-map EXR (the stmap stage writes ours)", "lenses.stmap", "", (".exr",)),
)
DETECTIONS = (
    Format("detections_json", "detections", "our detections JSON", "detections.json_boxes", "", (".json",)),
    Format("detections_coco", "detections", "COCO JSON", "detections.coco", "", (".json",)),
    Format("detections_mot", "detections", "MOT challenge", "detections.mot_boxes", "", (".txt", ".csv")),
)
OBJECTS = (Format("objects_mot", "objects", "MOT challenge", "tracks.mot_tracks", "objects_mot.txt"),)
FORMATS = (*CAMERAS, *TRACKS, *LENSES, *DETECTIONS, *OBJECTS)


def find_camera_format(file: str) -> Format | None:
    """Find the format of a camera's file or folder by its name. Return None for a name that no camera format has.

    A name without a suffix is taken for a folder with COLMAP's text model.
    """
    suffix = PurePath(file).suffix.lower() or ".txt"  # no suffix: a folder, which holds COLMAP's text model
    return next((format for format in CAMERAS if suffix in format.suffixes), None)
