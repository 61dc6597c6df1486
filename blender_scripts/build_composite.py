"""Build a shot's .blend from its scene sheet, tracks, points and ST-map.

    python build_composite.py ARGS                       (with bpy installed), or
    blender --factory-startup --background --python-exit-code 1 --python build_composite.py -- ARGS

Two scenes share one set of collections. The shot's scene has the plate's size, range and rate, the solved camera and
the comp. "CG overscan" has the same camera on a wider film back. The comp's Render Layers node reads that scene, so
rendering the shot's scene renders it, undistorted, for the ST-map to warp.

Where the plate is undistorted instead (apply_to_cg false), the shot's scene itself has that wider camera, at the
overscan's size, and there is no second scene.

Blender renders a scene that a comp reads at the size of the scene that owns the comp, whatever its own resolution says.
So "CG overscan" has the plate's resolution too, on the overscan's field of view; where the two differ in shape, its
pixels are not square. ST-maps count in 0..1, so this does not matter to them.
"""

import os
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent))

import bpy

from kit import read_scene_sheet as scene_sheet
from kit.arguments import OneLineParser, UserError, list_script_arguments, show_size
from kit.clip import (
    artists_tracks,
    cameras,
    clip_tracks,
    object_empties,
    our_solve,
    plate_clip,
    screens,
)
from kit.clip.node_views import write_node_views
from kit.close_blend_at_exit import forget_files_at_exit
from kit.comp import (
    colour,
    compositor,
    corner_pin,
)
from kit.comp.frame_output import set_still_format
from kit.paths_in_blend import FOLDERS_DEEP, name_in_blend
from kit.set import (
    ground_and_points,
    lighting,
)
from kit.set.backdrop import build_backdrop
from kit.set.subject import build_subject


class Content(NamedTuple):
    """What the .blend is made of, as it was read."""

    sheet: dict[str, Any]
    tracks: scene_sheet.Tracks
    points: scene_sheet.Points
    told: artists_tracks.Told
    empties: list[dict[str, Any]]


