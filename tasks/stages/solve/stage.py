"""solve: the camera of every frame from tracks, or a refusal with its reason. Or an imported camera,
or a keyed camera.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.config import schema
from shotmake.config.check_orient import has_track_names
from shotmake.config.keyed_camera import read_keys
from shotmake.config.schema import Config
from shotmake.errors import ShotError
from shotmake.files.json_file import read_json
from shotmake.numbers_in_words import count_of
from shotmake.tasks.blender.libmv import make_solver, slice_libmv_settings
from shotmake.tasks.blender.private_blender import version_of
from shotmake.tasks.engine import slices
from shotmake.tasks.engine.processes.kernels import SOLVER, await_kernels
from shotmake.tasks.engine.stage import Job, Stage
from shotmake.tasks.engine.stamp import to_json_bytes
from shotmake.tasks.show import name_in_show
from shotmake.tasks.stages.footage import list_plate_inputs, read_plate
from shotmake.tasks.stages.solve import candidates as stored
from shotmake.tasks.stages.solve import imported_camera_file
from shotmake.tasks.stages.solve.pictures_for_witness import make_look
from shotmake.tasks.stages.tracks.masks import has_objects, list_mask_inputs, slice_mask_settings

if TYPE_CHECKING:  # listing tasks must not load numpy
    from shotmake.footage.plate import Plate
    from shotmake.reasons import Reason
    from shotmake.solve.between_frames import Skipped
    from shotmake.solve.checks.candidate_and_refusal import Candidate
    from shotmake.solve.problem import SolveInputs

IMPORTING = ("import_name", "import_rotation_order")
LENS_KEYS = ("lens_from", "lens_max_fit_px", "st_map_direction", "checkerboard")
MASKING = ("mask", "matte")
STATUSES = ("solved", "tripod", "static", "refused")
# The settings that do not change what the solver finds first.
NO_MATTER = ("shot", "enabled", "clean", "orient", "known", "pin", "bad_frames", *MASKING)


def slice_settings(config: Config) -> dict:
    """Return the stage's settings."""
    found = (
        {"shot": config.shot.name, "camera": _without_lens(config)}  # solve.json names the shot
        | slices.slice_block(config.shot.footage, "frame_range", "bad_frames")
        | slices.slice_block(config.tracking.solve)
    )
    if config.tracking.session_file and config.shot.footage.bad_frames is None:
        found["bad_frames"] = []  # tracks made elsewhere may go through any frame
    if _is_by_libmv(config):
        found = found | slice_libmv_settings(config)
    elif _is_by_blender(config):
        found["executable"] = config.composite.blender.executable
    if _is_masked(config):
        found = found | slice_mask_settings(config)
    return found


def list_inputs(config: Config) -> dict[str, Path]:
    """Return the files of the imported camera and, where the shot has tracks, the plate with its mask.

    The second witness of a solve looks at the plate.
    """
    seen = {**list_plate_inputs(config), **list_mask_inputs(config)} if config.shot.camera.from_tracking else {}
    return {**imported_camera_file.list_files(config), **seen}


def _is_masked(config: Config) -> bool:
    mask = config.tracking.mask
    return config.shot.camera.from_tracking and (mask.file is not None or bool(mask.shapes) or has_objects(config))


def _is_by_libmv(config: Config) -> bool:
    camera = config.shot.camera
    return config.tracking.solve.engine == "blender" and camera.from_tracking and camera.import_file is None


def _is_by_blender(config: Config) -> bool:
    return _is_by_libmv(config) or imported_camera_file.is_by_blender(config)


def _without_lens(config: Config) -> dict:
    """Return the camera's settings without those of the lens, which is a stage of its own.

    How a camera is imported matters only where one is imported. The keys of a keyed camera matter only without tracks.
    """
    camera = config.shot.camera
    left_out = [*LENS_KEYS, *([] if is_keyed(config) else ["given"])]
    left_out += IMPORTING if camera.import_file is None else ()
    return slices.leave_out(slices.slice_block(camera), *left_out)


