"""Blender's solver (libmv) as the engine: how it starts, and what its cameras are in our terms.

libmv runs in Blender's own process, which this module does not start: the caller passes in `Run`. libmv is tried from a
few starts, as COLMAP is, and its cameras are certified as COLMAP's are; our own code does not adjust them. libmv adds
up in several threads, however many cores it is given: its last digits (1e-7) differ from run to run.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.geometry.plausible_lens import has_fold, has_plausible_focal
from shotmake.solve.bundle.observations import Observations, choose_keyframes, thin
from shotmake.solve.bundle.rotations import cast_lens_rays, find_rotation
from shotmake.solve.bundle.triangulate import compute_marker_errors_px
from shotmake.solve.bundle.unjudged_solve import Model
from shotmake.solve.checks.candidate_and_refusal import Candidate, Refused
from shotmake.solve.checks.certify import certify
from shotmake.solve.checks.parallax import Parallax

RADIAL = {"k1", "k2", "k3"}  # libmv refines all of these or none
REFINED = {"focal", "principal_point", *RADIAL}
PAIR_FRAMES, PAIR_TRACKS = 24, 20
SAME_FOCAL = 0.1
TRIPOD_TRACKS, TRIPOD_PER_FRAME = 900, 150


@dataclass(frozen=True)
class Start:
    """The first guess of the lens, and the two frames (indices) with which libmv begins."""

    lens: Lens
    keyframes: tuple[int, int]


@dataclass(frozen=True)
class Question:
    """What libmv is asked to solve.

    tripod: the camera only turns. focal, centre, radial: what libmv may refine of the lens. max_error_px: tracks with a
    larger average error are left out of libmv's second round. start: as in Start.
    """

    markers: Observations
    size_px: tuple[int, int]
    tripod: bool
    focal: bool
    centre: bool
    radial: bool
    max_error_px: float
    start: Start

    def begin_at(self, focal_px: float, keyframes: tuple[int, int]) -> "Question":
        """Return the question with another first guess of the focal length and other keyframes."""
        return replace(self, start=Start(replace(self.start.lens, fx_px=focal_px, fy_px=focal_px), keyframes))


@dataclass(frozen=True)
class Answer:
    """What libmv found.

    cam_from_world (N, 3, 4): by frame index, NaN without a camera. bundles (T, 3): world points, and track_error_px
    (T,): libmv's own error; NaN for tracks that it left out. error_px: its own average over all markers.
    """

    lens: Lens
    cam_from_world: np.ndarray
    bundles: np.ndarray
    track_error_px: np.ndarray
    error_px: float


Run = Callable[[Question], Answer | None]  # None = libmv found no camera


def check_refine(refine: tuple[str, ...]) -> None:
    """Refuse lens values that libmv cannot refine.

    Raises ShotError for a zoom, for p1 or p2, and for radial terms without both k1 and k2.
    """
    if "zoom" in refine:
        raise ShotError("tracking.solve.zoom: found true with engine: blender, which solves no zooms; needed colmap")
    beyond = sorted(set(refine) - REFINED)
    if beyond:
        raise ShotError(
            f"tracking.solve.refine: found {', '.join(beyond)}, which Blender refines only in a lens that is not ours; "
            "needed some of focal, principal_point, k1, k2, or engine: colmap"
        )
    if set(refine) & RADIAL and not {"k1", "k2"} <= set(refine):
        raise ShotError(
            f"tracking.solve.refine: found {', '.join(sorted(set(refine) & RADIAL))} alone; Blender refines all radial "
            "values together or none: needed both k1 and k2, or neither, or engine: colmap"
        )


def make_question(
    markers: Observations,
    size_px: tuple[int, int],
    tripod: bool,
    refine: tuple[str, ...],
    max_error_px: float,
    focal_px: float,
    keyframes: tuple[int, int],
) -> Question:
    """Return a question about a lens of which only the focal length is guessed.

    Raises ShotError as `check_refine` does.
    """
    check_refine(refine)
    lens = Lens(focal_px, focal_px, size_px[0] / 2, size_px[1] / 2)
    refined = "focal" in refine, "principal_point" in refine, bool(RADIAL & set(refine))
    return Question(markers, size_px, tripod, *refined, max_error_px, Start(lens, keyframes))


def yield_starts(
    asked: Question, parallax: Parallax, run: Run, on_step: Callable[[str], None]
) -> Iterator[tuple[str, Model | None]]:
    """Yield (step, camera of all frames), solved one by one as they are asked for.

    The focal lengths are that of `asked` and the one that plane and parallax found. Each is tried from the two best
    pairs of keyframes.
    """
    markers, focal_px = asked.markers, asked.start.lens.fx_px
    focals_px = [focal_px]
    if asked.focal and abs(np.log(parallax.moving.focal_px / focal_px)) > SAME_FOCAL:
        focals_px.append(parallax.moving.focal_px)
    for pair in find_keyframe_pairs(markers, parallax, asked.size_px):
        for guess_px in focals_px:
            step = f"libmv from {guess_px:.0f} px, frames {pair[0]} and {pair[1]} of the range"
            on_step(step)
            answer = run(asked.begin_at(guess_px, pair))
            yield step, answer and _make_model(answer, markers, asked)


def find_keyframe_pairs(markers: Observations, parallax: Parallax, size_px: tuple[int, int]) -> list[tuple[int, int]]:
    """Find up to two pairs of frame indices, apart from each other, with much parallax between them and many tracks.

    Parallax here is the motion, in px, that is left after the rotation that explains most of it.
    """
    lens = parallax.moving.lens
    seen = cast_lens_rays(markers.xy_px, lens, np.zeros(len(markers)))
    frames = choose_keyframes(markers, size_px, at_most=PAIR_FRAMES)
    rows = [np.flatnonzero(markers.frame == frame) for frame in frames]
    scored = []
    for a in range(len(frames)):
        for b in range(a + 1, len(frames)):
            tracks = markers.track[rows[a]], markers.track[rows[b]]
            _, in_a, in_b = np.intersect1d(*tracks, assume_unique=True, return_indices=True)
            if len(in_a) < PAIR_TRACKS:
                continue
            source, target = seen[rows[a][in_a]], seen[rows[b][in_b]]
            turned = source @ find_rotation(source, target).T
            left_px = parallax.moving.focal_px * np.median(np.linalg.norm(turned - target, axis=1))
            scored.append((float(left_px * np.sqrt(len(in_a))), (int(frames[a]), int(frames[b]))))
    scored.sort(reverse=True)
    chosen = [pair for _, pair in scored[:1]]
    apart = markers.frame_count / 8
    others = (pair for _, pair in scored if max(abs(pair[end] - chosen[0][end]) for end in (0, 1)) > apart)
    return [*chosen, *(pair for pair in [next(others, None)] if pair)]


def _make_model(answer: Answer, markers: Observations, asked: Question) -> Model:
    """Return libmv's answer as a model. With a lens that folds over inside the picture no marker is used: it has no
    errors in px, and no camera comes of it.
    """
    constant = np.zeros(markers.frame_count)
    points = np.concatenate([answer.bundles, np.where(np.isfinite(answer.bundles[:, :1]), 1.0, np.nan)], 1)
    if has_fold(answer.lens, asked.size_px):
        return Model(answer.lens, answer.cam_from_world, points, np.zeros(len(markers), bool), constant)
    errors = compute_marker_errors_px(points, markers, answer.cam_from_world, answer.lens)
    return Model(answer.lens, answer.cam_from_world, points, errors < asked.max_error_px, constant)


def solve_tripod(candidate: Candidate, asked: Question, scale: float, run: Run) -> Candidate:
    """Solve a tripod by Blender's tripod solver in place of ours.

    libmv is asked with the focal length of `asked`, whose markers are all that the solve has, then with the focal
    length that we found. Raises Refused for a zoom, and when libmv finds no camera that the tracks confirm.
    """
    if candidate.log_zooms is not None:
        text = "the focal length changes, and Blender solves no zooms; set tracking.solve.engine: colmap"
        raise Refused("zoom", text)
    everything, size_px = asked.markers, asked.size_px
    held = np.isin(everything.track_ids, candidate.held_out)
    held_out, known = everything.select_tracks(held), everything.select_tracks(~held)
    markers = known.select_tracks(thin(known, TRIPOD_TRACKS, TRIPOD_PER_FRAME))
    fault = "it found no camera"
    asked = replace(asked, markers=markers)
    for guess_px in (asked.start.lens.fx_px, candidate.lens.fx_px):
        answer = run(asked.begin_at(guess_px, asked.start.keyframes))
        if answer is None:
            continue
        if has_fold(answer.lens, size_px) or not has_plausible_focal(answer.lens, size_px):
            fault = f"its lens, with a focal length of {answer.lens.fx_px:.0f} px, is none"
            continue
        certificate = certify(held_out, known, answer.cam_from_world, answer.lens, scale, tripod=True)
        disagreeing = certificate.find_fault()
        if not disagreeing:
            changed = min(1.0, certificate.agreement / max(candidate.certificate.agreement, 1e-9))
            return replace(
                candidate,
                lens=answer.lens,
                cam_from_world=answer.cam_from_world,
                markers=markers,
                used=_make_model(answer, markers, asked).used,
                certificate=certificate,
                agreement=candidate.agreement * changed,
            )
        fault = disagreeing.text
    text = f"Blender's tripod solver does not explain the tracks: {fault}; set tracking.solve.engine: colmap"
    raise Refused("engine_disagrees", text)
