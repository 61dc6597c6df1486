"""The schema of a shot: every key, its unit, its limits, its default. shotmake.config.check holds a tree against it."""

from dataclasses import MISSING, dataclass, field
from typing import Any

from shotmake.config.format_registry import FORMATS

MAIN_CAMERA = "main"  # the shot's own, among shot.cameras
EXPORTS = [*(format.word for format in FORMATS if format.writes), "undistorted_plate", "object_mattes"]


def key(default: Any = MISSING, *, unit="", choices=None, low=None, high=None, length=None, pattern=None) -> Any:
    """A dataclass field with its limits."""
    limits = dict(unit=unit, choices=choices, low=low, high=high, length=length, pattern=pattern)
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=limits)
    return field(default=default, metadata=limits)


def file_key(default: str | None = None) -> Any:
    """A key that names a file that is read, or a pattern of files, from the show's folder on."""
    return field(default=default, metadata={**key(None).metadata, "is_file": True})


def group(schema: type) -> Any:
    """A nested block of keys."""
    return field(default_factory=schema)


@dataclass
class Footage:
    file: str = file_key("")  # movie, or sequence: name.####.exr, name.%04d.exr, name.[1001-1100].exr
    first_frame: int = key(1, low=0, high=100_000_000)  # number of a movie's first frame
    frame_range: list[int] | None = key(None, length=2)  # inclusive, plate frame numbers; null = all
    color_space: str = key("Rec.709", choices=["Rec.709", "sRGB", "Linear", "Raw"])
    # null = what the file says; "24000/1001" is exact. With a rate given, the frames of a movie whose own rate
    # varies are taken one by one as they come, whatever their times
    frame_rate: float | str | None = key(None, unit="frames/s")
    resolution: list[int] | None = key(None, unit="px", length=2, low=16)  # null = what the file says
    # a pixel's width by its height: 2 for anamorphic 2:1; null = what the file says. The plate stays squeezed
    pixel_aspect: float | None = key(None, low=0.1, high=10.0)
    missing: str = key("error", choices=["error", "hold"])  # frames of a sequence; hold: the frame before stands in


@dataclass
class Checkerboard:
    """Stills of a flat checkerboard, shot with the plate's lens, zoom and focus: the lens is measured from them."""

    files: str | None = file_key()  # name.####.jpg (exr, dpx, png, tif); of the plate's size, or of its shape
    columns: int = key(9, low=3, high=100)  # inner corners, where four squares meet: one less than squares
    rows: int = key(6, low=3, high=100)
    square_mm: float = key(25.0, unit="mm", low=0.1, high=10_000.0)


@dataclass
class Witness:
    """A second camera on the set, with footage of its own. Its objects are tracked by themselves; it is not solved."""

    footage: Footage = group(Footage)
    detections: str | None = file_key()  # null = this camera's boxes in tracking.objects.detections, else as there


