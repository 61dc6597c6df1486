r"""Track a plate with Blender's own detect and track operators (libmv) and write the markers as an .npz.

    python track_plate.py --file footage/shot.mp4 --size 1280 720 --first-frame 1001 --first 1001 --last 1100 \
        --settings '{"detect": {...}, "track": {...}}' --out tracks.npz
or: blender --factory-startup --background --python-exit-code 1 --python track_plate.py -- ARGS

--file is the movie, or the sequence's first image; --first-frame its number; --first and --last the frames to track.
The settings are those of the config (tracking.detect and tracking.track). The .npz holds track_id and frame (M,), xy_px
(M, 2) from the top-left corner, sorted by track, then by frame, not cleaned.

Blender counts the clip's own frames from 1. All code here does the same, except the command line and the .npz.
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy
import numpy as np

from kit.arguments import OneLineParser, UserError, count_of, list_script_arguments, quote_error, show_size
from kit.libmv.clip_editor import hide_stderr, open_clip_editor
from kit.libmv.features import FeatureFinder
from kit.libmv.tracking_settings import set_tracking
from kit.paths_in_blend import place_of
from kit.read_scene_sheet import BLENDER_COLOR_SPACE

REFILL_EVERY_FRAMES = 4  # where tracks are short, features are looked for in every fourth frame at most


def load_clip(file: str, size_px: list[int], frame_count: int, color_space: str) -> bpy.types.MovieClip:
    """Load the plate, with its first frame as clip frame 1.

    Raises UserError when Blender cannot open it, or reads another size or fewer frames than we do.
    """
    place = str(place_of(Path.cwd(), file, "shot.footage.file"))
    try:
        clip = bpy.data.movieclips.load(place, check_existing=False)
    except RuntimeError as error:
        raise UserError(f"{file}: Blender cannot open the plate: {quote_error(error)}") from error
    if list(clip.size) != size_px:
        found, needed = show_size(clip.size), show_size(size_px)
        raise UserError(f"{file}: Blender reads {found} px, the plate has {needed}; set tracking.engine: opencv")
    if clip.frame_duration < frame_count:
        found = f"Blender reads {count_of(clip.frame_duration, 'frame')}, needed {frame_count}"
        raise UserError(f"{file}: {found}; use a sequence whose last number in the name is the frame's")
    assert clip.colorspace_settings
    clip.colorspace_settings.name = BLENDER_COLOR_SPACE[color_space]  # pyright: ignore[reportAttributeAccessIssue]
    return clip


def read_markers(
    track: bpy.types.MovieTrackingTrack, first: int, last: int
) -> tuple[list[int], list[tuple[float, float]]]:
    """Return clip frames and positions (0..1 from the bottom-left) of a track.

    Muted markers only mark its ends, and are left out.
    """
    live = [marker for marker in track.markers if not marker.mute and first <= marker.frame <= last]
    return [marker.frame for marker in live], [(marker.co[0], marker.co[1]) for marker in live]


def track_clip(
    clip: bpy.types.MovieClip, first: int, last: int, detect: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Track the clip. Return track_id (M,), clip frame (M,), and xy_px (M, 2) from the top-left corner.

    Features are found in the first frame and followed to the last. Then they are found in the next frame where fewer
    than min_tracks live, and followed both ways from there, and so on.
    """
    assert clip.tracking
    scene = bpy.data.scenes[0]
    scene.frame_start, scene.frame_end = first, last  # the operators stop at these frames
    size_px = np.array(clip.size, float)
    ids, frames, xy_px = np.zeros(0, int), np.zeros(0, int), np.zeros((0, 2))
    with open_clip_editor(clip) as space:
        finder = FeatureFinder(clip, space, detect)
        birth: int | None = first
        while birth is not None:
            before = len(clip.tracking.tracks)
            finder.add_tracks(birth, xy_px[frames == birth])
            born = list(clip.tracking.tracks)[before:]
            if born:
                for backwards in (False, True):
                    space.clip_user.frame_current = birth
                    bpy.ops.clip.track_markers(backwards=backwards, sequence=True)
            for number, track in enumerate(born, before):
                its_frames, co = read_markers(track, first, last)
                ids = np.append(ids, [number] * len(its_frames))
                frames = np.append(frames, np.array(its_frames, int))
                xy = np.array(co, float).reshape(-1, 2)
                xy_px = np.concatenate([xy_px, np.stack([xy[:, 0], 1 - xy[:, 1]], 1) * size_px])
            living = np.bincount(frames, minlength=last + 1)
            later = range(birth + REFILL_EVERY_FRAMES, last + 1)
            birth = next((frame for frame in later if living[frame] < detect["min_tracks"]), None)
    order = np.lexsort((frames, ids))
    return ids[order], frames[order], xy_px[order]


def main() -> None:
    """Track the plate that the command line names."""
    parser = OneLineParser(prog="track_plate.py", description=__doc__)
    for name in ("file", "settings", "out"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("first-frame", "first", "last"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--size", type=int, nargs=2, required=True)
    parser.add_argument("--color-space", choices=BLENDER_COLOR_SPACE, default="Rec.709")
    given = parser.parse_args(list_script_arguments())
    try:
        try:
            settings = json.loads(given.settings)
            detect, track = settings["detect"], settings["track"]
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"--settings: needed JSON with detect and track: {quote_error(error)}") from error
        first, last = given.first - given.first_frame + 1, given.last - given.first_frame + 1
        if not 1 <= first <= last:
            raise UserError(f"frames {given.first} to {given.last}: the plate begins at {given.first_frame}")
        bpy.ops.wm.read_factory_settings(use_empty=True)
        clip = load_clip(given.file, given.size, last, given.color_space)
        set_tracking(clip, track)
        with hide_stderr():
            track_id, frame, xy_px = track_clip(clip, first, last, detect)
        np.savez(given.out, track_id=track_id, frame=frame + given.first_frame - 1, xy_px=xy_px)
    except UserError as error:
        sys.stderr.write(f"track_plate.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
