"""Inside Blender: every file that a .blend refers to, as JSON on a line that begins with ##.

usage: files_in_blend.py FILE.blend ...; {.blend: {name: [as stored, where that leads, what Blender reads of it]}}
"""

import json
import os
import sys

import bpy


def place(path: str, library: bpy.types.Library | None = None) -> str:
    """Blender takes .. by letters."""
    return os.path.normpath(bpy.path.abspath(path, library=library))


told = {}
for blend in sys.argv[1:]:
    bpy.ops.wm.open_mainfile(filepath=blend, load_ui=False, use_scripts=False)
    clips = bpy.data.movieclips
    files = {f"clip {clip.name}": [clip.filepath, place(clip.filepath), list(clip.size)] for clip in clips}
    for library in bpy.data.libraries:
        files["library"] = [library.filepath, place(library.filepath), len(library.users_id)]
    for image in bpy.data.images:
        if image.source in ("FILE", "SEQUENCE", "MOVIE") and not image.packed_file:
            files[image.name] = [image.filepath, place(image.filepath, image.library), list(image.size)]
    told[blend] = files
print("##" + json.dumps(told), flush=True)
