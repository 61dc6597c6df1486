"""The benchmark of objects: a stream without faults scores 1, and its faults are told apart."""

from dataclasses import replace

import numpy as np
import pytest

from helpers.measures.object_scores import ALL, last_frame, read, scores, sequences, tracked, write_sequence
from helpers.plates.moving_boxes import move
from shotmake.config.schema import Objects

pytestmark = pytest.mark.fast

KINDS = ("ocsort", "bytetrack", "sort")


@pytest.mark.parametrize("kind", KINDS)
def test_a_clean_stream_scores_one(tmp_path, kind):
    write_sequence(tmp_path / "show" / "clean", move(1, 4, (1, 80), noise_px=0.0, gap_every=0, alarm_every=0))
    (sequence,) = sequences([tmp_path / "show"])
    found = {sequence: tracked(read(sequence), last_frame(sequence), Objects(tracker_kind=kind))}
    for row in scores(found, True, tmp_path / "scratch").values():
        assert [row[name] for name in ("HOTA", "MOTA", "IDF1")] == pytest.approx([1, 1, 1], abs=1e-9)
        assert row["IDSW"] == row["CLR_FP"] == row["CLR_FN"] == 0


def test_each_fault_is_counted(tmp_path):
    """Two of four objects swap their ids, a row that is not considered is nobody's, coasted rows fill the gaps."""
    moved = move(2, 4, (1, 80), noise_px=0.0, gap_frames=(5, 5), gap_every=40, alarm_every=0)
    sequence = tmp_path / "gaps"
    write_sequence(sequence, moved)
    with (sequence / "gt/gt.txt").open("a") as file:
        file.write("1,99,3000,3000,50,50,0,1,1.0\n")
    found = tracked(read(sequence), last_frame(sequence), Objects())
    hidden = int((~moved.seen).sum())
    assert hidden > 0
    whole, seen = (scores({sequence: found}, with_, tmp_path / str(with_))[ALL] for with_ in (True, False))
    assert (whole["CLR_FN"], seen["CLR_FN"]) == (0, hidden) and whole["IDSW"] == 0
    first, second, *rest = found
    swapped = [_tail_of(first, second), _tail_of(second, first), *rest]
    assert scores({sequence: swapped}, True, tmp_path / "swapped")[ALL]["IDSW"] == 2


def _tail_of(one, other):
    """One's first half, and what comes after of the other."""
    head, tail = one.frames <= 40, other.frames > 40
    return replace(
        one,
        frames=np.concatenate([one.frames[head], other.frames[tail]]),
        bboxes=np.concatenate([one.bboxes[head], other.bboxes[tail]]),
        frame_status=tuple(np.array(one.frame_status)[head]) + tuple(np.array(other.frame_status)[tail]),
    )
