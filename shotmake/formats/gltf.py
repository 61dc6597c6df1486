"""glTF 2.0 (.glb written; .glb, .gltf read), by Blender.

Axes     Y up, metres, right-handed; the camera looks along -z with y up.
Lens     perspective: yfov (vertical, radians) and aspectRatio, and nothing else. A centre off the picture's middle and
         a zoom cannot be said: such a camera is refused, not bent.
Frames   seconds, frame / frame rate, so the plate's rate is needed to read one. Every frame is keyed. The add-on in
         Blender takes fps * fps_base for fps / fps_base, so at a rate like 24000/1001 its keys lie beside the frames
         (by 0.2 %); what we write has true seconds, and read through us they are put right.
Points   the solved points as a mesh of points, `points`.
Lost     distortion, scale_known; frames without a camera are filled in (said when it is written).

Source: the Khronos glTF 2.0 specification, camera.perspective and animation; Blender's io_scene_gltf2.
"""

from pathlib import Path

from shotmake.errors import ShotError
from shotmake.formats.asked import Asked
from shotmake.formats.blender_scene import check_head, gaps_told, read_found
from shotmake.formats.film import centre_off_px
from shotmake.formats.pinhole import CENTRED_PX
from shotmake.formats.take import Take
from shotmake.imported import Cameras
from shotmake.lens import Lens


def said(take: Take) -> tuple[str, ...]:
    """ShotError for a camera that glTF has no words for."""
    assert take.solution is not None
    off_px = centre_off_px(Lens.from_json(take.solution["lens"]), take.size_px)
    if take.solution["focal_px_per_frame"] or off_px > CENTRED_PX:
        found = f"a lens's centre {off_px:.2f} px off the middle" if off_px > CENTRED_PX else "a zoom"
        raise ShotError(f"camera.glb: found {found}, which glTF cannot say; needed usda or fbx for glb in shot.export")
    return gaps_told(take)


def check(path: Path) -> None:
    check_head(path, (b"glTF", b"{"), "glTF: a .glb, or JSON")


def read(path: Path, found: Path, asked: Asked) -> Cameras:
    return read_found(found, path.name, asked)
