"""What the artist sees when the file opens."""

import bpy


def arrange(clip: bpy.types.MovieClip) -> None:
    """Look through the camera in every 3D view, show the clip in every Clip Editor, the comp in every node editor."""
    for workspace in bpy.data.workspaces:
        for screen in workspace.screens:
            for area in screen.areas:
                for space in area.spaces:
                    if isinstance(space, bpy.types.SpaceClipEditor):
                        space.clip = clip
                    elif isinstance(space, bpy.types.SpaceView3D) and space.region_3d:
                        space.region_3d.view_perspective = "CAMERA"
                        space.overlay.show_relationship_lines = False
                    elif isinstance(space, bpy.types.SpaceNodeEditor):
                        space.tree_type = "CompositorNodeTree"  # pyright: ignore[reportAttributeAccessIssue]
                        space.show_backdrop = True
