"""Reasons: what a solve says about itself. Each reason is a sentence with a code.

The code is for programs and tests. It comes from the closed list CODES and stays the same when the sentence gets new
words. The sentence is for people. A refusal has one reason. Warnings say what may be wrong. Notes say what was found
and dealt with. One code may be used for a refusal and for a warning: the refusal says that it was too much, the warning
says that it is there.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

CODES = {
    # too little to solve from
    "too_few_frames": "The shot has fewer frames than a camera can be certified by.",
    "too_few_tracks": "There are too few tracks to judge a camera by.",
    "tracks_too_short": "Too few tracks are long enough to be asked whether they agree with the camera.",
    "sparse_frames": "Too many frames have fewer than 6 tracks.",
    "no_start": "No solver found a first camera from the tracks.",
    "frames_without_camera": "Some frames have no camera.",
    # the shot or its tracks consist of more than one piece
    "cut": "Too few tracks go on from one frame to the next, as at a cut or a flash.",
    "tracks_jump": "All tracks jump against each other after a frame, as when they are swapped.",
    "frames_bridged": "The camera of frames that cannot be tracked is that of the frames around.",
    "second_motion": "Tracks that move on their own were left out.",
    "two_motions": "Two motions cover the picture alike: it is not clear which one is the room.",
    "epipolar_gap": "Many tracks move rigidly, but not with the camera that was found.",
    "repeated_structure": "The tracks may have jumped by a period of something that repeats.",
    # the camera does not explain its tracks
    "nothing_explains": "Neither a camera that turns nor one that moves explains the tracks.",
    "few_agree": "Fewer tracks agree with the camera than are needed after the start that it comes from.",
    "holdouts_disagree": "The tracks that the solver never saw do not agree with the camera.",
    "long_tracks_disagree": "The long tracks do not agree with the camera.",
    "part_disagrees": "In a part of the shot's time the tracks do not agree with the camera.",
    "path_jumps": "The camera's path jumps from a frame to the next.",
    "turning_disagrees": "A camera that only turns does not explain the tracks.",
    "engine_disagrees": "The camera of another engine does not explain the tracks.",
    # the parts of the shot are held together too loosely
    "weak_link": "Two parts of the shot are held together by too few tracks.",
    "link_disagrees": "The tracks that bridge two parts of the shot do not agree with the camera.",
    "bundle_bends": "Many weak links in a row let the path bend.",
    "witness_disagrees": "Features that the tracker never used do not agree with the camera.",
    # turning or moving
    "tiny_parallax": "The camera moves too little for places in depth to be known.",
    "moves_little": "The camera is between one that turns and one that moves.",
    "tripod_forced": "The config says that the camera only turns; the tracks show that it moves.",
    "tripod_instead": "A camera that moves was refused; one that only turns is handed over.",
    "static_forced": "The config says that the camera stands still; the picture does not.",
    # lens and shutter
    "focal_unlikely": "The focal length came out as one that no usual lens has.",
    "focal_open": "The tracks hardly determine the focal length.",
    "focal_guessed": "The focal length is a guess: nothing in the shot tells it.",
    "focal_ignored": "A focal length in the config is not used: the imported lens has its own.",
    "locked_focal": "The tracks contradict the focal length that is locked.",
    "zoom": "The focal length changes through the shot.",
    "pixel_aspect": "The tracks fit pixels of another width.",
    "picture_bends": "Something bends the picture for which the lens has no value: wide pixels, a warp, air.",
    "errors_shared": "Tracks near each other err alike: what moves the picture is in none of the camera's values.",
    "lens_folds": "The lens that was found folds over inside the picture.",
    "lens_terms_open": "A lens value that was to be refined was left alone; the line says why.",
    "lens_terms_added": "A lens value was refined that was not asked for, since only it explains the tracks.",
    "lens_kept": "A lens was not refined, though that was asked for.",
    "lens_note": "Something is to be known of the imported lens.",
    "rolling_shutter": "The picture's rows were read one after the other.",
    # an imported camera
    "camera_unchecked": "The camera was imported and not checked against tracks.",
    "camera_disagrees": "The imported camera does not fit the tracks.",
    "camera_file_note": "Something in the file of the camera may have been lost or changed by its format.",
    "imported_doubt": "The solve that the camera comes from had a warning without a code.",
    "new_frames_loose": "Few tracks link the new frames to those of the imported camera.",
    "new_frames_disagree": "The new frames do not agree with those of the imported camera.",
    # the world
    "ground_unknown": "No ground was found: up and the ground's height are guesses.",
    "ground_uneven": "The picks of the ground are not on one plane.",
    "pick_slides": "The track of a pick does not stand still in the world.",
    "survey_point_left_out": "A survey point cannot be right beside the others and was left out.",
    "survey_contradicts": "The survey points contradict each other.",
    "survey_tipped": "The survey points and the ground or the cameras differ about up.",
    "survey_far": "A survey point is so far from the origin that Blender's numbers lose precision.",
    "world_kept": "The world of the imported camera was kept; orient was not applied.",
}

RESERVED: frozenset[str] = frozenset()  # codes that readers know already, but that no solve says yet


@dataclass(frozen=True)
class Reason:
    """A sentence (text) with its code. Raises ValueError for a code that is not in CODES."""

    code: str
    text: str

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"reason code: found {self.code!r}; needed one of shotmake.reasons.CODES")

    def __str__(self) -> str:
        return self.text

    def with_name(self, name: str) -> "Reason":
        """Return the same reason with `<name>: ` before its text."""
        return replace(self, text=f"{name}: {self.text}")


def record_reasons(warnings: Sequence[Reason], notes: Sequence[Reason] = ()) -> dict[str, list[str]]:
    """Return the reasons as fields of the solve JSON: the sentences, and in lists of equal length their codes."""
    return {
        "warnings": [one.text for one in warnings],
        "warning_codes": [one.code for one in warnings],
        "notes": [one.text for one in notes],
        "note_codes": [one.code for one in notes],
    }


def add_warnings(record: dict, before: Sequence[Reason] = (), after: Sequence[Reason] = ()) -> dict:
    """Return the record of a solve JSON with more warnings before and after its own."""
    first, last = record_reasons(before), record_reasons(after)
    more = {name: [*first[name], *record[name], *last[name]] for name in ("warnings", "warning_codes")}
    return {**record, **more}


def read_warnings(record: dict) -> tuple[Reason, ...]:
    """Return the warnings of a solve JSON, which an older or a newer release may have written.

    A warning gets the code imported_doubt when its own code is missing or not known here.
    """
    texts, codes = [str(one) for one in record["warnings"]], record.get("warning_codes", [])
    if not isinstance(codes, list) or len(codes) != len(texts):
        codes = [None] * len(texts)
    return tuple(
        Reason(code, text) if isinstance(code, str) and code in CODES else Reason("imported_doubt", text)
        for code, text in zip(codes, texts, strict=True)
    )