def build(project: Path, content: Content, stmap_file: str, out: Path) -> None:
    """Write the .blend. After a failure nothing is left at `out`."""
    sheet, tracks, points, told, empties = content
    try:
        clip = build_shot(project, sheet, points, stmap_file, out)
        object_empties.add_object_empties(
            empties, bpy.data.objects[cameras.SOLVED], (sheet["frame_start"], sheet["frame_end"])
        )
        names = clip_tracks.inject_tracks(clip, sheet, tracks, points, told)
        save(out, compress=False)
        write_node_views(out, bpy.data.scenes[sheet["shot"]])
        our_solve.write_solve(out, clip.name, our_solve.reconstruction_of(sheet, points, names))
        save(out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def build_shot(
    project: Path, sheet: dict[str, Any], points: scene_sheet.Points, stmap_file: str, out: Path
) -> bpy.types.MovieClip:
    """Make all that renders, and what the artist sees except the tracks, in the open file, which is that of `out`.

    Raises UserError when `out` is not FOLDERS_DEEP folders below `project`, the show's folder.
    """
    if len(out.relative_to(project).parts) != FOLDERS_DEEP + 1:
        raise UserError(f"--out {out} must lie {FOLDERS_DEEP} folders below {project}")
    bpy.ops.wm.read_factory_settings(app_template="VFX", use_empty=True)  # its workspaces suit a tracked shot
    save(out)  # saved now, because relative paths count from the place of the file
    clip = plate_clip.load_plate(sheet, name_in_blend(sheet["plate"]["file"], "shot.footage.file"))
    plate_clip.set_clip_camera(clip, sheet)
    background = load_background(sheet, clip)
    corner_pin.load_image(sheet["corner_pin"])
    build_scenes(sheet, clip, points, load_stmap(sheet, name_in_blend(stmap_file, "--stmap")), background)
    return clip


def load_stmap(sheet: dict[str, Any], relative_path: str) -> bpy.types.Image:
    """Load the map of the comp's direction: redistort at the plate's size, or undistort at the overscan's size.

    Raises UserError for a map of another size, or one that is not float.
    """
    on_cg = sheet["composite"]["apply_to_cg"]
    stmap = bpy.data.images.load(relative_path, check_existing=False)
    stmap.name = "redistort_stmap" if on_cg else "undistort_stmap"
    assert stmap.colorspace_settings
    stmap.colorspace_settings.name = "Non-Color"  # pyright: ignore[reportAttributeAccessIssue]
    stmap.alpha_mode = "CHANNEL_PACKED"
    found, needed = show_size(stmap.size), show_size(find_comp_size_px(sheet))
    if found != needed or not stmap.is_float:
        kind = "" if stmap.is_float else "of whole numbers "
        raise UserError(f"{relative_path}: found an ST-map {kind}of {found} px, needed one of floats of {needed} px")
    return stmap


def load_background(sheet: dict[str, Any], clip: bpy.types.MovieClip) -> compositor.Background | None:
    """Load what the CG is merged with, as `background_source` says: the plate's clip, a still, or None.

    A still gets the colour space that Blender gives its kind of file. With a raw plate it is not converted, as the
    plate is not.
    Raises UserError for a still that Blender cannot read, or of another size than the plate.
    """
    source, file = sheet["composite"]["background_source"], sheet["composite"]["background_image"]
    if source != "image":
        return clip if source == "footage" else None
    key = "composite.background_image"
    image = bpy.data.images.load(name_in_blend(file, key), check_existing=False)
    found, needed = tuple(image.size), tuple(sheet["resolution_px"])
    if not all(found):
        raise UserError(f"{file}: Blender cannot read it as an image ({key})")
    if found != needed:
        raise UserError(f"{file}: found {show_size(found)} px; the plate is {show_size(needed)} ({key})")
    image.name, image.alpha_mode = "background_image", "NONE"
    if sheet["color_space"] == "Raw":
        assert image.colorspace_settings
        image.colorspace_settings.name = "Non-Color"  # pyright: ignore[reportAttributeAccessIssue]
    return image


def find_comp_size_px(sheet: dict[str, Any]) -> list[int]:
    """Return width and height of the comp's output, px."""
    return sheet["resolution_px"] if sheet["composite"]["apply_to_cg"] else sheet["overscan"]["resolution_px"]


def build_scenes(
    sheet: dict[str, Any],
    clip: bpy.types.MovieClip,
    points: scene_sheet.Points,
    stmap: bpy.types.Image,
    background: compositor.Background | None,
) -> None:
    """Make the shot's scene and, where the lens is put on the CG, the overscan scene, with the same collections."""
    main = bpy.context.scene
    assert isinstance(main, bpy.types.Scene)
    main.name = sheet["shot"]
    on_cg = sheet["composite"]["apply_to_cg"]
    cg_scene = bpy.data.scenes.new("CG overscan") if on_cg else main
    scenes = [main, cg_scene] if on_cg else [main]
    groups = {name: bpy.data.collections.new(name) for name in ("camera", "subject", "lights", "ground", "solve")}
    for scene in scenes:
        for collection in groups.values():
            scene.collection.children.link(collection)

    camera = cameras.make_solved_camera(sheet, clip, groups["camera"])
    wide_camera = cameras.make_overscan_camera(sheet, camera, groups["camera"])
    subject_size = build_subject(sheet["subject"], sheet["frame_start"], groups["subject"])
    lighting.add_lamps(sheet, subject_size, groups["lights"])
    build_backdrop(sheet, groups["ground"])
    catch_shadow = sheet["backdrop"]["kind"] == "catcher" and sheet["composite"]["shadow_catcher"]
    if catch_shadow:
        ground_and_points.make_ground(sheet["ground"], groups["ground"])
    ground_and_points.make_points(points, groups["solve"])
    our_solve.add_origin(sheet, groups["solve"])
    our_solve.make_solving_camera(sheet, clip, camera, groups["solve"])

    world = lighting.make_world(sheet["lights"])
    for scene in scenes:
        configure_scene(scene, sheet)
        scene.world, scene.active_clip = world, clip
        scene.camera = wide_camera if scene == cg_scene else camera
    # The pass takes the shadow out of the CG's own alpha, so it is on only where the comp multiplies the shadow in.
    catch_shadow = catch_shadow and background is not None
    cg_scene.view_layers[0].cycles.use_pass_shadow_catcher = catch_shadow  # pyright: ignore
    if on_cg:
        cg_scene.render.use_compositing = False
        fit_overscan(cg_scene, sheet)
    compositor.build_comp(main, cg_scene, sheet, stmap, background, catch_shadow)
    main.frame_set(sheet["frame_start"])
    screens.arrange(sheet, clip)


def fit_overscan(scene: bpy.types.Scene, sheet: dict[str, Any]) -> None:
    """Fit as many pixels as the plate has into the overscan's field.

    This sets their shape, and a pixel filter as wide as on the plate.
    """
    (width, height), (wide, high) = sheet["resolution_px"], sheet["overscan"]["resolution_px"]
    aspect_x, aspect_y = sheet["pixel_aspect"]
    tallness = aspect_y / aspect_x * (high / wide) / (height / width)
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = max(1.0, 1.0 / tallness), max(1.0, tallness)
    assert scene.cycles
    scene.cycles.filter_width *= width / wide


def configure_scene(scene: bpy.types.Scene, sheet: dict[str, Any]) -> None:
    """Set range, rate, size, units, Cycles and colour of either scene."""
    scene.frame_start, scene.frame_end = sheet["frame_start"], sheet["frame_end"]
    scene.unit_settings.system = sheet["world"]["units"]
    scene.unit_settings.scale_length = sheet["world"]["unit_scale"]
    scene.view_layers[0].name = "CG"
    render = scene.render
    render.fps, render.fps_base = scene_sheet.read_frame_rate(sheet)
    render.resolution_x, render.resolution_y = find_comp_size_px(sheet)
    render.resolution_percentage = 100
    render.pixel_aspect_x, render.pixel_aspect_y = sheet["pixel_aspect"]
    render.engine = "CYCLES"  # pyright: ignore[reportAttributeAccessIssue]  (an add-on's engine)
    render.film_transparent = sheet["composite"]["film_transparent"]
    render.use_compositing, render.use_sequencer = True, False
    render.compositor_device, render.compositor_precision = "CPU", "FULL"  # half floats are too coarse for an ST-map
    set_still_format(render.image_settings, sheet["render"]["format"])
    render.filepath = f"//render/{sheet['shot']}_####"
    colour.show_as_it_is(scene, sheet["color_space"])
    assert scene.cycles
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling = "CPU", sheet["render"]["samples"], False
    cycles.seed = 0
    try:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.use_denoising, cycles.denoising_prefilter, cycles.denoising_quality = True, "ACCURATE", "BALANCED"
    except TypeError:  # this Blender was built without it
        cycles.use_denoising = False


def save(out: Path, compress: bool = True) -> None:
    """Save the open file without leaving a .blend1 beside it."""
    out.unlink(missing_ok=True)
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(out), compress=compress, check_existing=False)
    except RuntimeError:
        check_disk(out)
        raise


