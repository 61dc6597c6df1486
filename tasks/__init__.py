"""The wiring: one short file per stage, and what turns a stage into a doit task."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # the show: the folder of dodo.py
STATE = ROOT / ".gsd-state"
