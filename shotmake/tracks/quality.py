"""quality.json: what the tracks of a shot are worth, in totals, frame by frame, and track by track by name."""

from collections.abc import Collection

import numpy as np

from shotmake.tracks.groups import Managed
from shotmake.tracks.markers import DISABLED, Tracks

FEW_TRACKS = 8  # a frame with fewer is hard to solve
SHORT_TRACK_FRAMES = 10
COVERAGE_GRID = (8, 5)
POOR_EXPECTED_PX = 0.4  # a track whose median expected error is larger matched badly
JUMP_PX = 3.0  # a marker that leaves its own path by more, while the other tracks do not, has jumped


def name_track(track_id: int) -> str:
    """Return the name of a track that nobody named."""
    return f"track_{track_id:05d}"


def make_quality(
    managed: Managed,
    names: dict[int, str],
    renewals: np.ndarray,
    size_px: tuple[int, int],
    frames: tuple[int, int],
    bad_frames: Collection[int] = (),
) -> dict:
    """Return the contents of quality.json.

    frames: first and last plate frame; nobody tracks those of bad_frames, and they are not judged. names: of manual and
    imported tracks, by id; renewals: (K, 2) track id and the frame in which its anchor was renewed.

    Disabled markers do not count. Short tracks have fewer than short_track_frames markers. Coverage is the share of an
    8 x 5 grid's cells that hold a marker, in the mean and in the worst frame. For single tracks, only what is not the
    same for all is listed: name (when given), color, weight, groups.
    """
    every = managed.tracks
    first_frame, last_frame = frames
    judged = ~np.isin(np.arange(first_frame, last_frame + 1), sorted(bad_frames))
    in_range = (every.frame >= first_frame) & (every.frame <= last_frame)
    tracks = every.select((every.status != DISABLED) & in_range)
    count = last_frame - first_frame + 1
    index = tracks.frame - first_frame
    per_frame = np.bincount(index, minlength=count)
    ids, lengths = np.unique(tracks.track_id, return_counts=True)
    known_px = tracks.quality[tracks.quality > 0]
    coverage = _measure_coverage(tracks, index, count, size_px)[judged]

    def list_names(chosen: np.ndarray) -> list[str]:
        return [names.get(track, name_track(track)) for track in chosen.tolist()]

    alive = np.isin(renewals[:, 0], ids)
    bad = {"bad_frames": sorted(bad_frames)} if bad_frames else {}
    return bad | {
        "anchor_renewals": {
            names.get(track, name_track(track)): renewals[renewals[:, 0] == track, 1].tolist()
            for track in np.unique(renewals[alive, 0]).tolist()
        },
        "coverage_grid": list(COVERAGE_GRID),
        "coverage_mean": _round(coverage.mean()),
        "coverage_min": _round(coverage.min()),
        "disabled_tracks": list_names(np.setdiff1d(every.track_id, ids)),
        "expected_error_median_px": _round(np.median(known_px)) if len(known_px) else None,
        "first_frame": first_frame,
        "frames_under_8": [int(frame) for frame in np.flatnonzero((per_frame < FEW_TRACKS) & judged) + first_frame],
        "groups": {group: list_names(np.array(members, int)) for group, members in managed.members.items()},
        "jumping_tracks": list_names(find_jumping(tracks)),
        "last_frame": last_frame,
        "markers": len(tracks),
        "per_track": _describe_tracks(managed, names),
        "poor_tracks": list_names(_find_poor(tracks, ids)),
        "short_track_frames": SHORT_TRACK_FRAMES,
        "short_tracks": list_names(ids[lengths < SHORT_TRACK_FRAMES]),
        "track_length_median": _round(np.median(lengths)) if len(lengths) else 0.0,
        "tracks": len(lengths),
        "tracks_per_frame": per_frame.tolist(),
        "tracks_per_frame_median": _round(np.median(per_frame[judged])),
        "tracks_per_frame_min": int(per_frame[judged].min()),
    }


def find_jumping(tracks: Tracks) -> np.ndarray:
    """Find the tracks that jump: return their ids (K,).

    Such a track has a marker that leaves the straight path through its neighbours in time, when the plate as a whole
    does not (a bump of the camera moves all tracks).
    """
    follows = (np.diff(tracks.track_id) == 0) & (np.diff(tracks.frame) == 1)
    middle = np.flatnonzero(follows[:-1] & follows[1:]) + 1
    if not len(middle):
        return np.zeros(0, int)
    xy_px = tracks.xy_px.astype(float)
    bend_px = xy_px[middle - 1] - 2 * xy_px[middle] + xy_px[middle + 1]
    frames, at = np.unique(tracks.frame[middle], return_inverse=True)
    usual_px = np.array([np.median(bend_px[at == number], axis=0) for number in range(len(frames))])
    off_px = np.linalg.norm(bend_px - usual_px[at], axis=1)
    return np.unique(tracks.track_id[middle[off_px > JUMP_PX]])


def _find_poor(tracks: Tracks, ids: np.ndarray) -> np.ndarray:
    begins = np.searchsorted(tracks.track_id, ids)
    medians = [np.median(part) for part in np.split(tracks.quality, begins[1:])] if len(ids) else []
    return ids[np.array(medians) > POOR_EXPECTED_PX] if len(ids) else ids


def _measure_coverage(tracks: Tracks, index: np.ndarray, count: int, size_px: tuple[int, int]) -> np.ndarray:
    """Return (count,) the share of the grid's cells that hold a marker, in each frame."""
    grid = np.array(COVERAGE_GRID)
    column, row = np.clip((tracks.xy_px * (grid / size_px)).astype(int), 0, grid - 1).T
    covered = np.zeros((count, grid.prod()), bool)
    covered[index, row * grid[0] + column] = True
    return covered.mean(1)


def _describe_tracks(managed: Managed, names: dict[int, str]) -> dict[str, dict]:
    told: dict[int, dict] = {}
    for track, name in names.items():
        told.setdefault(track, {})["name"] = name
    for track, color in managed.colors.items():
        told.setdefault(track, {})["color"] = color
    for track, weight in managed.weights.items():
        told.setdefault(track, {})["weight"] = weight
    for group, members in managed.members.items():
        for track in members:
            told.setdefault(track, {}).setdefault("groups", []).append(group)
    return {str(track): told[track] for track in sorted(told)}


def _round(number: float) -> float:
    return round(float(number), 4)
