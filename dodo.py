"""The build, top to bottom. doit reads this file (`doit shot=knob_hero`); Hydra runs it (`python dodo.py -m ...`).

Each line is a stage: what it reads, what it writes and which config keys it hashes stand in tasks/<stage>.py;
what it computes in shotmake/<stage>.py. Stages are linked by the names of the targets they read.
"""

import sys

from tasks import streams

streams.take_over()  # before anything opens a file

from tasks import snapshot
from tasks.show import open_show

open_show(__file__)

if __name__ != "__main__":
    snapshot.end_if_current(sys.argv)  # before anything heavy is imported: doing nothing takes no time

from tasks import new, sessions
from tasks.composite import COMPOSITE
from tasks.console import ShotReporter
from tasks.export import EXPORT
from tasks.footage import FOOTAGE
from tasks.graph import Graph
from tasks.lens import LENS
from tasks.object_mattes import OBJECT_MATTES
from tasks.objects import OBJECTS
from tasks.preview import PREVIEW
from tasks.render import RENDER
from tasks.report import REPORT
from tasks.scene import SCENE
from tasks.solve import SOLVE
from tasks.stmap import STMAP
from tasks.tracks import TRACKS
from tasks.undistorted_plate import UNDISTORTED_PLATE

GRAPH = Graph(
    *(FOOTAGE, OBJECTS, TRACKS, LENS, SOLVE, STMAP, SCENE, COMPOSITE, PREVIEW, EXPORT),
    *(UNDISTORTED_PLATE, OBJECT_MATTES, REPORT),
    by_name=(RENDER,),
)

task_footage = GRAPH.stage(FOOTAGE, "the plate, read end to end: size, rate, frames")
task_objects = GRAPH.stage(OBJECTS, "boxes of what moves -> objects, for each camera")
task_tracks = GRAPH.stage(TRACKS, "the plate -> 2D tracks")
task_lens = GRAPH.stage(LENS, "a lens brought along: of another shot, a file, or checkerboard stills")
task_solve = GRAPH.stage(SOLVE, "tracks -> camera and lens, or a refusal with its reason")
task_stmap = GRAPH.stage(STMAP, "lens -> undistort and redistort ST-maps")
task_scene = GRAPH.stage(SCENE, "camera and config -> every number Blender needs")
task_composite = GRAPH.stage(COMPOSITE, "scene, tracks, ST-map -> the .blend")
task_preview = GRAPH.stage(PREVIEW, "the plate with tracks, points and a ground grid")
task_export = GRAPH.stage(EXPORT, "the camera for other programs")
task_undistorted_plate = GRAPH.stage(UNDISTORTED_PLATE, "the plate without its lens, overscanned")
task_object_mattes = GRAPH.stage(OBJECT_MATTES, "where the objects are, as a picture a frame")
task_report = GRAPH.stage(REPORT, "what came out, in numbers")
task_render = GRAPH.render  # by this name only
task_publish = GRAPH.publish
task_plan = GRAPH.plan
task_verify = GRAPH.verify
task_summary = GRAPH.summary
task_gc = GRAPH.gc
task_sessions = sessions.task
task_new = new.task
task_blender = GRAPH.blender
task_config = GRAPH.config

DOIT_CONFIG = {
    "default_tasks": ["publish"],
    "reporter": ShotReporter,
    "continue": True,  # what does not depend on a failed task is built
    "dep_file": ":memory:",  # doit keeps no records: the stamps decide
    "backend": "sqlite3",
}

if __name__ == "__main__":
    from tasks import multirun

    multirun.main()
