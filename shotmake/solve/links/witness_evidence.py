"""What a second witness found about a solve (shotmake.solve.witness.witness), and what follows from it."""

from dataclasses import dataclass

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve.links.measure_links import Links

LEAST_ALLOWED = 0.45  # share of the matches: if the best camera explains less, they are no matches
CONTRADICTED, DOUBTED = 0.6, 0.85  # explained / allowed below this
OWN_MOTION = 0.5  # the solve explains such a share of the matches that the best camera leaves: two motions
FEWEST_JOINED, TORN_SHARE = 20, 0.5  # features through three frames or more; agreeing share / its usual value
TORN_PX, DOUBTED_TORN_PX = 2.5, 0.6  # at 1280 wide: features are less exact than tracks; right cameras have 0.3
MUCH_TORN_PX = 1.2  # at 1280 wide
HELD_PX = 0.6  # at 1280 wide, of Links.hold_px: a boundary that is held less firmly tells nothing of a tear
RIVAL, RIVAL_PAIRS = 0.55, 0.3  # of the solve's own cover, in such a share of the pairs: the rival may be the room
EQUAL_RIVAL = 0.7  # median of the pairs: nobody can tell which motion is the room
ALIKE = 0.3  # of the look-alikes: of random second places, a tenth fits one homography


@dataclass(frozen=True)
class Evidence:
    """What the second witness found, for each pair of frames that was matched.

    - first, second (P,): plate numbers of the two frames. matches (P,): how many features were matched.
    - explained (P,): the share of the matches that the solve explains. allowed (P,): the share that the best camera for
      these matches alone explains. other (P,): of the matches that this best camera leaves over, the share that the
      solve explains. NaN where the matches are too few.
    - rival (P,): how much of the picture the matches of one other motion cover, divided by what the matches that the
      solve explains cover; 0 where there is no other motion.
    - alike (P,): of the features with a look-alike, the share whose second place fits one other homography; 0 where
      this was not looked for.
    - local (P,): bool, whether the matches against the solve lie in one place: a thing that moves where little else is
      matched, or all that there is to match. Such a pair refuses nothing and becomes a doubt.
    - links: of features seen in three frames or more, between the frames looked at.
    """

    first: np.ndarray
    second: np.ndarray
    matches: np.ndarray
    explained: np.ndarray
    allowed: np.ndarray
    other: np.ndarray
    rival: np.ndarray
    alike: np.ndarray
    local: np.ndarray
    links: Links


def contradict(evidence: Evidence) -> Reason | None:
    """Return why the solve cannot stand: the pair of frames that the witness saw otherwise. None where it agrees."""
    ratio = _compute_ratio(evidence)
    if _find_least(evidence) < CONTRADICTED:
        worst = int(np.argmin(ratio))
        return Reason(
            "witness_disagrees",
            f"between frames {evidence.first[worst]} and {evidence.second[worst]} the picture says otherwise: "
            f"{evidence.matches[worst]} features that the tracker never used move as one camera sees them, and this "
            f"one explains {evidence.explained[worst]:.0%} of them instead of {evidence.allowed[worst]:.0%}; track "
            "that part again, mask what moves (tracking.mask), or split the shot with shot.footage.frame_range",
        )
    torn = _find_torn(evidence.links)
    if torn is not None:
        links = evidence.links
        return Reason(
            "witness_disagrees",
            f"between frames {links.before[torn]} and {links.after[torn]} the picture says otherwise: of "
            f"{links.tracks[torn]} features that the tracker never used {links.agree[torn]} fit the camera on both "
            "sides; track that part again, or split the shot with shot.footage.frame_range",
        )
    alone = (evidence.alike > ALIKE) & ~(evidence.allowed > LEAST_ALLOWED)  # nothing there is unique
    if alone.any():
        worst = int(np.argmax(np.where(alone, evidence.alike, 0.0)))
        return Reason(
            "repeated_structure",
            f"between frames {evidence.first[worst]} and {evidence.second[worst]} few tracks hold the camera, or there "
            "are frames without one, and all that the picture shows repeats itself: moved by a period it would look as "
            "good; track more there, or split the shot with shot.footage.frame_range",
        )
    if len(evidence.rival) and np.median(evidence.rival) > EQUAL_RIVAL:
        return Reason(
            "two_motions",
            "features that the tracker never used move in two ways, and the one that the camera does not follow covers "
            f"{np.median(evidence.rival):.0%} of what the other one covers: nobody can tell which is the room; mask "
            "what moves (tracking.mask)",
        )
    return None


