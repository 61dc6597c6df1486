"""MOT challenge CSV of detections (det.txt), a line a box: frame, -1, left, top, width, height, conf (may be missing).

Frames and pixels count from 1, as in shotmake.formats.tracks.mot_tracks. Ids are not read, so a file of tracks (gt.txt)
is read as well: its conf 0 is "not to be considered". In a file with nine columns, as gt.txt has, the eighth is the
class, a number ("1").

conf: it is compared with tracking.objects.det_thresh, as the trackers of the challenge do. Scores over 1 or under 0
(DPM's have no limits) are cut to 0..1, which lets the same boxes through; -1 in every line means unknown, and is read
as 1.

Source: https://motchallenge.net/instructions ("All frame numbers, target IDs and bounding boxes are 1-based").
"""

from pathlib import Path

import numpy as np

from shotmake.formats.detections.boxes import Boxes, check_boxes
from shotmake.formats.tracks import mot_tracks


def can_read(head: str) -> bool:
    """Tell whether these first characters are a MOT file's. A file without a line is a file without a box."""
    return mot_tracks.can_read(head) or not any(line.strip() and line.strip()[0] != "#" for line in head.splitlines())


def read(path: Path, key: str) -> Boxes:
    """Load the boxes of a MOT file. `key` is the config key that names the file.

    Raises ShotError as `mot.read_rows` and `check_boxes` do.
    """
    line, table, label = mot_tracks.read_rows(path, key)
    table = table - [0, 0, 1, 1, 0, 0, 0]
    box = table[:, [0, 2, 3, 4, 5]]
    check_boxes(box, lambda row: (int(line[row]), ""), path, key)
    unknown = bool((table[:, 6] == -1).all())
    confidence = np.ones(len(table)) if unknown else table[:, 6]
    return Boxes(box[:, 0].astype(np.int64), box[:, 1:], confidence, np.array(label, str), "counted")
