"""Build a shot's .blend from its scene sheet, tracks, points and ST-map.

    python build_composite.py ARGS                       (with bpy installed), or
    blender --factory-startup --background --python-exit-code 1 --python build_composite.py -- ARGS

Two scenes share one set of collections. The shot's scene has the plate's size, range and rate, the solved
camera and the comp. "CG overscan" has the same camera on a wider film back: it is what the comp's Render
Layers node reads, so rendering the shot's scene renders it, undistorted, for the ST-map to warp.
Blender renders a scene that a comp reads at the size of the scene that owns the comp, whatever its own
resolution says. So "CG overscan" has the plate's resolution too, on the overscan's field of view; where the
two differ in shape its pixels are not square. ST-maps count in 0..1 and do not mind.
"""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy  # noqa: E402
import cameras  # noqa: E402
import clip as plate_clip  # noqa: E402
import compositor  # noqa: E402
import corner_pin  # noqa: E402
import screens  # noqa: E402
import set_dressing  # noqa: E402
import sheet as scene_sheet  # noqa: E402
from arguments import OneLineParser, UserError, script_arguments  # noqa: E402
from subject import build_subject  # noqa: E402

FOLDERS_DEEP = 2  # .gsd-state/composites/x.blend and build/<shot>/x.blend: relative paths hold in both


def relative_to_blend(project: Path, out: Path, file: str) -> str:
    """The `//../../...` path of a project-relative file; UserError if it is missing."""
    if not (project / file).is_file():
        raise UserError(f"{file}: no such file in {project}")
    return "//" + "../" * FOLDERS_DEEP + file  # through the root: a neighbour in one folder is none in the other


