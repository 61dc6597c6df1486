"""shotmake: Make for tracked VFX shots.

Every module here, except shotmake.tasks, is pure: it takes arrays and returns arrays.
"""

import os

_clone = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
if os.path.isfile(os.path.join(_clone, "dodo.py")) and os.path.isdir(os.path.join(_clone, "tasks")):
    __path__.append(_clone)  # in a clone, the wiring (shotmake.tasks) lies beside this folder