def is_keyed(config: Config) -> bool:
    """Return whether the shot has a keyed camera: its YAML says the camera key by key."""
    return not config.shot.camera.from_tracking and bool(config.shot.camera.given)


def has_camera(config: Config) -> bool:
    """Return whether the shot can have a camera at all: solved from its tracks, imported or keyed."""
    return not list_keys_against_camera(config)


def list_keys_against_camera(config: Config) -> list[str]:
    """Return the keys that are false and must be true for the shot to have a camera."""
    if not config.shot.camera.from_tracking:
        return []
    needed = {"tracking.enabled": config.tracking.enabled, "tracking.solve.enabled": config.tracking.solve.enabled}
    return [key for key, value in needed.items() if not value]


def read_solution(path: Path) -> dict:
    """Read a solve.json. Raises ShotError when the file is not one."""
    record = read_json(path)
    is_one = isinstance(record, dict) and record.get("status") in STATUSES and isinstance(record.get("reason"), str)
    if not is_one or not isinstance(record.get("frames"), list):
        place = name_in_show(path)
        raise ShotError(f"{place}: found no record of a solve; remove it, and doit makes it anew")
    return record


def build(job: Job) -> str:
    """Build solve.json and points.npz. Return the result in words: a refusal with its reason, or the camera with its
    errors.

    A refused solve is a result, not an error. Raises ShotError when an input cannot be used, or changes while it is
    read.
    """
    import numpy as np

    from shotmake.files.npz_file import pack_npz
    from shotmake.footage.plate import find_frame_span
    from shotmake.geometry.lens import Lens
    from shotmake.reasons import Reason, add_warnings
    from shotmake.solve.anamorphic import squeeze
    from shotmake.solve.imported.keyed_camera import make_keyed_solution
    from shotmake.solve.imported.use_camera_as_it_is import make_imported_solution
    from shotmake.solve.problem import SolveInputs
    from shotmake.solve.result import finish
    from shotmake.tracks.markers import load_tracks, load_weights

    plate = read_plate(job.inputs["footage"])
    frames = find_frame_span(plate, job.settings["frame_range"])
    others = ("shot", "camera", "frame_range", "bad_frames", "executable", "version", "mask", "matte")
    values = {name: value for name, value in job.settings.items() if name not in others}
    values["clean"] = schema.SolveClean(**values["clean"])
    values["orient"] = schema.Orient(**values["orient"])
    values["known"] = schema.Imported(**values["known"])
    camera, options, size_px = schema.Camera(**job.settings["camera"]), schema.Solve(**values), plate.width_height_px
    imported_lens, note = read_json(job.inputs["lens"]) if "lens" in job.inputs else None, ""
    if imported_lens is None and camera.focal_mm is None:
        camera, note = _guess_focal(camera, plate.media.get("lens"))
    imported = (
        imported_camera_file.read(job, plate, frames, imported_lens and imported_lens["lens"])
        if "camera" in job.inputs
        else None
    )
    if camera.given:
        lens = imported_lens and Lens.from_json(imported_lens["lens"])
        keys = read_keys(camera.given)[0]
        note = note if any(key.focal_mm is None for key in keys) else ""
        solution = make_keyed_solution(keys, lens, camera.focal_mm, camera.sensor_width_mm, size_px, frames)
    elif imported is not None and not camera.from_tracking:
        solution = make_imported_solution(imported, size_px)
    else:
        tracks, weights = load_tracks(job.inputs["tracks"]), load_weights(job.inputs["tracks"])
        options = replace(options, orient=_with_ids(options.orient, job))
        with job.show_progress(None, "solving", unit="steps") as bar:
            if imported is not None:
                from shotmake.solve.imported.extend import extend_imported

                look = make_look(job, plate, np.arange(frames[0], frames[1] + 1), 1.0)  # they see the plate as it is
                asked = SolveInputs(tracks, size_px, frames, camera, options, None, weights, look=look, on_step=bar.say)
                solution = extend_imported(asked, imported)
            else:
                lens = imported_lens and Lens.from_json(imported_lens["lens"])
                asked = SolveInputs(tracks, size_px, frames, camera, options, lens, weights, on_step=bar.say)
                asked = replace(asked, skipped=_list_skipped(job, plate, frames))
                candidate = squeeze(_find_candidate(job, plate, asked), plate.pixel_aspect)
                solution = finish(candidate, tracks, size_px, frames, options, asked.skipped)
    record = {**solution.record, "shot": job.settings["shot"]}
    if imported_lens:
        record = add_warnings(record, before=[Reason("lens_note", text) for text in imported_lens["warnings"]])
    if note and (camera.given or record["status"] == "static"):  # no track tells the focal length: metadata alone does
        record = add_warnings(record, after=[Reason("focal_guessed", note)])
    job.targets["solve"].write_bytes(to_json_bytes(record))
    job.targets["points"].write_bytes(pack_npz(solution.points))
    if record["status"] == "refused":
        return f"refused: {record['reason']}"
    if record["engine"] in ("imported", "given"):
        return f"{record['engine']}, {count_of(len(record['frames']), 'frame')}"
    rms, holdout = ("-" if px is None else f"{px:.2f} px" for px in (record["rms_px"], record["holdout_rms_px"]))
    return (
        f"{record['status']} ({record['kind']}), {count_of(len(record['frames']), 'frame')}, rms {rms}, "
        f"hold-out {holdout}, confidence {record['confidence']:.2f}"
        f"{_describe_survey(job.settings['orient']['survey'], solution.points)}"
        + (f"\n      {note}" if note else "")
        + "".join(f"\n      {kind}: {text}" for kind in ("warning", "note") for text in record[f"{kind}s"])
    )


