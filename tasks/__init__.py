"""The wiring: one short file per stage, and what turns a stage into a doit task."""

import os

from tasks.import_path import leave_show

leave_show(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))  # before anything else is imported