def check_disk(out: Path) -> None:
    """Check that a large file can be written there, because Blender says that saving failed, but not why.

    Raises OSError.
    """
    try:
        out.write_bytes(bytes(2**26))
    finally:
        out.unlink(missing_ok=True)


def main() -> None:
    """Build the .blend that the command line asks for."""
    parser = OneLineParser(prog="build_composite.py", description=__doc__)
    for name in ("project", "sheet", "stmap", "out"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("tracks", "quality", "points", "tracking", "empties"):  # an imported camera may have none
        parser.add_argument(f"--{name}")
    given = parser.parse_args(list_script_arguments())
    forget_files_at_exit()
    project, out = Path(os.path.abspath(given.project)), Path(os.path.abspath(given.out))
    try:
        if not out.is_relative_to(project):
            raise UserError(f"--out {out} does not lie in the project {project}")
        sheet = scene_sheet.read_sheet(Path(given.sheet))
        tracks, points = scene_sheet.read_tracks(given.tracks), scene_sheet.read_points(given.points)
        told = artists_tracks.read_told(given.quality, given.tracking)
        empties = object_empties.read_empties(given.empties)
        build(project, Content(sheet, tracks, points, told, empties), given.stmap, out)
    except UserError as error:
        sys.stderr.write(f"build_composite.py: {error}\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