def _with_ids(orient: schema.Orient, job: Job) -> schema.Orient:
    """Return the block with the ids of the tracks that it names. Raises ShotError for a name that no track has."""
    from shotmake.solve.orient.picks import with_ids
    from shotmake.tracks.find_tracks import map_names

    names = map_names(read_json(job.inputs["quality"])["per_track"]) if "quality" in job.inputs else {}
    return with_ids(orient, names)


def _describe_survey(survey: list[dict], points: dict) -> str:
    """Return how far each survey point is from its measured place, in mm and px."""
    from shotmake.config.picks import name_pick

    if not survey:
        return ""
    misses = zip(survey, points["survey_miss_m"], points["survey_miss_px"], strict=True)
    return "".join(f", {name_pick(one)} off by {1000 * metres:.3g} mm ({px:.1f} px)" for one, metres, px in misses)


def _list_skipped(job: Job, plate: "Plate", frames: tuple[int, int]) -> "Skipped":
    """Return the frames of the shot that nobody tracked."""
    from shotmake.footage.plate import list_bad_frames
    from shotmake.solve.between_frames import Skipped

    bad = list_bad_frames(plate, job.settings["bad_frames"], frames[0])
    inside = frozenset(frame for frame in bad if frames[0] <= frame <= frames[1])
    return Skipped(inside, inside & set(plate.unusable.get("repeated", [])))


