"""The schema of a shot: every key, its unit, its limits, its default.

`load` checks a whole tree at once and reports every fault. A key that exists for a later version
says so when it is used, instead of being ignored.
"""

import difflib
import math
import types
import typing
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """One thing wrong with a config: which key, and what was found and is allowed."""

    key: str
    message: str


def key(default=MISSING, *, unit="", choices=None, low=None, high=None, length=None, later=False, pattern=None):
    """A dataclass field with its limits. `later`: only the default works in this version."""
    limits = dict(unit=unit, choices=choices, low=low, high=high, length=length, later=later, pattern=pattern)
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=limits)
    return field(default=default, metadata=limits)


def group(schema: type):
    """A nested block of keys."""
    return field(default_factory=schema)


@dataclass
class Footage:
    file: str = key("")  # movie, or sequence: name.####.exr, name.%04d.exr, name.[1001-1100].exr
    first_frame: int = key(1, low=0)  # number of a movie's first frame
    frame_range: list[int] | None = key(None, length=2)  # inclusive, plate frame numbers; null = all
    color_space: str = key("Rec.709", choices=["Rec.709", "sRGB", "Linear", "Raw"])
    frame_rate: float | str | None = key(None, unit="frames/s")  # null = what the file says; "24000/1001" is exact
    resolution: list[int] | None = key(None, unit="px", length=2, low=16)  # null = what the file says


@dataclass
class Camera:
    from_tracking: bool = key(True)  # false: the camera of import_file
    sensor_width_mm: float = key(36.0, unit="mm", low=1.0, high=200.0)
    focal_mm: float | None = key(None, unit="mm", low=2.0, high=3000.0)  # first guess
    lock_focal: bool = key(False)  # true: focal_mm is known
    lens_from: str | None = key(None, later=True)
    import_file: str | None = key(None)  # a solve JSON


@dataclass
class Subject:
    kind: str = key("knob", choices=["knob", "cube", "sphere", "none"])
    blend: str | None = key(None, later=True)
    collection: str | None = key(None, later=True)
    size: float | None = key(None, unit="world units across", low=1e-6)  # null = an eighth of the view where it stands
    location: list[float] = key([0.0, 0.0, 0.0], unit="world units", length=3)
    rotation_z_deg: float = key(0.0, unit="deg")


@dataclass
class Lights:
    preset: str = key("sun_fill", choices=["sun_fill", "none"])
    sun_azimuth_deg: float = key(135.0, unit="deg", low=-360.0, high=360.0)  # where the sun stands, from +X towards +Y
    sun_elevation_deg: float = key(50.0, unit="deg", low=1.0, high=90.0)
    sun_strength: float = key(3.0, unit="W/m2", low=0.0)
    fill_strength: float = key(0.6, low=0.0)


@dataclass
class Backdrop:
    kind: str = key("catcher", choices=["catcher", "none"])


@dataclass
class Shot:
    name: str = key("", pattern=r"([A-Za-z0-9][A-Za-z0-9_.-]*)?")
    footage: Footage = group(Footage)
    camera: Camera = group(Camera)
    subject: Subject = group(Subject)
    lights: Lights = group(Lights)
    backdrop: Backdrop = group(Backdrop)
    export: list[str] = key(["chan"], choices=["chan"])


@dataclass
class Detect:
    min_tracks: int = key(100, low=12, high=5000)  # kept up in every frame
    quality_threshold: float = key(0.01, low=1e-6, high=1.0)  # of the strongest corner's response
    min_distance_px: float = key(12.0, unit="px", low=3.0)
    margin_px: int = key(16, unit="px", low=0)


@dataclass
class Track:
    motion_model: str = key("affine", choices=["translation", "loc_rot", "loc_rot_scale", "affine"])
    pattern_match: str = key("keyframe", choices=["keyframe", "previous"])
    correlation_min: float = key(0.75, low=0.0, high=1.0)
    segment_frames: int = key(32, unit="frames", low=8, high=4096)


