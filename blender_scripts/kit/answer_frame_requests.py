"""Frames on demand: each line of stdin is `<frame> <path>`. When the file is there, the frame's number is the answer.

Answers go to a pipe of their own, because Blender's messages fill stdout.
"""

import os
import sys
from collections.abc import Callable

import bpy

from kit.arguments import OneLineParser


def add_arguments(parser: OneLineParser) -> None:
    """Add the arguments that `serve` needs to a script's parser."""
    parser.add_argument("--answers", type=int, required=True, help="file descriptor")
    parser.add_argument("--threads", type=int, required=True)


def serve(scene: bpy.types.Scene, answers: int, threads: int, write_frame: Callable[[str], None]) -> None:
    """Serve frames until stdin ends: set the scene to each frame, and let `write_frame` write it to its path."""
    for each in bpy.data.scenes:  # a scene that a comp reads is rendered with its own setting
        each.render.threads_mode, each.render.threads = "FIXED", threads
    for line in sys.stdin:
        frame, _, path = line.rstrip("\n").partition(" ")
        scene.frame_set(int(frame))
        write_frame(path)
        os.write(answers, f"{frame}\n".encode())
