"""Run several scripts in one Blender, as if each were run alone: stdin is a JSON list of [script file, *arguments]."""

import json
import runpy
import sys

for script, *arguments in json.load(sys.stdin):
    sys.argv = [script, *arguments]
    runpy.run_path(script, run_name="__main__")
