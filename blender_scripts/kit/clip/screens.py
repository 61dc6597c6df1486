"""What the artist sees when the file opens."""

from typing import Any

import bpy


def arrange(sheet: dict[str, Any], clip: bpy.types.MovieClip) -> None:
    """Show the camera's view in each 3D view, the clip in each Clip Editor, and the comp in each node editor."""
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in area.spaces:
                if isinstance(space, bpy.types.SpaceClipEditor):
                    _show_clip(space, clip, sheet["frame_start"])
                elif isinstance(space, bpy.types.SpaceView3D):
                    _show_world(space, sheet["world"]["camera_distance"])
                elif isinstance(space, bpy.types.SpaceNodeEditor):
                    space.tree_type = "CompositorNodeTree"  # pyright: ignore[reportAttributeAccessIssue]
                    space.show_backdrop = True
    _fit_timelines()


def _show_clip(space: bpy.types.SpaceClipEditor, clip: bpy.types.MovieClip, frame: int) -> None:
    """Show the plate at full size in this frame, with markers and where the solve puts their points."""
    space.clip = clip
    space.clip_user.frame_current = frame
    space.clip_user.proxy_render_size = "FULL"
    space.show_bundles = True


def _show_world(space: bpy.types.SpaceView3D, camera_distance: float) -> None:
    """Look through the camera.

    The view reaches as far as the shot, and the clip's points are drawn to suit its size.
    """
    assert space.region_3d
    space.region_3d.view_perspective = "CAMERA"
    space.clip_start, space.clip_end = camera_distance / 1000, camera_distance * 1000
    space.show_reconstruction = True
    space.tracks_display_size = camera_distance / 200
    space.overlay.show_relationship_lines = False
    space.overlay.show_floor = space.overlay.show_axis_x = space.overlay.show_axis_y = True


def _fit_timelines() -> None:
    """Fit timelines to the scene's range, wherever its frames begin."""
    window = bpy.data.window_managers[0].windows[0]
    view = bpy.context.preferences.view  # pyright: ignore
    smooth_view, view.smooth_view = view.smooth_view, 0  # nobody is here to see the view glide
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "DOPESHEET_EDITOR":
                region = next(region for region in area.regions if region.type == "WINDOW")
                with bpy.context.temp_override(window=window, screen=screen, area=area, region=region):
                    bpy.ops.action.view_all()
    view.smooth_view = smooth_view
