"""Tracklets against a truth in MOT challenge folders (SEQUENCE/det/det.txt, gt/gt.txt, seqinfo.ini if it is there).

The judge is TrackEval, the challenge's own: py-motmetrics 1.4 knows no HOTA and its box overlap needs numpy 1.
"""

import configparser
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from helpers.plates.moving_boxes import MovingBoxes
from shotmake.config.schema import MAIN_CAMERA, Objects
from shotmake.formats.detections.read import read_detections
from shotmake.objects.build_tracklets import build_tracklets
from shotmake.objects.detections import Detections
from shotmake.objects.tracker import follow
from shotmake.objects.tracklet_file import Tracklet

STRETCH_FRAMES = 64  # as the build tracks them
CLASS_COLUMNS = 9  # of a truth with classes (MOT16 and later); MOT15's has 10 columns and none
SHARES, COUNTS = ("HOTA", "DetA", "AssA", "MOTA", "IDF1"), ("IDSW", "CLR_FP", "CLR_FN")
ALL = "all"


def sequences(folders: Sequence[Path]) -> list[Path]:
    """The folders that are sequences, and the sequences inside those that are not."""
    found = []
    for folder in folders:
        inside = sorted(path.parent.parent for path in folder.glob("**/gt/gt.txt"))
        if not inside:
            raise SystemExit(
                f"{folder}: found no gt/gt.txt in it or below; needed a folder as the MOT challenge has them"
            )
        found += inside
    names = [sequence.name for sequence in found]
    if len(set(names)) < len(names):
        raise SystemExit(f"found two sequences of one name among {', '.join(names)}; needed names of their own")
    return found


def last_frame(sequence: Path) -> int:
    if (sequence / "seqinfo.ini").is_file():
        parser = configparser.ConfigParser()
        parser.read(sequence / "seqinfo.ini")
        return int(parser["Sequence"]["seqLength"])
    tables = [_table(sequence / name) for name in ("gt/gt.txt", "det/det.txt")]
    return max(int(table[:, 0].max()) for table in tables if table.size)


def _table(path: Path) -> np.ndarray:
    return np.loadtxt(path, delimiter=",", ndmin=2)


def tracked(detections: Detections, last: int, settings: Objects) -> list[Tracklet]:
    """Stretch by stretch, its state through bytes, as in the build."""
    return build_tracklets(list(stretches(detections, 1, last, settings)), MAIN_CAMERA)


def stretches(detections: Detections, first: int, last: int, settings: Objects) -> Iterator:
    saved = None
    for begin in range(first, last + 1, STRETCH_FRAMES):
        end = min(begin + STRETCH_FRAMES - 1, last)
        rows, saved = follow(detections.select_frames(begin, end), begin, end, settings, saved)
        yield rows


def write_result(path: Path, found: Sequence[Tracklet], with_coasted: bool) -> None:
    """MOT challenge rows, 1-based."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        f"{frame},{one.track_id},{x + 1:.3f},{y + 1:.3f},{width:.3f},{height:.3f},1,-1,-1,-1\n"
        for one in found
        for frame, (x, y, width, height), coasted in zip(one.frames, one.bboxes, one.is_coasted, strict=True)
        if with_coasted or not coasted
    ]
    path.write_text("".join(rows))


def scores(found: dict[Path, list[Tracklet]], with_coasted: bool, scratch: Path) -> dict[str, dict[str, float]]:
    """Sequence folder -> its tracklets; its SHARES and COUNTS by sequence, and of ALL. scratch: an empty folder."""
    from trackeval.datasets import MotChallenge2DBox
    from trackeval.eval import eval_sequence
    from trackeval.metrics import CLEAR, HOTA, Identity

    metrics = [HOTA(), CLEAR({"PRINT_CONFIG": False}), Identity({"PRINT_CONFIG": False})]
    names = [metric.get_name() for metric in metrics]
    by_sequence = {}
    for sequence, objects in found.items():
        write_result(scratch / "ours" / "data" / f"{sequence.name}.txt", objects, with_coasted)
        has_classes = _table(sequence / "gt/gt.txt").shape[1] == CLASS_COLUMNS
        dataset = MotChallenge2DBox(
            {
                "GT_FOLDER": str(sequence.parent),
                "TRACKERS_FOLDER": str(scratch),
                "TRACKERS_TO_EVAL": ["ours"],
                "SEQ_INFO": {sequence.name: last_frame(sequence)},
                "BENCHMARK": "MOT20" if "MOT20" in sequence.name else "MOT17" if has_classes else "MOT15",
                "SKIP_SPLIT_FOL": True,
                "PRINT_CONFIG": False,
            }
        )
        judged = eval_sequence(sequence.name, dataset, "ours", ["pedestrian"], metrics, names)
        by_sequence[sequence.name] = judged["pedestrian"]
    by_sequence[ALL] = {
        name: metric.combine_sequences({sequence: one[name] for sequence, one in by_sequence.items()})
        for metric, name in zip(metrics, names, strict=True)
    }
    return {sequence: _columns(one) for sequence, one in by_sequence.items()}


def _columns(judged: dict[str, dict]) -> dict[str, float]:
    """HOTA's values are one for each overlap; their mean is the one that is quoted."""
    flat = {name: value for family in judged.values() for name, value in family.items()}
    return {name: float(np.mean(flat[name])) for name in SHARES + COUNTS}


def read(sequence: Path) -> Detections:
    return read_detections(sequence / "det/det.txt", MAIN_CAMERA, 1)


def write_sequence(folder: Path, moved: MovingBoxes) -> None:
    """A simulated detector's boxes and their truth as a folder of the MOT challenge."""
    for name in ("det", "gt"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    found = moved.detections
    boxes = zip(found.frame, found.xywh_px, found.confidence, strict=True)
    rows = [f"{frame},-1,{_box(xywh)},{confidence:.4f},-1,-1,-1\n" for frame, xywh, confidence in boxes]
    (folder / "det/det.txt").write_text("".join(rows))
    truth = zip(moved.frame, moved.object_id, moved.xywh_px, strict=True)
    rows = [f"{frame},{number + 1},{_box(xywh)},1,1,1.0\n" for frame, number, xywh in truth]
    (folder / "gt/gt.txt").write_text("".join(rows))
    width, height = moved.size_px
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname={folder.name}\nframeRate=30\nseqLength={moved.frames[1]}\nimWidth={width}\n"
        f"imHeight={height}\n"
    )


def _box(xywh_px: np.ndarray) -> str:
    x, y, width, height = xywh_px
    return f"{x + 1:.3f},{y + 1:.3f},{width:.3f},{height:.3f}"
