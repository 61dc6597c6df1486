"""A camera that may be handed over, before it is put into its world; and a refusal of all."""

from dataclasses import dataclass, replace

import numpy as np

from shotmake.geometry.camera import zoomed
from shotmake.geometry.lens import Lens
from shotmake.reasons import Reason
from shotmake.solve.bundle.observations import Observations
from shotmake.solve.checks.certify import Certificate
from shotmake.solve.links.evidence import Evidence
from shotmake.solve.links.verdict import DOUBTED, doubt_links

POSED_SHARE = 0.8  # of the frames; a camera for fewer is refused


class Refused(Exception):
    """No camera. reason: what was found and what the artist can change, with its code (shotmake.reasons.CODES)."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.reason = Reason(code, text)

    def __str__(self) -> str:
        return self.reason.text


@dataclass(frozen=True)
class Found:
    """A camera before it is oriented. status, kind: as in the record. cam_from_world (N, 3, 4) by frame
    index, NaN without pose; used (M,) of `markers`, those the last adjustment kept; held_out (H,) the ids of
    the tracks the solver never saw; agreement 0..1: how much of the picture follows the camera; warnings: what may
    be wrong; notes: what was found and dealt with; log_zooms (N,) as in adjust.Bundle, None if the focal length is one
    for all; evidence: of the second witness, None where it was not asked."""

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
        """(N, 3, 4) the cameras to project with: zoomed where the shot zooms."""
        return self.cam_from_world if self.log_zooms is None else zoomed(self.cam_from_world, self.log_zooms)

    @property
    def posed_share(self) -> float:
        return float(np.isfinite(self.cam_from_world[:, 0, 0]).mean())


def doubt_by_certificate(found: Found) -> Found:
    """The camera with what its certificate and its links leave in doubt as warnings, and the confidence that is left
    then."""
    links, disagreeing = found.certificate.links, found.certificate.doubt()
    if disagreeing is not None and found.warnings:  # with nothing else in doubt it is what moves in the picture
        found = replace(found, warnings=(*found.warnings, disagreeing))
    doubts = () if links is None else doubt_links(links)
    if not doubts:
        return found
    return replace(found, warnings=(*found.warnings, *doubts), agreement=DOUBTED * found.agreement)