def doubt(evidence: Evidence) -> tuple[Reason, ...]:
    """Return the doubts of the witness."""
    doubts = []
    ratio = _compute_ratio(evidence)
    if _find_least(evidence) < DOUBTED:
        worst = int(np.argmin(ratio))
        text = (
            f"between frames {evidence.first[worst]} and {evidence.second[worst]} features that the tracker never "
            f"used fit another camera better: this one explains {evidence.explained[worst]:.0%} of them, the best "
            f"{evidence.allowed[worst]:.0%}; look for slip there"
        )
        doubts.append(Reason("witness_disagrees", text))
    tears_px = _measure_tears_px(evidence.links)
    if len(tears_px) and tears_px.max() > DOUBTED_TORN_PX * evidence.links.scale:
        worst, links = int(np.argmax(tears_px)), evidence.links
        text = (
            f"between frames {links.before[worst]} and {links.after[worst]} features that the tracker never used want "
            f"what lies behind {tears_px[worst]:.1f} px elsewhere; look for slip there"
        )
        doubts.append(Reason("witness_disagrees", text))
    if evidence.local.any():
        at = int(np.argmax(evidence.local))
        text = (
            f"between frames {evidence.first[at]} and {evidence.second[at]} little more than one place of the picture "
            "could be matched, and that place moves otherwise than the camera says: mask it if it moves "
            "(tracking.mask), or look for slip there"
        )
        doubts.append(Reason("witness_disagrees", text))
    if len(evidence.rival) and np.mean(evidence.rival > RIVAL) > RIVAL_PAIRS:
        text = (
            "features that the tracker never used move in two ways that cover the picture alike, and the camera "
            "follows one of them: if it is not the room's, mask what moves (tracking.mask)"
        )
        doubts.append(Reason("two_motions", text))
    if len(evidence.alike) and evidence.alike.max() > ALIKE:
        worst = int(np.argmax(evidence.alike))
        text = (
            f"between frames {evidence.first[worst]} and {evidence.second[worst]} few tracks hold the camera, and "
            "the picture repeats itself there: moved by a period it would look as good; look for slip before and behind"
        )
        doubts.append(Reason("repeated_structure", text))
    return tuple(doubts)


def has_serious_doubt(evidence: Evidence, doubts: tuple[Reason, ...]) -> bool:
    """Tell whether more than a slight tear is in doubt. Zooms and blurred features tear a right solve slightly."""
    torn = bool((_measure_tears_px(evidence.links) > MUCH_TORN_PX * evidence.links.scale).any())
    return torn or _find_least(evidence) < DOUBTED or any(one.code != "witness_disagrees" for one in doubts)


def _find_least(evidence: Evidence) -> float:
    """Return the smallest ratio of explained to allowed; 1 without any pair."""
    ratio = _compute_ratio(evidence)
    return float(ratio.min()) if len(ratio) else 1.0


def _compute_ratio(evidence: Evidence) -> np.ndarray:
    """Return the ratio (P,) of explained to allowed; 1 where the pair tells nothing of it."""
    says = (evidence.allowed > LEAST_ALLOWED) & ~(evidence.other > OWN_MOTION) & ~evidence.local
    return np.where(says, evidence.explained / np.maximum(evidence.allowed, 1e-9), 1.0)


def _find_torn(links: Links) -> int | None:
    """Return the boundary, between frames looked at, that the joined features contradict; None if there is none."""
    tears_px = _measure_tears_px(links)
    if len(tears_px) and tears_px.max() > TORN_PX * links.scale:
        return int(np.argmax(tears_px))
    asked = links.tracks >= FEWEST_JOINED
    if not asked.any():
        return None
    share = np.where(asked, links.share, 1.0)
    worst = int(np.argmin(share))
    if share[worst] < TORN_SHARE * float(np.median(links.share[asked])):
        return worst
    return None


def _measure_tears_px(links: Links) -> np.ndarray:
    """Return how far (B,), in px, the joined features pull at each boundary; 0 where they hold it loosely."""
    told = (links.tracks >= FEWEST_JOINED) & (links.hold_px < HELD_PX * links.scale)
    return np.where(told, links.tear_px, 0.0)