@dataclass
class Clean:
    min_frames: int = key(5, unit="frames", low=2)
    action: str = key("delete_segments", choices=["delete_segments", "delete_track"])


@dataclass
class Mask:
    file: str | None = key(None, later=True)
    shapes: list[dict] = key([], later=True)
    from_objects: bool = key(False, later=True)


@dataclass
class Objects:
    enabled: bool = key(False, later=True)
    detections: str | None = key(None, later=True)
    tracker_kind: str = key("ocsort", choices=["ocsort"])
    max_coast_frames: int = key(30, unit="frames", low=0)
    n_init: int = key(3, low=1)
    iou_threshold: float = key(0.3, low=0.0, high=1.0)
    det_thresh: float = key(0.3, low=0.0, high=1.0)


@dataclass
class SolveClean:
    max_error_px: float = key(2.0, unit="px", low=0.1, high=50.0)


@dataclass
class Orient:
    """Where the world stands. Picks are plate points {frame, xy_px}; their rays meet the ground."""

    origin: dict | None = key(None)  # {frame: 48, xy_px: [480, 300]}
    distance: dict | None = key(None)  # {frame: 48, a_px: [x, y], b_px: [x, y], metres: 0.3}


@dataclass
class Solve:
    enabled: bool = key(True)
    engine: str = key("colmap", choices=["colmap"])
    kind: str = key("auto", choices=["auto", "general", "tripod", "static"])
    refine: list[str] = key(["focal", "k1", "k2"], choices=["focal", "k1", "k2"])
    clean: SolveClean = group(SolveClean)
    orient: Orient = group(Orient)
    pin: str | None = key(None, later=True)


@dataclass
class Qc:
    max_holdout_px: float = key(1.0, unit="px", low=0.0)
    min_frames_pct: float = key(100.0, unit="%", low=0.0, high=100.0)
    min_tracks_per_frame: int = key(8, low=0)


@dataclass
class Preview:
    enabled: bool = key(True)
    trail_frames: int = key(8, unit="frames", low=0, high=200)


@dataclass
class Tracking:
    enabled: bool = key(True)
    engine: str = key("opencv", choices=["opencv"])
    session_file: str | list | None = key(None, later=True)
    groups: dict = key({}, later=True)
    manual: list[dict] = key([], later=True)
    detect: Detect = group(Detect)
    track: Track = group(Track)
    clean: Clean = group(Clean)
    mask: Mask = group(Mask)
    objects: Objects = group(Objects)
    solve: Solve = group(Solve)
    qc: Qc = group(Qc)
    preview: Preview = group(Preview)


@dataclass
class LensDistortion:
    apply_to_cg: bool = key(True, later=True)
    st_map_path: str | None = key(None, later=True)
    overscan: str | int = key("auto", unit="px on each side", low=0)  # auto = what the lens needs


@dataclass
class Stabilization:
    enabled: bool = key(False, later=True)
    tracks: str | list = key("all", later=True)


@dataclass
class Blender:
    version: str = key("auto", choices=["auto", "4.5"])
    executable: str | None = key(None)  # a Blender binary, or a Python that can import bpy; null = our own


@dataclass
class Render:
    samples: int = key(32, low=1, high=65536)
    format: str = key("exr", choices=["exr"])
    frames: str | None = key(None, later=True)


@dataclass
class Composite:
    mode: str = key("over_footage", choices=["over_footage"])
    background_source: str = key("footage", choices=["footage", "none"])
    background_image: str | None = key(None, later=True)
    lens_distortion: LensDistortion = group(LensDistortion)
    stabilization: Stabilization = group(Stabilization)
    corner_pin: dict | None = key(None, later=True)
    shadow_catcher: bool = key(True)
    film_transparent: bool = key(True)
    blender: Blender = group(Blender)
    render: Render = group(Render)


@dataclass
class Config:
    shot: Shot = group(Shot)
    tracking: Tracking = group(Tracking)
    composite: Composite = group(Composite)


# The owner's nesting (tracking and composite inside `shot`, short words) -> this schema.
MOVED_BLOCKS = ("tracking", "composite")
RENAMED = {"tracking.auto_detect": "tracking.detect"}


