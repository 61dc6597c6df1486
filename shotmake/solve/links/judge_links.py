"""What follows from the links of a solve: a refusal where two parts of it do not hang together, else the doubts.

The weakest link limits what may be claimed of the whole. The thresholds come from cameras that were made wrong on
purpose and from right ones, both judged alone (tests/benchmarks/judge.py).
"""

import numpy as np

from shotmake.reasons import Reason
from shotmake.solve.links.measure_links import Links

FEWEST_AGREE = 4  # tracks that hold two sides together: three fit by chance
LOOSE_PX, DOUBTED_LOOSE_PX = 1.5, 0.4  # at 1280 wide, of Links.hold_px
TORN_PX, DOUBTED_TORN_PX = 1.2, 0.7  # at 1280 wide, of Links.tear_px
LOST_SHARE, LOST_OF_USUAL = 0.4, 0.6  # a smaller share agrees, and so much less than on the other links
NEVER_SHARE = 0.25  # no link holds with a smaller share, whatever the other links have
ENDS = 2  # links at the ends of the shot: one side is too short to be held
JOLT_PX, JOLT_TIMES = 6.0, 10.0  # at 1280 wide; x the jolts of the frames around
LONG_CHAIN = 20.0  # in lives of a track: each track hands on the camera a little less exactly
DOUBTED = 0.5  # factor of the confidence then


def find_torn_link(links: Links) -> Reason | None:
    """Return why the solve cannot stand: a link that holds nothing, or that its tracks contradict. None if all hold."""
    if not len(links.before):
        return None
    worst = int(np.argmin(links.agree))
    if links.agree[worst] < FEWEST_AGREE and links.tracks[worst] < 2 * FEWEST_AGREE:
        return Reason(
            "weak_link",
            f"{_describe_place(links, worst)} {_describe_few(links.agree[worst])} the camera together (needed "
            f"{FEWEST_AGREE}); track more there, or split the shot with shot.footage.frame_range",
        )
    usual = float(np.median(links.share))
    worst = int(np.argmin(links.share))
    share = links.share[worst]
    if share < NEVER_SHARE or share < min(LOST_SHARE, LOST_OF_USUAL * usual) or links.agree[worst] < FEWEST_AGREE:
        return _explain_disagreement(links, worst)
    inside = slice(ENDS, len(links.before) - ENDS)
    torn = np.flatnonzero(_measure_tears_px(links) > TORN_PX * links.scale)
    if len(torn):
        worst = int(torn[np.argmax(_measure_tears_px(links)[torn])])
        return Reason(
            "link_disagrees",
            f"{_describe_place(links, worst)} the camera is torn: the tracks that go on there want what lies behind it "
            f"{_measure_tears_px(links)[worst]:.1f} px elsewhere; track that part again, or split the shot with "
            "shot.footage.frame_range",
        )
    loose = links.hold_px[inside]
    if len(loose) and loose.max() > LOOSE_PX * links.scale:
        worst = ENDS + int(np.argmax(loose))
        return Reason(
            "weak_link",
            f"{_describe_place(links, worst)} {links.agree[worst]} tracks hold the camera to no better than "
            f"{links.hold_px[worst]:.1f} px; track more there, or split the shot with shot.footage.frame_range",
        )
    return None


def doubt_links(links: Links) -> tuple[Reason, ...]:
    """Return what may be wrong with links that hold: loose ones, a jump of the camera, a long chain."""
    doubts = []
    inside = slice(ENDS, max(len(links.before) - ENDS, ENDS))
    loose, torn = np.zeros(len(links.before)), _measure_tears_px(links) / DOUBTED_TORN_PX
    loose[inside] = links.hold_px[inside] / DOUBTED_LOOSE_PX
    strain = np.maximum(loose, torn) / links.scale
    if len(strain) and strain.max() > 1:
        worst = int(np.argmax(strain))
        code, miss_px = ("link_disagrees", _measure_tears_px(links)[worst])
        if loose[worst] >= torn[worst]:
            code, miss_px = "weak_link", 3 * links.hold_px[worst]
        text = (
            f"{_describe_place(links, worst)} the camera may be off by {miss_px:.1f} px: {links.agree[worst]} of "
            f"{links.tracks[worst]} tracks hold it there; look for slip before and behind"
        )
        doubts.append(Reason(code, text))
    jolt = _find_jolt(links)
    if jolt is not None:
        text = (
            f"the camera jumps by {links.jolt_px[jolt]:.0f} px at frame {links.after[jolt]}, far more than around it: "
            "look there; a repeated, a dropped or a moved frame shows like this"
        )
        doubts.append(Reason("path_jumps", text))
    if links.chain > LONG_CHAIN:
        text = (
            f"the shot is {links.chain:.0f} times as long as its tracks live: each hands the camera on to the next, "
            "and what they err adds up; the path may bend"
        )
        doubts.append(Reason("bundle_bends", text))
    return tuple(doubts)


def _measure_tears_px(links: Links) -> np.ndarray:
    """Return the larger tear (B,) of each boundary in px, by tracks near and far; 0 where a side is too short."""
    tears_px = links.tear_px.copy()
    tears_px[:ENDS] = tears_px[len(tears_px) - ENDS :] = 0
    np.maximum.at(tears_px, links.far, links.far_tear_px)
    return tears_px


def _find_jolt(links: Links) -> int | None:
    """Return the boundary after which the camera jumps: the largest jolt, if far above the usual ones around it."""
    at = int(np.argmax(links.jolt_px)) if len(links.jolt_px) else 0
    if not len(links.jolt_px) or links.jolt_px[at] < JOLT_PX * links.scale:
        return None
    return at if links.jolt_px[at] > JOLT_TIMES * links.find_usual_jolt_px(at, 90) else None


def _describe_few(tracks: int) -> str:
    return f"only {tracks} tracks hold" if tracks > 1 else f"{('no', 'only one')[tracks]} track holds"


def _describe_share(agree: int, tracks: int) -> str:
    few = f"only {agree}" if agree else "none"
    return f"{few} of the {tracks} tracks that go on {'agree' if agree > 1 else 'agrees'}"


def _explain_disagreement(links: Links, worst: int) -> Reason:
    return Reason(
        "link_disagrees",
        f"{_describe_place(links, worst)} {_describe_share(links.agree[worst], links.tracks[worst])} with "
        "the camera on both sides: what lies before and behind is not proven to fit together; track that part again, "
        "or split the shot with shot.footage.frame_range",
    )


def _describe_place(links: Links, worst: int) -> str:
    """Return where it is: the run of boundaries that are as bad as the worst one."""
    same = links.agree == links.agree[worst]
    first = last = worst
    while first > 0 and same[first - 1] and links.tracks[first - 1] == links.tracks[worst]:
        first -= 1
    while last + 1 < len(same) and same[last + 1] and links.tracks[last + 1] == links.tracks[worst]:
        last += 1
    return f"between frames {links.before[first]} and {links.after[last]}"