def build(
    project: Path,
    sheet: dict[str, Any],
    tracks: scene_sheet.Tracks,
    points: scene_sheet.Points,
    stmap_file: str,
    out: Path,
) -> None:
    """Write the .blend; on any failure nothing is left at `out`."""
    if len(out.relative_to(project).parts) != FOLDERS_DEEP + 1:
        raise UserError(f"--out {out} must lie {FOLDERS_DEEP} folders below {project}")
    plate_path = relative_to_blend(project, out, sheet["plate"]["file"])
    stmap_path = relative_to_blend(project, out, stmap_file)
    pin = sheet["corner_pin"]
    pin_path = relative_to_blend(project, out, pin["image"]["file"]) if pin else ""
    bpy.ops.wm.read_factory_settings(app_template="VFX", use_empty=True)  # its workspaces suit a tracked shot
    save(out)  # now: relative paths are read against the place of the file
    try:
        clip = plate_clip.load_plate(sheet, plate_path)
        plate_clip.set_clip_camera(clip, sheet)
        plate_clip.inject_tracks(clip, sheet, tracks, points)
        corner_pin.load_image(pin, pin_path)
        build_scenes(sheet, clip, points, load_stmap(sheet, stmap_path))
        save(out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def load_stmap(sheet: dict[str, Any], relative_path: str) -> bpy.types.Image:
    stmap = bpy.data.images.load(relative_path, check_existing=False)
    stmap.name = "redistort_stmap"
    assert stmap.colorspace_settings
    stmap.colorspace_settings.name = "Non-Color"  # pyright: ignore[reportAttributeAccessIssue]
    stmap.alpha_mode = "CHANNEL_PACKED"
    if tuple(stmap.size) != tuple(sheet["resolution_px"]) or not stmap.is_float:
        raise UserError(f"{relative_path}: found a {tuple(stmap.size)} ST-map, needed float {sheet['resolution_px']}")
    return stmap


def build_scenes(
    sheet: dict[str, Any], clip: bpy.types.MovieClip, points: scene_sheet.Points, stmap: bpy.types.Image
) -> None:
    """The shot's scene and the overscan scene, with the same collections linked into both."""
    main = bpy.context.scene
    assert isinstance(main, bpy.types.Scene)
    main.name = sheet["shot"]
    cg_scene = bpy.data.scenes.new("CG overscan")
    groups = {name: bpy.data.collections.new(name) for name in ("camera", "subject", "lights", "ground", "solve")}
    for scene in (main, cg_scene):
        for collection in groups.values():
            scene.collection.children.link(collection)

    camera = cameras.solved_camera(sheet, clip, groups["camera"])
    wide_camera = cameras.overscan_camera(sheet, camera, groups["camera"])
    build_subject(sheet["subject"], groups["subject"])
    lights = sheet["lights"]
    if lights["preset"] == "sun_fill":
        x, y, z = sheet["subject"]["location"]
        set_dressing.sun(lights, (x, y, z + 4.0 * sheet["subject"]["size"]), groups["lights"])
    catch_shadow = sheet["backdrop"]["kind"] == "catcher" and sheet["composite"]["shadow_catcher"]
    if catch_shadow:
        set_dressing.ground(sheet["ground"], groups["ground"])
    set_dressing.solved_points(points, groups["solve"])

    over_plate = sheet["composite"]["background_source"] == "footage"
    world = set_dressing.fill(lights)
    for scene, render_camera in ((main, camera), (cg_scene, wide_camera)):
        configure_scene(scene, sheet)
        scene.world, scene.camera, scene.active_clip = world, render_camera, clip
    # The pass takes the shadow out of the CG's own alpha, so it is on only where the comp multiplies it in.
    cg_scene.view_layers[0].cycles.use_pass_shadow_catcher = catch_shadow and over_plate  # pyright: ignore
    cg_scene.render.use_compositing = False
    fit_overscan(cg_scene, sheet)
    compositor.build_comp(main, cg_scene, stmap, clip if over_plate else None, catch_shadow, sheet)
    main.frame_set(sheet["frame_start"])
    screens.arrange(clip)


def fit_overscan(scene: bpy.types.Scene, sheet: dict[str, Any]) -> None:
    """Make plate-many pixels span the overscan's field: their shape, and a pixel filter as wide as on the plate."""
    (width, height), (wide, high) = sheet["resolution_px"], sheet["overscan"]["resolution_px"]
    tallness = (high / wide) / (height / width)
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = max(1.0, 1.0 / tallness), max(1.0, tallness)
    assert scene.cycles
    scene.cycles.filter_width *= width / wide


def configure_scene(scene: bpy.types.Scene, sheet: dict[str, Any]) -> None:
    """Range, rate, size, units, Cycles and colour of either scene."""
    scene.frame_start, scene.frame_end = sheet["frame_start"], sheet["frame_end"]
    scene.unit_settings.system = sheet["world"]["units"]
    scene.unit_settings.scale_length = sheet["world"]["unit_scale"]
    scene.view_layers[0].name = "CG"
    render = scene.render
    render.fps, render.fps_base = scene_sheet.frame_rate(sheet)
    render.resolution_x, render.resolution_y = sheet["resolution_px"]
    render.resolution_percentage = 100
    render.pixel_aspect_x = render.pixel_aspect_y = 1.0
    render.engine = "CYCLES"  # pyright: ignore[reportAttributeAccessIssue]  (an add-on's engine)
    render.film_transparent = sheet["composite"]["film_transparent"]
    render.use_compositing, render.use_sequencer = True, False
    render.compositor_device, render.compositor_precision = "CPU", "FULL"  # half floats are too coarse for an ST-map
    render.image_settings.file_format = "OPEN_EXR"
    render.image_settings.color_mode, render.image_settings.color_depth = "RGBA", "16"
    render.filepath = f"//render/{sheet['shot']}_####"
    assert scene.view_settings and scene.cycles
    scene.view_settings.view_transform = "Standard"  # pyright: ignore[reportAttributeAccessIssue]  (plate unchanged)
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", sheet["render"]["samples"], False
    cycles.seed = 0
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.use_denoising, cycles.denoising_prefilter, cycles.denoising_quality = True, "ACCURATE", "BALANCED"
    except TypeError:  # this Blender was built without it
        cycles.use_denoising = False


def save(out: Path) -> None:
    """Save without leaving a .blend1 beside it."""
    out.unlink(missing_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(out), compress=True, check_existing=False)


def main() -> None:
    parser = OneLineParser(prog="build_composite.py", description=__doc__)
    for name in ("project", "sheet", "stmap", "out"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("tracks", "points"):  # an imported camera has neither
        parser.add_argument(f"--{name}")
    given = parser.parse_args(script_arguments())
    project, out = Path(os.path.abspath(given.project)), Path(os.path.abspath(given.out))
    try:
        if not out.is_relative_to(project):
            raise UserError(f"--out {out} does not lie in the project {project}")
        sheet = scene_sheet.read_sheet(Path(given.sheet))
        tracks, points = scene_sheet.read_tracks(given.tracks), scene_sheet.read_points(given.points)
        build(project, sheet, tracks, points, given.stmap, out)
    except UserError as error:
        print(f"build_composite.py: {error}", file=sys.stderr)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