def normalise(tree: dict) -> dict:
    """A config tree in either nesting -> a new tree in the schema's. `preset` keys are dropped.

    What stands inside `shot` is the shot's own word, so it wins over the blocks beside it.
    """
    tree = _copy(tree)
    shot = tree.get("shot")
    if not isinstance(shot, dict):
        return tree
    if isinstance(shot.get("shot"), dict):  # a shot file without `# @package _global_`
        _merge(shot, shot.pop("shot"))
    for block in MOVED_BLOCKS:
        if isinstance(shot.get(block), dict):
            inner = shot.pop(block)
            inner.pop("preset", None)
            _merge(tree.setdefault(block, {}), inner)
    tracking = tree.get("tracking")
    if isinstance(tracking, dict):
        if isinstance(tracking.get("auto_detect"), dict):
            _merge(tracking.setdefault("detect", {}), tracking.pop("auto_detect"))
        if isinstance(tracking.get("solve"), bool):  # `solve: true` beside a preset's block
            tracking["solve"] = {"enabled": tracking["solve"]}
    return tree


def defaults() -> dict:
    """The whole schema as a plain tree of its defaults."""
    return asdict(Config())


def load(tree: dict) -> Config:
    """A plain tree in the schema's nesting -> Config; raises ConfigFaults with *every* fault."""
    faults: list[Fault] = []
    config = _build(Config, tree, "", faults)
    if not faults:
        faults = _cross_check(config)
    if faults:
        raise ConfigFaults(faults)
    return config


class ConfigFaults(Exception):
    """Every fault of one config, in the order of the schema."""

    def __init__(self, faults: list[Fault]):
        super().__init__("\n".join(f"{fault.key}: {fault.message}" for fault in faults))
        self.faults = faults


def keys(schema: type = Config, prefix: str = "") -> list[str]:
    """Every dotted leaf key of the schema, in order."""
    hints = typing.get_type_hints(schema)
    names = []
    for item in fields(schema):
        path = f"{prefix}{item.name}"
        names += keys(hints[item.name], path + ".") if is_dataclass(hints[item.name]) else [path]
    return names


def _build(schema: type, tree: Any, prefix: str, faults: list[Fault]) -> Any:
    if not isinstance(tree, dict):
        faults.append(Fault(prefix.rstrip("."), f"found {_show(tree)}; a block of keys is needed"))
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
            default = asdict(schema())[name]
            if not problem and item.metadata["later"] and values[name] != default:
                problem = f"found {_show(tree[name])}; this version can only do {_show(default)} here"
            if problem:
                faults.append(Fault(path, problem))
    return schema(**values)


