"""report.html: one page that needs nothing else and shows what the numbers say."""

import re
from fractions import Fraction
from html import escape
from html.parser import HTMLParser

import numpy as np
import pytest

from helpers.plates.simulated import simulate
from shotmake.config.schema import Qc
from shotmake.preview.movie import write_preview
from shotmake.report.charts import WIDTH
from shotmake.report.object_timeline import LEFT, RIGHT, SHOWN
from shotmake.report.objects_summary import GUESS
from shotmake.report.page import choose_frames, make_report_html, read_stills
from shotmake.report.summary import make_report

pytestmark = pytest.mark.fast

SHOT = simulate("orbit", seed=3, frame_count=12)
PLATE = {"files": ["a <b>.mp4"], "size_px": [960, 540], "frame_rate": [24, 1], "first_frame": 1, "frame_count": 12,
         "warnings": []}  # fmt: skip
QUALITY = {
    "tracks": 90, "markers": 800, "tracks_per_frame": [60] * 12, "tracks_per_frame_min": 60, "first_frame": 1,
    "last_frame": 12, "coverage_mean": 0.9, "coverage_min": 0.8, "short_tracks": ["track_1"], "jumping_tracks": [],
    "poor_tracks": [f"track_{number}" for number in range(50)],
}  # fmt: skip
ERRORS_PX = [0.3] * 6 + [2.5] + [0.3] * 5  # the seventh frame is the worst


def solution(**changes) -> dict:
    made = {**SHOT.truth, "shot": "s", "reason": "", "kind": "general", "rms_px": 0.3, "holdout_rms_px": 0.4,
            "rms_px_per_frame": ERRORS_PX, "confidence": 0.9, "tracks_used": 80, "scale_known": False,
            "engine": "colmap", "warnings": ["a & b"], "notes": ["c < d"]}  # fmt: skip
    return {**made, **changes}


def page_of(record: dict | None, pictures=(), quality: dict | None = QUALITY) -> str:
    summary = make_report(PLATE, quality, record, vars(Qc()), (1, 12))
    return make_report_html(summary, record, SHOT.points, pictures)


class Tags(HTMLParser):
    """Every tag is closed in order, and nothing is fetched."""

    def __init__(self, text: str):
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes) -> None:
        self.seen.append(tag)
        if tag not in ("meta", "img"):
            self.open.append(tag)
        for name, value in attributes:
            assert name not in ("src", "href") or value.startswith("data:"), value

    def handle_startendtag(self, tag: str, attributes) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize(
    ("changes", "curves", "drawings"),
    [({}, 4, 2), ({"status": "tripod"}, 3, 1), ({"focal_px_per_frame": [1000.0] * 12}, 5, 2)],
)
def test_a_solve_is_shown_whole(changes, curves, drawings):
    text = page_of(solution(**changes))
    tags = Tags(text)
    assert tags.open == [] and tags.seen.count("svg") == curves + drawings
    assert "confidence 0.90" in text and "a &amp; b" in text and "c &lt; d" in text and "a &lt;b&gt;.mp4" in text
    assert "track_39 and 10 more" in text


def test_a_refusal_shows_its_reason_and_the_tracks():
    text = page_of(solution(status="refused", reason="parallax < 1 deg", frames=[], cam_from_world=[]))
    assert Tags(text).seen.count("svg") == 1
    assert "parallax &lt; 1 deg" in text and "confidence" not in text


def test_without_tracks_and_solve_there_is_still_a_plate():
    assert "a &lt;b&gt;.mp4" in page_of(None, quality=None)


def test_a_camera_of_some_frames_leaves_gaps():
    record = solution()
    some = {name: [value for at, value in enumerate(record[name]) if at not in (4, 5)]
            for name in ("frames", "cam_from_world", "rms_px_per_frame")}  # fmt: skip
    path = page_of({**record, **some}).split("Reprojection error")[2].split('class="curve" d="')[1].split('"')[0]
    assert path.count("M") == 2


def test_the_stills_are_the_frames_that_tell(tmp_path):
    summary = make_report(PLATE, QUALITY, solution(), vars(Qc()), (1, 12))
    frames = choose_frames(summary, solution())
    assert frames == [1, 7, 12]
    greys = [(number, np.full((90, 160, 3), 20 * number, np.uint8)) for number in range(1, 13)]
    write_preview(tmp_path / "p.mp4", greys, Fraction(24), None, None, np.zeros((0, 3)), 5)
    import cv2

    for (number, jpeg), wanted in zip(read_stills(tmp_path / "p.mp4", 1, frames), frames, strict=True):
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        assert number == wanted and abs(float(np.median(shown)) - 20 * wanted) < 6
    page = page_of(solution(), read_stills(tmp_path / "p.mp4", 1, frames))
    assert Tags(page).seen.count("img") == 3


def test_objects_have_a_bar_each_lighter_where_nobody_saw_them():
    def one(track_id: int, first: int, last: int, coasted=(), label="") -> dict:
        return {"track_id": track_id, "label": label, "first_frame": first, "last_frame": last, "coasted": coasted}

    def page_with(objects: list[dict], matte: dict | None = None) -> str:
        block = {"count": len(objects), "frames": [1, 12], "coasted_pct": 2.8, "longest": 2, "objects": objects,
                 "source": {"kind": "motion", "trust": "low"}, "matte": matte}  # fmt: skip
        summary = make_report(PLATE, QUALITY, solution(), vars(Qc()), (1, 12), {"main": block})
        return make_report_html(summary, solution(), SHOT.points, [])

    objects = [one(1, 1, 6, [[3, 4]], "a <cat>"), one(2, 5, 12), *(one(number, 7, 7) for number in range(3, 60))]
    text = page_with(objects)
    assert Tags(text).open == [] and text.count('class="bar"') == SHOWN and text.count('class="bar unseen"') == 1
    assert "1 a &lt;cat&gt;: 1 to 6, 2 frames coasted" in text and f"{59 - SHOWN} shorter ones" in text
    assert "boxes of what moves, a guess" in text and escape(GUESS) in text
    seen, unseen = (re.search(f'class="{name}" d="([^"]*)"', text)[1] for name in ("bar", "bar unseen"))
    numbers = [[float(number) for number in re.findall(r"[MH]([0-9.]+)", path)] for path in (seen, unseen)]
    across = (WIDTH - LEFT - RIGHT) / 12
    wanted = [[0, 2, 4, 6], [2, 4]]  # in frames from the first one on
    for found, edges in zip(numbers, wanted, strict=True):
        assert found == pytest.approx([LEFT + edge * across for edge in edges], abs=0.06)
    text = page_with([one(1, 1, 6, [[3, 3]], "dog"), *(one(number, 7, 7) for number in range(2, SHOWN + 2))])
    covers = [("mattes cover", False), ("the inverted mask keeps tracks out of", True)]
    for said, inverted in covers:
        matte = {"covered_median_pct": 8.0, "covered_most_pct": 9.0, "worst_frame": 2, "inverted": inverted}
        assert f"; {said} 8 % of the plate, 9 % at most" in page_with(objects, matte)
    assert "1 dog: 1 to 6, 1 frame coasted" in text and "; 1 shorter one is not shown" in text
    assert "Objects</h2>" not in page_of(solution())
