"""Check a plain tree against the schema of shotmake.config.schema: report all faults at once, one line each."""

import difflib
import math
import re
import types
import typing
from dataclasses import asdict, fields, is_dataclass
from typing import Any, NamedTuple

from shotmake.config import check_objects, check_orient, check_stabilize_and_pin, track_annotations
from shotmake.config.check_values import MOST as LARGEST
from shotmake.config.format_registry import CAMERAS, find_camera_format
from shotmake.config.frame_ranges import parse_frames
from shotmake.config.frame_rates import find_rate_fault
from shotmake.config.keyed_camera import read_keys
from shotmake.config.picks import names_of
from shotmake.config.schema import Camera, Composite, Config, Shot
from shotmake.errors import ShotError
from shotmake.files.input_file import to_one_line
from shotmake.files.yaml_file import show_value
from shotmake.numbers_in_words import count_of


class Fault(NamedTuple):
    """One thing that is wrong with a config: which key, and what was found and what is allowed."""

    key: str
    message: str


# These blocks may also stand inside `shot`, which is the other nesting; normalise moves them out.
MOVED_BLOCKS = ("tracking", "composite")
LONGEST_NAME = 128  # file names hold the shot's name, a key and more, in 255 bytes
MOST = int(LARGEST)  # the limit of a number that has no limit of its own
LARGEST = 1e300  # a whole number in YAML may be larger than any float; above this it is refused


def normalise(tree: dict) -> dict:
    """Return a new tree in the nesting of the schema, from a config tree in either nesting. `preset` keys are dropped.

    Values inside `shot` are the shot's own, so they win over the blocks beside `shot`.
    """
    tree = _copy(tree)
    shot = tree.get("shot")
    if not isinstance(shot, dict):
        return tree
    if isinstance(shot.get("shot"), dict):  # this is a shot file without `# @package _global_`
        _merge(shot, shot.pop("shot"))
    for block in MOVED_BLOCKS:
        if tree.get(block) is None:
            tree[block] = {}
        if block in shot and (shot[block] is None or isinstance(shot[block], dict)):
            inner = shot.pop(block) or {}  # an empty block says nothing
            inner.pop("preset", None)
            if isinstance(tree[block], dict):
                _merge(tree[block], inner)
    blender = tree["composite"].get("blender") if isinstance(tree.get("composite"), dict) else None
    if isinstance(blender, dict) and type(blender.get("version")) in (int, float):  # YAML reads 4.5 as a number
        blender["version"] = f"{float(blender['version'])}"
    tracking = tree.get("tracking")
    if isinstance(tracking, dict):
        if isinstance(tracking.get("auto_detect"), dict):
            if not isinstance(tracking.get("detect"), dict):
                tracking["detect"] = {}
            _merge(tracking["detect"], tracking.pop("auto_detect"))
        if isinstance(tracking.get("solve"), bool):  # `solve: true` is short for `solve: {enabled: true}`
            tracking["solve"] = {"enabled": tracking["solve"]}
    return tree


def make_defaults() -> dict:
    """Return the whole schema as a plain tree of its defaults."""
    return asdict(Config())


def load(tree: dict) -> Config:
    """Return the Config of a plain tree in the nesting of the schema. Raises ConfigFaults with *all* faults."""
    faults: list[Fault] = []
    config = _build(Config, tree, "", faults)
    if not faults:
        faults = _cross_check(config)
    if faults:
        raise ConfigFaults(faults)
    return config


class ConfigFaults(Exception):
    """All faults of one config, in the order of the schema."""

    def __init__(self, faults: list[Fault]):
        super().__init__("\n".join(f"{fault.key}: {fault.message}" for fault in faults))
        self.faults = faults


def list_keys(schema: type = Config, prefix: str = "") -> list[str]:
    """List all dotted leaf keys of the schema, in order."""
    hints = typing.get_type_hints(schema)
    names = []
    for item in fields(schema):
        path = f"{prefix}{item.name}"
        names += list_keys(hints[item.name], path + ".") if is_dataclass(hints[item.name]) else [path]
    return names


