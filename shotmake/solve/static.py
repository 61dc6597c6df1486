"""A camera that stands still: one pose. Nothing in the picture tells its focal length."""

import numpy as np

from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.stillness import measure_stillness
from shotmake.solve.bundle.triangulate import compute_marker_errors_px, find_directions
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.certify import certify
from shotmake.solve.problem import SolveProblem


def solve_static(problem: SolveProblem) -> Candidate:
    """Return the one pose, with a warning when the picture does not stand still or when the focal length is a guess."""
    markers, held_out, focal_px = problem.markers, problem.held_out, problem.focal_px
    lens = Lens(focal_px, focal_px, problem.size_px[0] / 2, problem.size_px[1] / 2)
    pose = np.concatenate([np.eye(3), np.zeros((3, 1))], 1)
    cameras = np.repeat(pose[None], markers.frame_count, axis=0)
    certificate = certify(held_out, markers, cameras, lens, problem.scale, tripod=True, moves=False)
    points = find_directions(markers, cameras, lens)
    # things that move in front of a locked-off camera are no fault of the camera: their share does not count
    used = compute_marker_errors_px(points, markers, cameras, lens) < problem.max_error_px
    warnings = []
    if not problem.focal_is_told:
        text = (
            f"a camera that stands still does not show its focal length: taken as {focal_px:.0f} px "
            "(a guess); set shot.camera.focal_mm"
        )
        warnings.append(Reason("focal_guessed", text))
    stillness = measure_stillness(markers, problem.size_px)
    if stillness is None:
        text = "tracking.solve.kind is static, but no track is long enough to show that the picture stands still"
        warnings.append(Reason("static_forced", text))
    elif not stillness.is_still:
        text = f"tracking.solve.kind is static, but only {stillness.share:.0%} of the picture stands still"
        warnings.append(Reason("static_forced", text))
    ids, share = held_out.track_ids, 0.0 if stillness is None else stillness.share
    return Candidate("static", "static", lens, cameras, markers, used, ids, certificate, share, tuple(warnings))