@dataclass
class Camera:
    from_tracking: bool = key(True)  # false: the camera of import_file, or the one given
    sensor_width_mm: float = key(36.0, unit="mm", low=1.0, high=200.0)  # of the picture as seen: unsqueezed
    focal_mm: float | None = key(None, unit="mm", low=2.0, high=3000.0)  # first guess; null = the plate's metadata's
    lock_focal: bool = key(False)  # true: focal_mm is known
    # A lens brought along: another shot (as after shot=; its own YAML's solve), a solve or lens JSON, OpenCV's
    # calibration (JSON, YAML), 3DEqualizer's lens text or .nk, OpenTrackIO JSON, or an ST-map (EXR, with focal_mm). Its
    # focal length, centre and distortion are kept unless tracking.solve.refine is set
    lens_from: str | None = file_key()
    # another program's lens that k1 k2 k3 p1 p2 fit within this is such a lens; others are kept as they are, as a grid
    lens_max_fit_px: float = key(0.1, unit="px", low=0.0001, high=10.0)
    st_map_direction: str | None = key(None, choices=["undistort", "redistort"])  # null = as the map's header says
    checkerboard: Checkerboard = group(Checkerboard)  # or the lens measured from stills, kept in the same way
    # a camera: a solve JSON, .chan, .nk, COLMAP's images.txt (or its folder), .usda, .usdc, .usd, .abc, .fbx, .glb,
    # .gltf. Alone (from_tracking: false) it is the camera; with tracks its frames are known, the others join. One
    # without a lens of its own takes that of lens_from or checkerboard, else it has no distortion
    import_file: str | None = file_key()
    import_name: str | None = key(None)  # which of the cameras in it; null = there is one
    # of a .chan, which does not say it; the axis named first turns first
    import_rotation_order: str = key("ZXY", choices=["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
    # Or the camera itself (from_tracking: false), Z up, in metres: {frame, location: [x, y, z], look_at: [x, y, z]}, or
    # rotation_deg: [x, y, z] in place of look_at (XYZ Euler, as Blender shows a camera's), and focal_mm, without which
    # the one above holds. One key is a locked-off camera; between several, straight lines and slerp
    given: list[dict] = key([])


@dataclass
class Subject:
    kind: str = key("knob", choices=["knob", "cube", "sphere", "none"])
    blend: str | None = file_key()  # instead of `kind`: a collection of this Blender file
    collection: str | None = key(None)  # null = the only one it has
    link: bool = key(True)  # its collection stays in that file, and is shown as it is there; false: copied in, to edit
    # its largest extent; null = an eighth of the view where it stands, or as the file has it where metres are known
    size: float | None = key(None, unit="world units across", low=1e-6)
    scale: float | None = key(None, low=1e-6)  # of a collection, instead of `size`: 1 = as its file has it
    # of its origin, z of its underside, counted from the ground (backdrop.ground_z)
    location: list[float] = key([0.0, 0.0, 0.0], unit="world units", length=3)
    rotation_z_deg: float = key(0.0, unit="deg")


@dataclass
class Lights:
    """sun_fill: a sun and a dome; overcast: a soft dome; three_point: lamps around the subject, key, fill and rim;
    hdri: a picture all around. What a preset has no use for it leaves alone."""

    preset: str = key("sun_fill", choices=["sun_fill", "overcast", "three_point", "hdri", "none"])
    # sun_fill
    sun_azimuth_deg: float = key(135.0, unit="deg", low=-360.0, high=360.0)  # where the sun stands, from +X towards +Y
    sun_elevation_deg: float = key(50.0, unit="deg", low=1.0, high=90.0)
    sun_strength: float = key(3.0, unit="W/m2", low=0.0)
    sun_angle_deg: float = key(1.0, unit="deg", low=0.0, high=90.0)  # across; the larger, the softer the shadow's edge
    fill_strength: float = key(0.6, low=0.0)  # of the dome; of three_point: the fill lamp, as a share of the key's
    # overcast, hdri
    dome_strength: float = key(1.0, low=0.0)
    image: str | None = file_key()  # hdri: equirectangular, .hdr or .exr; lights only, where the film is transparent
    rotation_z_deg: float = key(0.0, unit="deg", low=-360.0, high=360.0)  # hdri: from +X towards +Y
    # three_point: what reaches the subject, and where the key stands: from the middle camera round to its right
    key_strength: float = key(3.0, unit="W/m2", low=0.0)
    key_azimuth_deg: float = key(-45.0, unit="deg", low=-180.0, high=180.0)
    rim_strength: float = key(2.0, unit="W/m2", low=0.0)


@dataclass
class Backdrop:
    """catcher: the ground, seen only by its shadows; infinite_curve: a floor that bends up behind the subject, seen;
    image: a picture behind the subject, facing the middle camera."""

    kind: str = key("catcher", choices=["catcher", "infinite_curve", "image", "none"])
    color: list[float] = key([0.8, 0.8, 0.8], length=3, low=0.0, high=1.0)  # infinite_curve: linear red, green, blue
    image: str | None = file_key()  # its aspect is kept; it fills the view all through the shot
    # where the subject stands; null = as high as the solved points around it, where enough of them agree, else 0
    ground_z: float | None = key(None, unit="world units")


@dataclass
class Shot:
    name: str = key("", pattern=r"([A-Za-z0-9][A-Za-z0-9_.-]*)?")
    footage: Footage = group(Footage)
    camera: Camera = group(Camera)
    # witness cameras by name: {witness_a: {footage: {file, ...}, detections}}. The shot's own is "main"
    cameras: dict[str, Witness] = key({})
    subject: Subject = group(Subject)
    lights: Lights = group(Lights)
    backdrop: Backdrop = group(Backdrop)
    export: list[str] = key(["chan"], choices=EXPORTS)


@dataclass
class Detect:
    min_tracks: int = key(100, low=12, high=5000)  # kept up in every frame
    quality_threshold: float = key(0.01, low=1e-6, high=1.0)  # of the strongest corner's response
    min_distance_px: float = key(12.0, unit="px", low=3.0, high=1000.0)
    margin_px: int = key(16, unit="px", low=0, high=1000)


@dataclass
class Track:
    motion_model: str = key("affine", choices=["translation", "loc_rot", "loc_rot_scale", "affine", "perspective"])
    pattern_match: str = key("keyframe", choices=["keyframe", "previous"])
    correlation_min: float = key(0.75, low=0.0, high=1.0)
    pattern_px: int = key(21, unit="px", low=9, high=81)  # across, Blender's pattern size; even = the next odd
    segment_frames: int = key(32, unit="frames", low=8, high=4096)


@dataclass
class Clean:
    min_frames: int = key(5, unit="frames", low=2)
    action: str = key("delete_segments", choices=["delete_segments", "delete_track"])


@dataclass
class Mask:
    """Where no feature is born and tracks are cut: white, as in Nuke's CameraTracker."""

    file: str | None = file_key()  # a still, movie or sequence
    shapes: list[dict] = key([])  # garbage mattes: {points_px: [[x, y], ...]} or {keys: [{frame, points_px}, ...]}
    invert: bool = key(False)
    feather_px: float = key(0.0, unit="px", low=0.0, high=1000.0)  # outward: no feature is born there, tracks stay
    from_objects: bool | list[int] = key(False)  # true: all of tracking.objects; or those with these track_ids


@dataclass
class Matte:
    """The objects' boxes as a matte, with room around them in the picture and in time."""

    dilate_px: float = key(12.0, unit="px", low=0.0, high=1000.0)  # on each side
    dilate_frames: int = key(2, unit="frames", low=0, high=1000)  # a box also covers where it was, will be


@dataclass
class Objects:
    """What moves in the plate: boxes of a detector, joined to tracklets. Who has no detector gets boxes of what moves
    against the background; those are a guess, and said to be."""

    enabled: bool = key(False)
    # boxes: MOT challenge CSV, COCO JSON, or ours (formats/detections_json.py); null = detector_cmd, else what moves
    detections: str | None = file_key()
    # your detector: {plate}, {first_frame}, {last_frame}, {camera} and {detections}, the file it has to write (any of
    # these formats), stand for themselves. Run in the show's folder; files it names are watched
    detector_cmd: str | None = key(None)
    classes: list[str] | None = key(None)  # null = all
    tracker_kind: str = key("ocsort", choices=["ocsort", "bytetrack", "sort"])
    max_coast_frames: int = key(30, unit="frames", low=0, high=100_000)  # an object not seen for longer gets a new id
    n_init: int = key(3, unit="frames", low=1, high=1000)  # in a row, before an object counts
    iou_threshold: float = key(0.3, low=0.0, high=1.0)  # overlap of a box with where the object was expected
    # confidence that a box needs; with bytetrack to begin an object, which goes on with fainter ones (from 0.1)
    det_thresh: float = key(0.3, low=0.0, high=1.0)
    matte: Matte = group(Matte)


@dataclass
class SolveClean:
    max_error_px: float = key(2.0, unit="px", low=0.1, high=50.0)


@dataclass
class Orient:
    """Where the world stands, as the artist says; what is left out is found or guessed. A pick is one of
    {frame: 48, xy_px: [480, 300]}: where the ray through that plate pixel meets the ground (in ground and survey: the
        solved point of the track there; elsewhere so with snap: true),
    sign or {name: sign}: the solved point of that manual track, {track: 12}: of the track with that id, which changes
        when the plate is tracked again.
    """

    ground: list = key([])  # three or more picks on the floor: their plane is z = 0, up is where the camera is
    origin: dict | str | None = key(None)  # a pick; its foot on the picked ground, else z = 0 goes through it
    x_axis: dict | str | None = key(None)  # a pick: +X runs from the origin towards it, along the ground
    y_axis: dict | str | None = key(None)  # instead of x_axis
    distance: dict | None = key(None)  # {frame, a_px, b_px, metres}, or {a: pick, b: pick, metres}
    camera_height_m: float | None = key(None, unit="m", low=0.001, high=100_000.0)  # of the lens above the ground
    camera_height_frame: int | None = key(None)  # in which frame; null = the median of all
    # [{name: sign, xyz_m: [x, y, z]}, {frame, xy_px, xyz_m}, ...] measured on the set, Z up. Three or more give the
    # whole world; two its size, place and heading, on the ground picked or found
    survey: list[dict] = key([])


@dataclass
class Known:
    """How the cameras of shot.camera.import_file meet the tracks. Lens and world are the file's."""

    fixed: bool = key(True)  # kept to the last digit; false: where the adjustment of all frames starts, lens too
    frames: list[int] | None = key(None, length=2)  # inclusive, those of the file's that count; null = all


@dataclass
class Solve:
    enabled: bool = key(True)
    engine: str = key("colmap", choices=["colmap", "blender"])  # blender: libmv, through Blender's own operator
    kind: str = key("auto", choices=["auto", "general", "forward", "planar", "tripod", "static"])
    # null = focal, k1, k2; nothing of a lens brought along (shot.camera.lens_from, checkerboard), which is kept but
    # for what is listed here. [focal] stretches such a lens as a whole. What the tracks do not determine is left
    # alone, and said
    refine: list[str] | None = key(None, choices=["focal", "principal_point", "k1", "k2", "k3", "p1", "p2"])
    zoom: bool = key(False)  # a focal length for every frame
    clean: SolveClean = group(SolveClean)
    orient: Orient = group(Orient)
    known: Known = group(Known)
    pin: str | None = key(None, pattern=r"[0-9a-f]{12}")  # key of an approved solve, kept whatever changes


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
    engine: str = key("opencv", choices=["opencv", "blender"])  # blender: libmv, through Blender's own operators
    # tracks from elsewhere: another session (as doit sessions names it), or a file of any format of the README's
    # table; several are merged
    session_file: str | list[str] | None = file_key()
    # the plate frame that such a file's frame 1 means; null = what the format says: plate frames, or the plate's first
    session_first_frame: int | None = key(None, low=0, high=100_000_000)
    groups: dict = key({})  # name: [{frame, xy_px}, ...] or {tracks: [...], weight, color, status}
    manual: list[dict] = key([])  # {name, frame, xy_px, weight, color, motion_model}; one name, several keys
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
    # true: CG is redistorted onto the plate. false: the plate is undistorted under the CG, and the comp has the size
    # of the undistorted plate with its overscan
    apply_to_cg: bool = key(True)
    # your own map for that direction, float EXR or TIFF: redistort (of the plate's size; 0..1 is the plate's frame in
    # the undistorted picture, beyond is overscan) or undistort (of the plate's size, or more by the same on each side)
    st_map_path: str | None = file_key()
    # nuke: (x + 0.5) / width from the lower left corner. alicevision: Meshroom's, x / (width - 1) from the lower left
    # pixel's centre; export it with "correct principal point" off
    st_map_convention: str = key("nuke", choices=["nuke", "alicevision"])
    overscan: str | int = key("auto", unit="px on each side", low=0)  # auto = what the lens, or your map, needs


@dataclass
class Stabilization:
    """The whole result, held still by Translate, Rotate and Scale nodes with a key in every frame."""

    enabled: bool = key(False)
    tracklet: int | None = key(None, low=1)  # instead of tracks: an object of tracking.objects, by its track_id
    tracks: str | list[str] = key("all")  # or a group of tracking.groups, or a list of groups and manual tracks
    frame: int | None = key(None)  # where the picture stands as it is; null = the shot's first frame
    put_back: bool = key(False)  # the inverse behind it: what is painted between the two moves with the plate again


@dataclass
class CornerPin:
    """A picture pinned into the plate, below the CG, by one of tracks, corners_xyz, object and tracklet.

    The order is top-left, top-right, bottom-right, bottom-left of the picture as it is read.
    """

    # a still, a movie that starts with the plate, or a sequence numbered as the plate is; held before and after
    image: str | None = file_key()
    # four picks: {frame: 48, xy_px: [480, 300]} is the nearest track there, sign or {name: sign} that manual track,
    # {track: 12} the one with that id. Where one is not tracked its solved point stands in
    tracks: list = key([])
    corners_xyz: list = key([])  # or four places of the solved world, [x, y, z] in its units
    # or a mesh of four corners in the subject's .blend, by name. It is not rendered itself; a linked one has to say so
    object: str | None = key(None)
    tracklet: int | None = key(None, low=1)  # or the box of an object of tracking.objects, by its track_id


@dataclass
class Blender:
    version: str = key("auto", choices=["auto", "4.2", "4.5", "5.0"])  # of our own; auto = 4.5
    executable: str | None = key(None)  # a Blender binary, or a Python that can import bpy; null = our own


@dataclass
class Render:
    samples: int = key(32, low=1, high=65536)
    format: str = key("exr", choices=["exr", "png"])  # half floats with layers, scene linear; or 8 bit as shown
    frames: int | str | None = key(None)  # 1-96, 1-96x8, 1,5,10-20 in plate numbers: picks frames only; null = all


@dataclass
class Composite:
    # how CG is merged, as Nuke's Merge does it (formulas: blender_scripts/kit/comp/merge.py); over_plate is over a
    # still
    mode: str = key("over_footage", choices=["over_footage", "over_plate", "multiply", "add", "screen"])
    # image: background_image; none: the CG stands alone, premultiplied over nothing, whatever the mode
    background_source: str = key("footage", choices=["footage", "image", "none"])
    background_image: str | None = file_key()  # a still of the plate's size, seen through the plate's lens
    lens_distortion: LensDistortion = group(LensDistortion)
    stabilization: Stabilization = group(Stabilization)
    corner_pin: CornerPin = group(CornerPin)
    shadow_catcher: bool = key(True)
    film_transparent: bool = key(True)
    blender: Blender = group(Blender)
    render: Render = group(Render)


@dataclass
class Config:
    shot: Shot = group(Shot)
    tracking: Tracking = group(Tracking)
    composite: Composite = group(Composite)
