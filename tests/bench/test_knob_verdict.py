"""The judge of the soft plates: a join that is off is seen, in any world, and only a code of the cause is a word."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from helpers.measures.knob_verdict import LIMIT_PX, knob_slip_px, knob_truth, verdict

pytestmark = pytest.mark.fast


def record(change=lambda frames, cameras: cameras, **more) -> dict:
    """The truth as a solve record, its cameras (N, 3, 4) changed."""
    truth = knob_truth()
    cameras = np.array(truth["cam_from_world"]).reshape(-1, 3, 4)
    changed = change(np.array(truth["frames"]), cameras).reshape(-1, 12).tolist()
    return {**truth, "cam_from_world": changed, "confidence": 0.9, "reason_code": "", "warning_codes": []} | more


def in_another_world(frames: np.ndarray, cameras: np.ndarray) -> np.ndarray:
    turn, shift = Rotation.from_rotvec([0.3, -1.1, 0.4]).as_matrix(), np.array([2.0, -7.0, 1.0])
    moved = cameras[:, :, :3] @ turn.T
    return np.concatenate([moved, (3.0 * cameras[:, :, 3] - moved @ shift)[..., None]], 2)


def turned_behind(degrees: float):
    """From frame 49 on the camera goes on turned, about the first of these frames."""

    def change(frames: np.ndarray, cameras: np.ndarray) -> np.ndarray:
        behind = frames >= 49
        at = cameras[np.argmax(behind)]
        centre = -at[:, :3].T @ at[:, 3]
        turn = Rotation.from_rotvec([0, 0, np.radians(degrees)]).as_matrix()
        out = cameras.copy()
        out[behind, :, :3] = cameras[behind, :, :3] @ turn
        out[behind, :, 3] += cameras[behind, :, :3] @ (centre - turn @ centre)
        return out

    return change


def test_the_truth_in_any_world_does_not_slip():
    assert knob_slip_px(record()) < 0.01
    assert knob_slip_px(record(in_another_world)) < 0.01


@pytest.mark.parametrize("degrees", [1.0, 5.0])
def test_a_turned_half_slips(degrees):
    slip = knob_slip_px(record(turned_behind(degrees)))
    assert LIMIT_PX < slip and slip > 5 * degrees, slip


def test_only_a_code_of_the_cause_is_a_word():
    assert verdict(record(), 0.3) == "right"
    assert verdict(record(warning_codes=["weak_link"]), 0.3) == "right, warned"
    assert verdict(record(warning_codes=["weak_link"]), 9.0) == "wrong, warned"
    assert verdict(record(warning_codes=["ground_unknown"]), 9.0) == "silent"
    assert verdict(record(), float("nan")) == "silent"
    assert verdict(record(status="refused", reason_code="weak_link"), None) == "refused"