def _build(schema: type, tree: Any, prefix: str, faults: list[Fault]) -> Any:
    tree = {} if tree is None else tree  # None comes from `tracking:` with nothing below it
    if not isinstance(tree, dict):
        faults.append(Fault(prefix.rstrip("."), f"found {show_value(tree)}; a block of keys is needed"))
        return schema()
    hints = typing.get_type_hints(schema)
    known = {item.name: item for item in fields(schema)}
    for name in tree:
        if name not in known:
            close = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {prefix}{close[0]}?" if close else f"known here: {', '.join(known)}"
            faults.append(Fault(f"{prefix}{name}", f"unknown key; {hint}"))
    values = {}
    for name, item in known.items():
        path = f"{prefix}{name}"
        if is_dataclass(hints[name]):
            values[name] = _build(hints[name], tree.get(name, {}), path + ".", faults)
        elif name in tree:
            problem, values[name] = _check(tree[name], hints[name], item.metadata)
            if problem:
                faults.append(Fault(path, problem))
            elif block := block_of_each(hints[name]):
                values[name] = _build_each(block, values[name], path, faults)
    return schema(**values)


def list_file_keys(schema: type = Config, prefix: str = "") -> list[str]:
    """List all dotted keys that name a file that is read, in order. <name> stands for the name of a witness camera."""
    hints, names = typing.get_type_hints(schema), []
    for item in fields(schema):
        path, inner = f"{prefix}{item.name}", hints[item.name]
        if isinstance(inner, type) and is_dataclass(inner):
            names += list_file_keys(inner, f"{path}.")
        elif block := block_of_each(inner):
            names += list_file_keys(block, f"{path}.<name>.")
        elif item.metadata.get("is_file"):
            names.append(path)
    return names


def list_file_values(config: Any, prefix: str = "") -> list[tuple[str, str]]:
    """List all files that a config names, each as (key, file), in the order of the schema."""
    found: list[tuple[str, str]] = []
    for item in fields(config):
        value, path = getattr(config, item.name), f"{prefix}{item.name}"
        if is_dataclass(value):
            found += list_file_values(value, f"{path}.")
        elif isinstance(value, dict):
            blocks = {name: block for name, block in value.items() if is_dataclass(block)}
            found += [pair for name, block in blocks.items() for pair in list_file_values(block, f"{path}.{name}.")]
        elif item.metadata.get("is_file") and value:
            found += [(path, one) for one in (value if isinstance(value, list) else [value])]
    return found


def block_of_each(hint: Any) -> type | None:
    """Return the schema of the values, for a type dict[str, schema]. Return None for any other type."""
    values = typing.get_args(hint)[1:] if typing.get_origin(hint) is dict else ()
    return next((value for value in values if isinstance(value, type) and is_dataclass(value)), None)


