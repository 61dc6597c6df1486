"""Write the 2D tracks of a .blend's movie clip as an .npz. Scripts inside the file never run.

    python read_tracks.py --file shot.blend --out tracks.npz
or: blender --factory-startup --background --python-exit-code 1 --python read_tracks.py -- ARGS

The .npz: name, weight (T,) of the tracks; clip_size_px (2,), 0 0 where Blender did not find the plate; track, frame
(M,) and co (M, 2) of the markers that are not muted, sorted by track, then by frame. frame is the clip's own number,
from 1. co is 0..1 from the bottom-left, with the track's offset added. The clip is the one with tracks; of several, the
one that the scene shows.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import numpy as np

from kit.arguments import OneLineParser, UserError, list_script_arguments, quote_error
from kit.close_blend_at_exit import forget_files_at_exit
from kit.libmv.clip_editor import hide_stderr
from kit.paths_in_blend import place_of

KEY = "tracking.session_file"


def open_blend(file: str) -> None:
    """Open the .blend. Raises UserError when Blender cannot."""
    place = str(place_of(Path.cwd(), file, "tracking.session_file"))
    try:
        with hide_stderr():
            bpy.ops.wm.open_mainfile(filepath=place, load_ui=False, use_scripts=False)
    except RuntimeError as error:
        raise UserError(f"{Path(file).name}: Blender cannot open it: {quote_error(error)} ({KEY})") from error


def find_clip(file: str) -> bpy.types.MovieClip:
    """Find the clip with tracks; of several, the one that the scene shows.

    Raises UserError where that is not one clip.
    """
    clips = [clip for clip in bpy.data.movieclips if clip.tracking and len(clip.tracking.tracks)]
    if len(clips) == 1:
        return clips[0]
    scene = bpy.context.scene
    shown = scene.active_clip if isinstance(scene, bpy.types.Scene) else None
    if shown in clips:
        return shown
    if not clips:
        raise UserError(f"{Path(file).name}: found no clip with tracks; needed a file with one ({KEY})")
    names = ", ".join(clip.name for clip in clips)
    needed = "one that the scene shows, or one alone"
    raise UserError(f"{Path(file).name}: found the clips with tracks {names}; needed {needed} ({KEY})")


def tracks_of(clip: bpy.types.MovieClip) -> dict[str, np.ndarray]:
    """Return the arrays of the .npz: those of T tracks are (T,), those of M markers (M,) and co (M, 2)."""
    assert clip.tracking
    found = list(clip.tracking.tracks)
    rows = []
    for number, track in enumerate(found):
        x, y = track.offset
        markers = sorted((m for m in track.markers if not m.mute and m.frame > 0), key=lambda m: m.frame)
        rows += [(number, marker.frame, marker.co[0] + x, marker.co[1] + y) for marker in markers]
    table = np.array(rows, float).reshape(-1, 4)
    return {
        "name": np.array([track.name for track in found], str),
        "weight": np.array([track.weight for track in found], float),
        "clip_size_px": np.array(clip.size, int),
        "track": table[:, 0].astype(int),
        "frame": table[:, 1].astype(int),
        "co": table[:, 2:],
    }


def main() -> None:
    """Write the tracks of the file that the command line names."""
    parser = OneLineParser(prog="read_tracks.py", description=__doc__)
    for name in ("file", "out"):
        parser.add_argument(f"--{name}", required=True)
    given = parser.parse_args(list_script_arguments())
    forget_files_at_exit()
    try:
        open_blend(given.file)
        np.savez(given.out, allow_pickle=False, **tracks_of(find_clip(given.file)))
    except UserError as error:
        sys.stderr.write(f"read_tracks.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
