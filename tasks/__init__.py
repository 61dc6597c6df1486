"""The wiring, imported as shotmake.tasks: a file or a folder for each stage, and the engine that turns a stage into a
doit task.
"""

import os

from shotmake.tasks.guard_import_path import leave_shows

leave_shows(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))  # before anything else is imported