def _build_each(block: type, tree: dict, path: str, faults: list[Fault]) -> dict:
    """Build a block for each name. The names become parts of file names, so other characters are faults."""
    wrong = [name for name in tree if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", str(name))]
    needed = "needed letters, digits, '_' and '-', the first a letter or digit"
    faults += [Fault(path, f"found the name {show_value(name)}; {needed}") for name in wrong]
    return {str(name): _build(block, inner, f"{path}.{name}.", faults) for name, inner in tree.items()}


def _check(value: Any, hint: Any, limits: Any) -> tuple[str, Any]:
    """Check one leaf against its type and limits. Return (problem or "", value in the schema's type)."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    fits, converted = _as_first_type(value, hint)
    if not fits:
        wanted = " or ".join(_name_type(option) for option in options)
        return f"found {show_value(value)}; needed {wanted}{_show_unit(limits)}", value
    members = converted if isinstance(converted, list) else [converted]
    if limits["length"] and isinstance(converted, list) and len(converted) != limits["length"]:
        return f"found {count_of(len(converted), 'value')}; needed {limits['length']}", value
    if limits["choices"] and converted is not None:
        wrong = [member for member in members if member not in limits["choices"]]
        if wrong:
            return f"found {show_value(wrong[0])}; allowed: {', '.join(map(str, limits['choices']))}", value
    if limits["pattern"] and isinstance(converted, str):
        pattern, needed = limits["pattern"]
        if not re.fullmatch(pattern, converted):
            return f"found {show_value(value)}; {needed}", value
    for member in members:
        if limits.get("is_file") and isinstance(member, str) and to_one_line(member) != member:
            return f"found {member!a}; needed a name without control characters", value
        if isinstance(member, (int, float)) and not isinstance(member, bool):
            if not -math.inf < member < math.inf:
                return f"found {member}; needed a finite number", value
            found = show_value(member)
            low, high = (-MOST if limits["low"] is None else limits["low"]), limits["high"]
            if member < low:
                return f"found {found}; needed at least {low}{_show_unit(limits)}", value
            if member > (high := MOST if high is None else high):
                return f"found {found}; needed at most {high}{_show_unit(limits)}", value
    return "", converted


def _as_type(value: Any, option: Any) -> tuple[bool, Any]:
    if option is type(None):
        return value is None, None
    if option is bool:
        return isinstance(value, bool), value
    if option is int:
        return isinstance(value, int) and not isinstance(value, bool), value
    if option is float:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        number = number and (isinstance(value, float) or abs(value) < LARGEST)
        return number, float(value) if number else value
    if option is str:
        return isinstance(value, str), value
    origin = typing.get_origin(option) or option
    if origin is dict:
        return isinstance(value, dict), value
    if not isinstance(value, list):
        return False, value
    (member,) = typing.get_args(option) or (object,)
    if member is object:
        return True, value
    pairs = [_as_first_type(item, member) for item in value]
    return all(fits for fits, _ in pairs), [converted for _, converted in pairs]


def _as_first_type(value: Any, hint: Any) -> tuple[bool, Any]:
    """Return the value as the first type of a union that it fits; a type alone is a union of one."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    pairs = (_as_type(value, option) for option in options)
    return next((pair for pair in pairs if pair[0]), (False, value))


def _check_bad_frames(bad: list[int | str] | None) -> list[Fault]:
    for one in bad or []:
        try:
            parse_frames(one)
        except ShotError as error:
            found = error.faults[0].partition(";")[0]
            return [Fault("shot.footage.bad_frames", f"{found}; needed frames as in [46-48, 60]")]
    return []


def _cross_check(config: Config) -> list[Fault]:
    """Find the faults that no single key can show."""
    faults = []
    shot, camera = config.shot, config.shot.camera
    if not shot.name:
        faults.append(Fault("shot.name", "not set; needed a name for the shot's files"))
    if len(shot.name) > LONGEST_NAME:
        faults.append(Fault("shot.name", f"found {len(shot.name)} characters; needed at most {LONGEST_NAME}"))
    if not shot.footage.file:
        faults.append(Fault("shot.footage.file", "not set; needed a movie or an image sequence"))
    span = shot.footage.frame_range
    if span and span[0] > span[1]:
        faults.append(Fault("shot.footage.frame_range", f"found {span}; the first frame must not be after the last"))
    if wrong := find_rate_fault(shot.footage.frame_rate):
        faults.append(Fault("shot.footage.frame_rate", wrong))
    faults += _check_bad_frames(shot.footage.bad_frames)
    faults += _check_camera_source(camera)
    kept = config.tracking.solve.known.frames
    if kept and kept[0] > kept[1]:
        faults.append(Fault("tracking.solve.known.frames", f"found {kept}; the first frame must not be after the last"))
    faults += _check_lens(camera)
    faults += _check_assembly(shot)
    overscan = config.composite.lens_distortion.overscan
    if isinstance(overscan, str) and overscan != "auto":
        faults.append(
            Fault("composite.lens_distortion.overscan", f"found {show_value(overscan)}; needed auto or px on each side")
        )
    faults += _check_background(config.composite)
    try:
        if config.composite.render.frames is not None:
            parse_frames(config.composite.render.frames)
    except ShotError as error:
        faults.append(Fault("composite.render.frames", error.faults[0]))
    tracking = config.tracking
    manual, found = track_annotations.read_manual(tracking.manual)
    names = names_of(tracking, tuple(one.name for one in manual))
    found += track_annotations.read_groups(tracking.groups, names)[1]
    found += track_annotations.read_shapes(tracking.mask.shapes)[1]
    faults += [Fault(*fault) for fault in found]
    faults += [Fault(*fault) for fault in check_orient.faults_of(tracking.solve.orient, names)]
    faults += [Fault(*fault) for fault in check_stabilize_and_pin.faults_of(config, names)]
    faults += [Fault(*fault) for fault in check_objects.faults_of(config)]
    return faults


def _check_camera_source(camera: Camera) -> list[Fault]:
    """Find faults of the camera source: without tracks, the camera is either imported or keyed."""
    faults = [Fault(*fault) for fault in read_keys(camera.given)[1]]
    if camera.given and camera.from_tracking:
        faults.append(Fault("shot.camera.given", "found with a camera from tracks; needed from_tracking: false"))
    elif camera.given and camera.import_file:
        faults.append(Fault("shot.camera.given", "found with shot.camera.import_file; needed one of them"))
    elif not camera.from_tracking and not camera.import_file and not camera.given:
        needed = "shot.camera.import_file, a solve JSON, or shot.camera.given"
        faults.append(Fault("shot.camera.from_tracking", f"found false; needed {needed}"))
    return faults


def _check_assembly(shot: Shot) -> list[Fault]:
    """Find faults of the subject, its light and its backdrop."""
    faults = []
    for block, name, wanted in (("lights", "preset", "hdri"), ("backdrop", "kind", "image")):
        values = getattr(shot, block)
        if getattr(values, name) == wanted and values.image is None:
            faults.append(Fault(f"shot.{block}.image", f"not set; shot.{block}.{name}: {wanted} needed an image file"))
    subject = shot.subject
    if subject.blend is None:
        for name in ("collection", "scale"):
            if getattr(subject, name) is not None:
                found = show_value(getattr(subject, name))
                faults.append(Fault(f"shot.subject.{name}", f"found {found} without shot.subject.blend"))
    elif subject.size is not None and subject.scale is not None:
        faults.append(Fault("shot.subject.scale", "found with shot.subject.size; needed one of them"))
    return faults


def _check_lens(camera: Camera) -> list[Fault]:
    """Find faults of an imported lens: it is the only lens, and it has its own focal length."""
    imported = {"lens_from": camera.lens_from, "checkerboard.files": camera.checkerboard.files}
    found = [f"shot.camera.{name}" for name, value in imported.items() if value is not None]
    faults = []
    if len(found) > 1:
        faults.append(Fault(found[0], f"found with {found[1]}; needed one lens, set the other to null"))
    if found and camera.lock_focal:
        kept = "the solve keeps the focal length of an imported lens, unless tracking.solve.refine lists focal"
        faults.append(Fault("shot.camera.lock_focal", f"found true with {found[0]}; needed false: {kept}"))
    elif camera.lock_focal and camera.focal_mm is None:
        faults.append(Fault("shot.camera.lock_focal", "found true without shot.camera.focal_mm; set the known focal"))
    if camera.import_file is not None:
        format = find_camera_format(camera.import_file)
        if format is None:
            known = ", ".join(suffix for one in CAMERAS for suffix in one.suffixes)
            message = f"found {show_value(camera.import_file)}; needed one of {known}"
            faults.append(Fault("shot.camera.import_file", message))
        elif found and format.has_lens:
            faults.append(Fault(found[0], "found with shot.camera.import_file; the imported camera has its lens"))
        elif camera.import_name is not None and not format.names_cameras:
            message = f"found {show_value(camera.import_name)}; needed null, {format.title} has one camera"
            faults.append(Fault("shot.camera.import_name", message))
    return faults


def _check_background(composite: Composite) -> list[Fault]:
    """Find faults of the background: over_plate needs a still, and a still needs a file."""
    still = "composite.background_source: image and composite.background_image: <file>"
    if composite.mode == "over_plate" and composite.background_source == "footage":
        found = "found over_plate with background_source footage"
        return [Fault("composite.mode", f"{found}; needed {still}, or mode: over_footage")]
    if composite.background_source == "image" and not composite.background_image:
        return [Fault("composite.background_image", "not set; needed a still for background_source: image")]
    return []


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _copy(value) for name, value in tree.items()}
    return [_copy(value) for value in tree] if isinstance(tree, list) else tree


def _merge(into: dict, tree: dict) -> None:
    for name, value in tree.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        elif value is None and isinstance(into.get(name), dict):
            continue  # an empty block says nothing
        elif name == "solve" and isinstance(value, bool) and isinstance(into.get(name), dict):
            into[name]["enabled"] = value
        else:
            into[name] = value


def _name_type(option: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if option in names:
        return names[option]
    origin = typing.get_origin(option) or option
    if origin is dict:
        return "a block of keys"
    member = (typing.get_args(option) or (object,))[0]
    return {int: "a list of whole numbers", float: "a list of numbers", str: "a list of texts"}.get(member, "a list")


def _show_unit(limits: Any) -> str:
    return f" ({limits['unit']})" if limits["unit"] else ""