def _find_candidate(job: Job, plate: "Plate", asked: "SolveInputs") -> "Candidate | Reason":
    """Return the camera as the second witness leaves it, before it is placed in its world.

    It comes from the store when these tracks were solved in the same way before and the same pictures were looked at.
    Its pixels are as the plate is seen: unsqueezed.
    """
    from shotmake.solve.anamorphic import stretch_lens, unsqueeze_size, unsqueeze_tracks

    aspect, options = plate.pixel_aspect, asked.settings
    size_px = unsqueeze_size(plate.width_height_px, aspect)
    lens = asked.lens and stretch_lens(asked.lens, aspect)
    asked = replace(asked, tracks=unsqueeze_tracks(asked.tracks, aspect), size_px=size_px, lens=lens)

    def find() -> "Candidate | Reason":
        await_kernels(SOLVER)
        from shotmake.solve.verdict import find_candidate  # it loads COLMAP, so only when COLMAP has work

        by_libmv = None
        if options.engine == "blender":
            by_libmv = make_solver(job.targets["solve"].parent, job.settings["executable"], version_of(job.settings))
        return find_candidate(replace(asked.as_usual(), by_libmv=by_libmv))

    def clean() -> "Candidate | Reason":
        from shotmake.solve.verdict import clean_candidate

        return clean_candidate(candidate, asked)

    def ask() -> "Candidate | Reason":
        from shotmake.solve.witness.witness import ask_witness

        asked.on_step("ask the second witness")
        return ask_witness(candidate, size_px, make_look(job, plate, asked.all_markers.plate_frames, aspect))

    reaches = select_reaching(job.settings, asked.camera) | {
        "size_px": list(size_px),
        "frame_range": list(asked.frames),
    }
    ours = options.engine != "blender"  # we do not adjust Blender's camera: another limit for bad markers solves again
    if not ours:
        reaches["clean"] = job.settings["clean"]
    if asked.skipped.frames:
        reaches["skipped"] = sorted(asked.skipped.frames)
    if aspect != 1:
        reaches["pixel_aspect"] = aspect
    # Not among them: footage.json, since the plate's size and pixel aspect are in `reaches`; quality.json, which only
    # says how tracks are called.
    seen = {name: digest for name, digest in job.digests.items() if name not in ("footage", "quality")}
    inputs = {name: digest for name, digest in seen.items() if name in ("tracks", "lens")}
    candidate, path = stored.find_or_load(reaches, inputs, job.shot, find)
    job.kept.append(path)
    if ours and options.clean != schema.SolveClean():
        reaches = reaches | {"clean": job.settings["clean"]}
        candidate, path = stored.find_or_load(reaches, inputs, job.shot, clean)
        job.kept.append(path)
    mask = {name: job.settings[name] for name in MASKING if name in job.settings}
    candidate, path = stored.find_or_load(reaches | {"asked": "witness", **mask}, seen, job.shot, ask)
    job.kept.append(path)
    return candidate


def _list_reads(config: Config) -> tuple[str, ...]:
    if not config.shot.camera.from_tracking:
        return ("footage", "lens")
    named = ("quality",) if has_track_names(config.tracking.solve.orient) else ()  # it says which track has which name
    return ("footage", "tracks", *named, "lens", *(("objects",) if has_objects(config) else ()))


def select_reaching(settings: dict, camera: schema.Camera) -> dict:
    """Return the settings of the stage that reach the solver.

    `camera` has the focal length that was guessed from the plate's metadata, if any.
    """
    return slices.leave_out(settings, *NO_MATTER) | {"camera": slices.leave_out(slices.slice_block(camera), *IMPORTING)}


def _guess_focal(camera: schema.Camera, tags: dict | None) -> tuple[schema.Camera, str]:
    """Return the camera with the focal length of the plate's metadata as a first guess, and a line that says so."""
    if tags is None:
        return camera, ""
    width_mm = tags["sensor_width_mm"] or camera.sensor_width_mm
    note = f"focal length first guessed from the plate's metadata: {tags['focal_mm']:g} mm on {width_mm:.4g} mm"
    return replace(camera, focal_mm=tags["focal_mm"] / width_mm * camera.sensor_width_mm), note


SOLVE = Stage(
    "solve",
    version=stored.VERSION,
    targets={"solve": "tracking/solves/{id}.json", "points": "tracking/solves/{id}.points.npz"},
    reads=_list_reads,
    settings=slice_settings,
    files=list_inputs,
    wanted=has_camera,
    pinned=lambda config: config.tracking.solve.pin,
    after=lambda config: ("blender",) if _is_by_blender(config) else (),
    published={"solve": "solve.json"},
    needs_camera=lambda config: False,  # its refusal is published
    build=build,
)
