"""Colour: the plate comes in, is shown, and goes out as it was."""

import bpy


def show_as_it_is(scene: bpy.types.Scene, color_space: str) -> None:
    """Set a view that undoes what the plate's colour space does on loading: what is shown and written is the plate.

    Raw numbers come in as they are, so they go out through no curve.
    """
    display, view = scene.display_settings, scene.view_settings
    assert display and view and scene.sequencer_colorspace_settings
    display.display_device = "sRGB"  # pyright: ignore[reportAttributeAccessIssue]
    view.view_transform = "Raw" if color_space == "Raw" else "Standard"  # pyright: ignore[reportAttributeAccessIssue]
    view.look = "None"  # pyright: ignore[reportAttributeAccessIssue]
    view.exposure, view.gamma, view.use_curve_mapping = 0.0, 1.0, False
    scene.sequencer_colorspace_settings.name = "sRGB"  # pyright: ignore[reportAttributeAccessIssue]
