"""What release 69f25dd means by its sentences, as codes: it has none of its own.

Used only for records without codes, so that both releases are judged alike. The first that is found counts.
"""

SENTENCES = (
    # those that quote another sentence come first
    ("taken as a tripod, which explains", "tripod_instead"),
    ("the focal length changes by", "zoom"),
    ("the camera would have to move", "locked_focal"),
    ("the focal length is locked at", "locked_focal"),
    ("at least 3 are needed", "too_few_frames"),
    ("tracks of 3 or more frames", "too_few_tracks"),
    ("too little to judge the camera by", "too_few_tracks"),
    ("of the frames have 6 or more tracks", "sparse_frames"),
    ("at a cut or a flash", "cut"),
    ("the tracks jump", "tracks_jump"),
    ("tiny parallax", "tiny_parallax"),
    ("rolling shutter", "rolling_shutter"),
    ("no camera could be started", "no_start"),
    ("a turning camera does not explain", "turning_disagrees"),
    ("no tracks follow a turning camera", "turning_disagrees"),
    ("the focal length came out as", "focal_unlikely"),
    ("ran away to", "focal_unlikely"),
    ("of the frames could be posed", "frames_without_camera"),
    ("of the frames have a camera or could be posed", "frames_without_camera"),
    ("frames have no camera", "frames_without_camera"),
    ("of the held-back tracks miss", "holdouts_disagree"),
    ("of the long tracks disagree", "long_tracks_disagree"),
    ("in the worst eighth of the shot", "part_disagrees"),
    ("the camera path jumps", "path_jumps"),
    ("hardly determine the focal length", "focal_open"),
    ("does not show its focal length", "focal_guessed"),
    ("folds over", "lens_folds"),
    ("lens folded", "lens_folds"),
    ("two motions cover the picture alike", "two_motions"),
    ("move on their own and were left out", "second_motion"),
    ("move rigidly, but not with the camera", "epipolar_gap"),
    ("no ground plane found", "ground_unknown"),
    ("between turning and moving", "moves_little"),
    ("kind is tripod, but", "tripod_forced"),
    ("kind is static, but", "static_forced"),
    ("only a lens off centre", "lens_terms_added"),
    ("the tracks do not determine", "lens_terms_open"),
    ("of the tracks within", "camera_disagrees"),
    ("the new frames disagree", "new_frames_disagree"),
    ("the new frames fit", "new_frames_disagree"),
    ("tracks link the new frames", "new_frames_loose"),
    ("is not applied to it again", "world_kept"),
    (": left out, as ", "survey_point_left_out"),
    ("the points contradict each other", "survey_contradicts"),
    ("and the points differ by", "survey_tipped"),
    ("it slides, and what", "pick_slides"),
)


def code_of(sentence: str) -> str:
    """The code of a sentence; "other" for one that is not listed, "" for none."""
    return next((code for words, code in SENTENCES if words in sentence), "other") if sentence else ""


def reason_code(record: dict) -> str:
    return record["reason_code"] if "reason_code" in record else code_of(record["reason"])


def warning_codes(record: dict) -> list[str]:
    if "warning_codes" in record:
        return list(record["warning_codes"])
    return [code_of(sentence) for sentence in record["warnings"]]
