"""A Clip Editor to run the clip's operators in, and silence around libmv."""

import contextlib
import os
import sys
from collections.abc import Iterator

import bpy


@contextlib.contextmanager
def open_clip_editor(clip: bpy.types.MovieClip) -> Iterator[bpy.types.SpaceClipEditor]:
    """Give a Clip Editor that shows the clip, because the clip's operators work on nothing else."""
    window = bpy.data.window_managers[0].windows[0]
    area = max(window.screen.areas, key=lambda area: area.width * area.height)
    area.type = "CLIP_EDITOR"
    space = area.spaces.active
    assert isinstance(space, bpy.types.SpaceClipEditor)
    space.clip, space.mode = clip, "TRACKING"
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, screen=window.screen, area=area, region=region, space_data=space):
        yield space


@contextlib.contextmanager
def hide_stderr() -> Iterator[None]:
    """Send stderr to nowhere for a while: libmv prints megabytes there about patterns that it cannot fit."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
