"""The build, top to bottom. doit reads this file (`doit shot=knob_hero`); Hydra runs it (`python dodo.py -m ...`).

Each line is a stage. What a stage reads, what it writes and which config keys it hashes stand in tasks/stages/; what it
computes stands in shotmake/. Stages are linked by the names of the targets that they read.
"""

import sys

from shotmake.tasks.engine.processes import standard_streams

standard_streams.take_over()  # before anything opens a file

from shotmake.tasks.shots import up_to_date
from shotmake.tasks.show import open_show

open_show(__file__)

if __name__ != "__main__":
    up_to_date.end_if_current(sys.argv)  # before any heavy import: a build with nothing to do takes no time

from shotmake.tasks.commands.show import new, sessions
from shotmake.tasks.commands.terminal_output import ShotReporter
from shotmake.tasks.doit_tasks import Graph
from shotmake.tasks.stages.composite.stage import COMPOSITE
from shotmake.tasks.stages.export import EXPORT
from shotmake.tasks.stages.footage import FOOTAGE
from shotmake.tasks.stages.lens import LENS
from shotmake.tasks.stages.object_mattes import OBJECT_MATTES
from shotmake.tasks.stages.objects.stage import OBJECTS
from shotmake.tasks.stages.preview import PREVIEW
from shotmake.tasks.stages.render import RENDER
from shotmake.tasks.stages.report import REPORT
from shotmake.tasks.stages.scene.stage import SCENE
from shotmake.tasks.stages.solve.stage import SOLVE
from shotmake.tasks.stages.stmap import STMAP
from shotmake.tasks.stages.tracks.stage import TRACKS
from shotmake.tasks.stages.undistorted_plate import UNDISTORTED_PLATE

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
task_sessions = sessions.make_task
task_new = new.make_task
task_blender = GRAPH.blender
task_config = GRAPH.config

DOIT_CONFIG = {
    "default_tasks": ["publish"],
    "reporter": ShotReporter,
    "continue": True,  # a task that does not depend on a failed task is still built
    "dep_file": ":memory:",  # doit keeps no records: the stamps decide
    "backend": "sqlite3",
}

if __name__ == "__main__":
    from shotmake.tasks.commands.sweep import hydra_command_line

    hydra_command_line.main()
