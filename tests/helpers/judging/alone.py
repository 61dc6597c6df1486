"""The judge alone: what certificate, links and witness say of a camera that nobody solved."""

from typing import Any

import numpy as np

from helpers.judging.cameras import Judged, Shot, make_camera
from helpers.judging.judge import limit_px
from helpers.measures.true_slip import Seeing, slip_px, true_slip_px
from helpers.recipes.witness import look_of
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import compute_pixel_scale
from shotmake.solve.checks.candidate_and_refusal import Candidate
from shotmake.solve.checks.certify import certify
from shotmake.solve.links.judge_links import doubt_links
from shotmake.solve.witness.witness import ask_witness


def judge_alone(shot: Shot, how: str) -> dict[str, Any]:
    """One camera: how it was made, its true slip, and who refused it (certificate, links, witness), doubted it, or let
    it pass."""
    camera = make_camera(shot, how)
    slip = camera_slip_px(shot, camera)
    row = {"seed": shot.one.seed, "kind": shot.one.kind, "tracks": shot.one.variant, "how": how, "slip_px": slip}
    return row | {"wrong": slip > limit_px(shot.one.kind), **_verdict(shot, camera)}


def camera_slip_px(shot: Shot, camera: Judged) -> float:
    true = shot.one.picture.sees
    found = Seeing(true.frames, camera.cam_from_world, [camera.lens] * len(true.frames))
    return round(true_slip_px(slip_px(found, true, shot.one.picture.depths, shot.one.size_px)), 3)


def _verdict(shot: Shot, camera: Judged) -> dict[str, str]:
    scale = compute_pixel_scale(shot.one.size_px)
    certificate = certify(camera.held_out, camera.markers, camera.cam_from_world, camera.lens, scale)
    fault = certificate.find_fault()
    if fault is not None:
        by = "links" if fault.code in ("weak_link", "link_disagrees") else "certificate"
        return {"refused": by, "code": fault.code, "doubt": ""}
    candidate = Candidate(
        "solved", "general", camera.lens, camera.cam_from_world, camera.markers, np.ones(len(camera.markers), bool),
        camera.held_out.track_ids, certificate, certificate.agreement,
    )  # fmt: skip
    heard = ask_witness(candidate, shot.one.size_px, look_of(shot.one))
    if isinstance(heard, Reason):
        return {"refused": "witness", "code": heard.code, "doubt": ""}
    doubts = [reason.code for reason in (*doubt_links(certificate.links), *heard.warnings)]
    return {"refused": "", "code": "", "doubt": " ".join(doubts)}
