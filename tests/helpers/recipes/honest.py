"""Honest shots: the tracks a good tracker hands over, by kind of move, lens and noise."""

import numpy as np

from helpers.plates.simulated import Simulated, simulate

FRAMES = 60
SENSOR_MM = 36.0
# Slip that nine of ten cameras of the kind stay below, px at 1280 wide (release 69f25dd, 2 to 7 sets each with seeds
# below 1000). A straight move or a slow one leaves the focal length open, and with it how deep the world is.
LIMITS_PX = {
    "orbit": 0.5, "dolly": 2.0, "walk": 0.5, "planar": 0.5, "moving": 0.5, "crane": 1.2, "pan": 1.2, "tiny": 1.0,
    "static": 0.1, "short": 0.6, "correlated": 1.2, "long_lens": 0.6, "slow": 1.5, "wide": 0.4, "relief": 0.3,
    "corridor": 1.0,
}  # fmt: skip
KINDS = (
    "orbit", "dolly", "walk", "planar", "moving", "crane", "pan", "tiny", "static",
    "short", "correlated", "long_lens", "slow", "wide",
)  # fmt: skip
RIGHT_STATUS = {"pan": ("tripod",), "static": ("static",), "tiny": ("solved", "tripod", "static")}
# Between a tripod and a move: that the parallax is left out, or the focal length open, is what such a camera slips by.
CAUSES = {"tiny": frozenset({"tripod_instead", "moves_little", "focal_open"})}
MAY_BE_REFUSED = ("tiny",)  # a refusal is as good an answer: not counted among those to be kept


def camera_of(kind: str, shot: Simulated, seed: int) -> dict:
    """What the config says of the camera (config.Camera): a long lens as the plate's metadata tells it, within 3 %."""
    if kind != "long_lens":
        return {}
    about = np.random.default_rng([seed, 36]).uniform(0.97, 1.03)
    return {"focal_mm": float(shot.truth["lens"]["fx_px"] * about / shot.size_px[0] * SENSOR_MM)}


def honest_shot(kind: str, seed: int, **more) -> Simulated:
    """A shot of that kind; more: arguments of simulate that come before its own."""
    random = np.random.default_rng([seed, len(kind)])
    focal_px = float(random.uniform(700, 1700))
    settings = dict(seed=seed, lens=(focal_px, float(random.uniform(-0.15, 0.02)), 0.02), frame_count=FRAMES)
    move = {"orbit": "orbit", "dolly": "dolly", "planar": "planar", "crane": "crane", "pan": "pan"}.get(kind, "orbit")
    if kind == "walk":
        settings |= dict(unrest=3.0, span_deg=25.0)
    if kind == "moving":
        settings |= dict(moving_share=0.25)
    if kind in ("tiny", "static"):
        move = kind
    if kind == "tiny":
        settings |= dict(baseline=float(random.uniform(0.005, 0.04)))
    if kind == "short":
        settings |= dict(life_frames=6.0)
    if kind == "correlated":
        settings |= dict(white_px=0.05, drift_px=0.05)
    if kind == "long_lens":
        settings |= dict(lens=(float(random.uniform(1700, 2800)), 0.0, 0.0))
    if kind == "slow":
        settings |= dict(span_deg=float(random.uniform(8, 14)), unrest=0.3)
    if kind == "wide":
        settings |= dict(lens=(float(random.uniform(420, 560)), float(random.uniform(-0.08, 0)), 0.01), span_deg=80.0)
    if kind in ("corridor", "relief"):
        move = kind
    return simulate(move, **{**settings, **more})
