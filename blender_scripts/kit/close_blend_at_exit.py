"""How a script ends that has opened or linked somebody else's .blend."""

import atexit

import bpy


def forget_files_at_exit() -> None:
    """Close the file while Python is still there.

    bpy as a module hangs for ever when it frees a driver with Python in it later. A Blender binary closes in the right
    order by itself.
    """
    if not bpy.app.binary_path:
        atexit.register(bpy.ops.wm.read_factory_settings, use_empty=True)
