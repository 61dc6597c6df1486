"""Every format we speak. One line each here; the rest is in the file of that name in this folder.

A module has, for what it does:
  tracks   read(path, size_px) -> NamedTracks;          write(path, take)
  camera   read(path, asked: Asked) -> Cameras;         write(path, take)
  lens     read(path, size_px, aspect) -> Lens, notes;  write(path, take)
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
TRACKS = (
    Format("tracks_uv", "tracks", "mmSolver .uv", "uv", "tracks.uv", (".uv",)),
    Format("tracks_nuke", "tracks", "Nuke Tracker", "tracker4", "tracks.nk", (".nk",)),
    Format("tracks_csv", "tracks", "our CSV", "tracks_csv", "tracks.csv", (".csv",)),
    Format("tracks_mot", "tracks", "MOT challenge", "mot", "", (".csv", ".txt")),
    Format("tracks_pftrack", "tracks", "PFTrack", "pftrack", "tracks_pftrack.2dt", (".2dt", ".txt")),
    Format("tracks_3de", "tracks", "3DEqualizer 2D tracks", "tde_tracks", "tracks_3de.txt", (".txt",)),
    Format("tracks_syntheyes", "tracks", "SynthEyes 2D paths", "syntheyes", "tracks_syntheyes.txt", (".txt",)),
    Format("tracks_blend", "tracks", "Blender", "blend_tracks", "", (".blend",)),
    Format("tracks_npz", "tracks", "our tracks.npz", "session_npz", "", (".npz",)),
)
LENSES: tuple[Format, ...] = ()
FORMATS = (*CAMERAS, *TRACKS, *LENSES)
