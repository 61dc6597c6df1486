"""The families of misleading sets, and the codes that may be said of each: written down before any is solved.

A warned solve that is wrong counts as told only if it says one of its family's codes. What is true of many shots and no
cause of these errors (frames without a camera, no ground, an open focal length) is a cause nowhere but where it is
listed. `by` says which witness can know at all: the tracks, or only the pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from helpers.recipes import joins, motions, optics, settings, timing
from helpers.recipes.honest import KINDS, camera_of, honest_shot
from helpers.recipes.sets import TrackSet, set_of

TRACKS_DISAGREE = frozenset({"holdouts_disagree", "long_tracks_disagree", "part_disagrees", "epipolar_gap"})
WITNESS = frozenset({"witness_disagrees", "repeated_structure"})
LINKS = frozenset({"weak_link", "link_disagrees", "path_jumps"})
GAPS = TRACKS_DISAGREE | WITNESS | LINKS | {"sparse_frames", "bundle_bends", "cut", "tracks_jump"}
MOTIONS = frozenset({"second_motion", "two_motions"})
BENT = frozenset({"bundle_bends", "lens_terms_open", "lens_folds", "focal_unlikely"})
BENDS = frozenset({"pixel_aspect", "picture_bends", "errors_shared"})
TRIPOD = frozenset({"turning_disagrees", "tiny_parallax", "moves_little", "tripod_forced", "tripod_instead"})
IMPORTED = frozenset({"camera_disagrees", "new_frames_loose", "new_frames_disagree"})
SURVEY = frozenset({"survey_point_left_out", "survey_contradicts", "survey_tipped"})


@dataclass(frozen=True)
class Family:
    """make(name, seed); codes: accepted; by: "tracks", "pictures" (tracks alone cannot tell) or "config"."""

    make: Callable[[str, int], TrackSet]
    codes: frozenset[str]
    by: str = "tracks"


FAMILIES: dict[str, Family] = {
    "bad_tracks": Family(motions.bad_tracks, TRACKS_DISAGREE | MOTIONS | TRIPOD | WITNESS | LINKS),
    "locked_focal": Family(settings.locked_focal, TRACKS_DISAGREE | TRIPOD | BENT | WITNESS | {"locked_focal"}),
    "equal_motions": Family(motions.equal_motions, TRACKS_DISAGREE | MOTIONS | WITNESS),
    "rolling": Family(optics.rolling, frozenset({"rolling_shutter", "bundle_bends"}) | WITNESS | BENDS),
    "shuffled": Family(joins.shuffled, GAPS),
    "wrong_join": Family(joins.wrong_join, GAPS | MOTIONS),
    "tile_off": Family(joins.tile_off, GAPS, "pictures"),
    "soft_gap": Family(joins.soft_gap, GAPS | MOTIONS),
    "halves": Family(joins.halves, GAPS, "pictures"),
    "jump": Family(timing.jump, GAPS, "pictures"),
    "conform": Family(timing.conform, GAPS, "pictures"),
    "aspect": Family(optics.aspect, TRACKS_DISAGREE | BENT | WITNESS | TRIPOD | BENDS),
    "recropped": Family(optics.recropped, TRACKS_DISAGREE | BENT | WITNESS | LINKS | BENDS | {"zoom"}),
    "bias": Family(motions.bias, TRACKS_DISAGREE | BENT | WITNESS | MOTIONS | LINKS | BENDS),
    "derived": Family(motions.derived, TRACKS_DISAGREE | MOTIONS | WITNESS | BENT | {"errors_shared"}),
    "corridor": Family(
        motions.corridor, frozenset({"weak_link", "link_disagrees", "bundle_bends", "errors_shared"}) | WITNESS
    ),
    "reversed_depth": Family(
        optics.reversed_depth,
        frozenset({"tiny_parallax", "moves_little", "focal_unlikely", "focal_open", "bundle_bends"}) | WITNESS,
    ),
    "dolly_zoom": Family(optics.dolly_zoom, frozenset({"zoom", "bundle_bends"}) | TRACKS_DISAGREE | WITNESS),
    "larger_world": Family(motions.larger_world, TRACKS_DISAGREE | MOTIONS | WITNESS),
    "filled_in": Family(timing.filled_in, GAPS, "pictures"),
    "frame_late": Family(timing.frame_late, TRACKS_DISAGREE | MOTIONS | WITNESS | LINKS | IMPORTED),
    "proxy_half": Family(settings.proxy_half, TRACKS_DISAGREE | MOTIONS | WITNESS | BENT),
    "flipped": Family(settings.flipped, WITNESS, "pictures"),
    "other_take": Family(joins.other_take, GAPS, "pictures"),
    "survey": Family(settings.survey, SURVEY | IMPORTED, "config"),
    "lookalike_cut": Family(joins.lookalike_cut, GAPS | MOTIONS),
}


def made(name: str, seed: int) -> TrackSet:
    """The set of a family, or of a kind of honest shots."""
    if name in KINDS or name in ("corridor_honest", "relief"):
        if name == "corridor_honest":
            return set_of(motions.corridor_shot(seed), "corridor", name, "", seed)
        shot = honest_shot(name, seed)
        return replace(set_of(shot, name, name, "", seed), camera=camera_of(name, shot, seed))
    return FAMILIES[name].make(name, seed)
