"""Honest shots: the tracks a good tracker hands over, by kind of move, lens and noise."""

import numpy as np
from simulated import Simulated, simulate

FRAMES = 60
# the 95th percentile of slip, px at 1280 wide, that right solves of the kind stay below (release 69f25dd, seeds < 1000)
LIMITS_PX = {}
KINDS = (
    "orbit", "dolly", "walk", "planar", "moving", "crane", "pan", "tiny", "static",
    "short", "correlated", "long_lens", "slow", "wide",
)  # fmt: skip
RIGHT_STATUS = {"pan": ("tripod",), "static": ("static",), "tiny": ("solved", "tripod", "static")}
MAY_BE_REFUSED = ("tiny",)  # a refusal is as good an answer: not counted among those to be kept


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
        settings |= dict(lens=(float(random.uniform(2400, 4000)), 0.0, 0.0))
    if kind == "slow":
        settings |= dict(span_deg=float(random.uniform(8, 14)), unrest=0.3)
    if kind == "wide":
        settings |= dict(lens=(float(random.uniform(420, 560)), float(random.uniform(-0.08, 0)), 0.01), span_deg=80.0)
    if kind in ("corridor", "relief"):
        move = kind
    return simulate(move, **{**settings, **more})
