"""A camera that may be handed over, before it is put into its world; and a refusal of all cameras."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.geometry.camera import zoom_cameras
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.checks.certify import Certificate
from shotmake.solve.links.judge_links import DOUBTED, doubt_links
from shotmake.solve.links.witness_evidence import Evidence

POSED_SHARE = 0.8  # share of the frames: a camera for fewer is refused


class Refused(Exception):
    """No camera.

    reason: what was found and what the artist can change, with its code (shotmake.reasons.CODES).
    """

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.reason = Reason(code, text)

    def __str__(self) -> str:
        return self.reason.text


@dataclass(frozen=True)
class Candidate:
    """A camera before it is oriented.

    - status, kind: as in the record. lens: in plate px. cam_from_world (N, 3, 4): by frame index, NaN without a pose.
    - used (M,): mask of the rows of `markers` that the last adjustment kept. held_out (H,): the ids of the tracks that
      the solver never saw.
    - agreement: 0..1, how much of the picture follows the camera. flat_focal: whether the tracks do not determine the
      focal length.
    - warnings: what may be wrong. notes: what was found and dealt with.
    - log_zooms (N,): as in adjust.Bundle; None if all frames have one focal length.
    - evidence: of the second witness; None where it was not asked.
    """

    status: str
    kind: str
    lens: Lens
    cam_from_world: np.ndarray
    markers: Observations
    used: np.ndarray
    held_out: np.ndarray
    certificate: Certificate
    agreement: float
    warnings: tuple[Reason, ...] = ()
    flat_focal: bool = False
    log_zooms: np.ndarray | None = None
    notes: tuple[Reason, ...] = ()
    evidence: Evidence | None = None

    @property
    def projecting(self) -> np.ndarray:
        """The cameras to project with, (N, 3, 4): zoomed where the shot zooms."""
        return self.cam_from_world if self.log_zooms is None else zoom_cameras(self.cam_from_world, self.log_zooms)

    @property
    def posed_share(self) -> float:
        """The share of the frames that have a pose."""
        return float(np.isfinite(self.cam_from_world[:, 0, 0]).mean())


def doubt_by_certificate(candidate: Candidate) -> Candidate:
    """Add the doubts of the certificate and of the links as warnings. A doubt about links reduces the agreement too."""
    links, disagreeing = candidate.certificate.links, candidate.certificate.find_doubt()
    if disagreeing is not None and candidate.warnings:  # without other doubts, it is a thing that moves in the picture
        candidate = replace(candidate, warnings=(*candidate.warnings, disagreeing))
    doubts = () if links is None else doubt_links(links)
    if not doubts:
        return candidate
    return replace(candidate, warnings=(*candidate.warnings, *doubts), agreement=DOUBTED * candidate.agreement)