def _check(value: Any, hint: Any, limits: Any) -> tuple[str, Any]:
    """One leaf against its type and limits -> (problem or "", value as the schema's type)."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        fits, converted = _as_type(value, option)
        if fits:
            break
    else:
        wanted = " or ".join(_type_name(option) for option in options)
        return f"found {_show(value)}; needed {wanted}{_unit(limits)}", value
    members = converted if isinstance(converted, list) else [converted]
    if limits["length"] and isinstance(converted, list) and len(converted) != limits["length"]:
        return f"found {len(converted)} values; needed {limits['length']}", value
    if limits["choices"]:
        wrong = [member for member in members if member not in limits["choices"]]
        if wrong:
            return f"found {_show(wrong[0])}; allowed: {', '.join(map(str, limits['choices']))}", value
    if limits["pattern"] and isinstance(converted, str):
        import re

        if not re.fullmatch(limits["pattern"], converted):
            return f"found {_show(value)}; letters, digits, '_', '-' and '.' are allowed", value
    for member in members:
        if isinstance(member, (int, float)) and not isinstance(member, bool):
            if not math.isfinite(member):
                return f"found {member}; needed a finite number", value
            if limits["low"] is not None and member < limits["low"]:
                return f"found {member}; needed at least {limits['low']}{_unit(limits)}", value
            if limits["high"] is not None and member > limits["high"]:
                return f"found {member}; needed at most {limits['high']}{_unit(limits)}", value
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
    pairs = [_as_type(item, member) for item in value]
    return all(fits for fits, _ in pairs), [converted for _, converted in pairs]


def _cross_check(config: Config) -> list[Fault]:
    """What no single key can tell."""
    faults = []
    shot, camera = config.shot, config.shot.camera
    if not shot.name:
        faults.append(Fault("shot.name", "not set; needed a name for the shot's files"))
    if not shot.footage.file:
        faults.append(Fault("shot.footage.file", "not set; needed a movie or an image sequence"))
    span = shot.footage.frame_range
    if span and span[0] > span[1]:
        faults.append(Fault("shot.footage.frame_range", f"found {span}; the first frame must not be after the last"))
    try:
        if shot.footage.frame_rate is not None and frame_rate_fraction(shot.footage.frame_rate) <= 0:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        found = _show(shot.footage.frame_rate)
        faults.append(Fault("shot.footage.frame_rate", f'found {found}; needed a number or a fraction "24000/1001"'))
    if camera.lock_focal and camera.focal_mm is None:
        faults.append(Fault("shot.camera.lock_focal", "found true without shot.camera.focal_mm; set the known focal"))
    if not camera.from_tracking and not camera.import_file:
        faults.append(Fault("shot.camera.from_tracking", "found false; needed shot.camera.import_file, a solve JSON"))
    overscan = config.composite.lens_distortion.overscan
    if isinstance(overscan, str) and overscan != "auto":
        faults.append(
            Fault("composite.lens_distortion.overscan", f"found {_show(overscan)}; needed auto or px on each side")
        )
    orient = config.tracking.solve.orient
    faults += _check_pick("tracking.solve.orient.origin", orient.origin, {"frame": 0, "xy_px": 2})
    faults += _check_pick(
        "tracking.solve.orient.distance", orient.distance, {"frame": 0, "a_px": 2, "b_px": 2, "metres": 0}
    )
    return faults


def _check_pick(path: str, pick: dict | None, wanted: dict[str, int]) -> list[Fault]:
    """A {frame, xy_px} pick: 0 stands for a number, n for a list of n numbers."""
    if pick is None:
        return []
    needed = f"needed {{{', '.join(wanted)}}}"
    if set(pick) != set(wanted):
        return [Fault(path, f"found {{{', '.join(map(str, pick))}}}; {needed}")]
    for name, length in wanted.items():
        members = pick[name] if length else [pick[name]]
        numbers = isinstance(members, list) and all(_as_type(member, float)[0] for member in members)
        if not numbers or len(members) != max(length, 1) or (name == "metres" and members[0] <= 0):
            return [Fault(f"{path}.{name}", f"found {_show(pick[name])}; {needed}, lengths positive")]
    return []


def frame_rate_fraction(rate: float | str):
    """24, 23.976 or "24000/1001" -> an exact Fraction; NTSC decimals become their n/1001 fraction."""
    from fractions import Fraction

    if isinstance(rate, str):
        return Fraction(rate)
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    return ntsc if rate != round(rate) and abs(float(ntsc) - rate) < 0.005 else Fraction(str(rate))


def _copy(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _copy(value) for name, value in tree.items()}
    return [_copy(value) for value in tree] if isinstance(tree, list) else tree


def _merge(into: dict, tree: dict) -> None:
    for name, value in tree.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        elif name == "solve" and isinstance(value, bool) and isinstance(into.get(name), dict):
            into[name]["enabled"] = value
        else:
            into[name] = value


def _show(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else repr(value)


def _type_name(option: Any) -> str:
    names = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
    if option in names:
        return names[option]
    origin = typing.get_origin(option) or option
    if origin is dict:
        return "a block of keys"
    member = (typing.get_args(option) or (object,))[0]
    return {int: "a list of whole numbers", float: "a list of numbers", str: "a list of texts"}.get(member, "a list")


def _unit(limits: Any) -> str:
    return f" ({limits['unit']})" if limits["unit"] else ""
