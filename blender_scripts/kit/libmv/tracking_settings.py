"""How tracks are followed, in Blender's words: tracking.track as the settings of a clip."""

from typing import Any

import bpy

from kit.arguments import UserError

MOTION_MODELS = {
    "translation": "Loc",
    "loc_rot": "LocRot",
    "loc_scale": "LocScale",
    "loc_rot_scale": "LocRotScale",
    "affine": "Affine",
    "perspective": "Perspective",
}
PATTERN_MATCHES = {"keyframe": "KEYFRAME", "previous": "PREV_FRAME"}
# The side of the search area: so many patterns, and at least this share of the plate's width.
SEARCH_PATTERNS, SEARCH_SHARE = 3.4, 0.055


def set_tracking(clip: bpy.types.MovieClip, track: dict[str, Any]) -> None:
    """Set what each new track is born with.

    Raises UserError for a motion model or pattern match that Blender does not have.
    """
    assert clip.tracking and clip.tracking.settings
    settings = clip.tracking.settings
    try:
        settings.default_motion_model = MOTION_MODELS[track["motion_model"]]  # pyright: ignore[reportAttributeAccessIssue]
        settings.default_pattern_match = PATTERN_MATCHES[track["pattern_match"]]  # pyright: ignore[reportAttributeAccessIssue]
    except KeyError as error:
        raise UserError(f"tracking.track: Blender has no {error}; it has {', '.join(MOTION_MODELS)}") from error
    settings.default_pattern_size = track["pattern_px"]
    settings.default_search_size = round(max(SEARCH_PATTERNS * track["pattern_px"], SEARCH_SHARE * clip.size[0]))
    settings.default_correlation_min = track["correlation_min"]
    settings.use_default_normalization = True
    settings.default_frames_limit = 0
    settings.default_margin = track["pattern_px"] // 2  # a marker ends where its pattern leaves the frame
