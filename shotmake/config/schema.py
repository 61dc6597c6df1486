"""The schema of a shot: each key with its unit, limits and default. shotmake.config.check holds a tree against it.

The comment directly above a key, or at the end of its line, says what the key does. The generated reference takes its
text from there.
"""

from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field
from typing import Any

from shotmake.config.format_registry import FORMATS

MAIN_CAMERA = "main"  # the name of the shot's own camera, among those of shot.cameras
EXPORTS = [*(format.word for format in FORMATS if format.writes), "undistorted_plate", "object_mattes"]

# what a text must look like, and in words
NAME = (r"([A-Za-z0-9][A-Za-z0-9_.-]*)?", "needed letters, digits, '_', '-' and '.', the first a letter or digit")
CACHE_KEY = (r"[0-9a-f]{12}", "needed the 12 characters of a result's cache key, each of 0-9 and a-f")


def key(
    default: Any = MISSING,
    *,
    unit: str = "",
    choices: Sequence | None = None,
    low: float | None = None,
    high: float | None = None,
    length: int | None = None,
    pattern: tuple[str, str] | None = None,
) -> Any:
    """Make a dataclass field with its limits."""
    limits = dict(unit=unit, choices=choices, low=low, high=high, length=length, pattern=pattern)
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: type(default)(default), metadata=limits)
    return field(default=default, metadata=limits)


def file_key(default: str | None = None) -> Any:
    """Make a key that names a file that is read, or a pattern of files. Relative paths begin at the show's folder."""
    return field(default=default, metadata={**key(None).metadata, "is_file": True})


def choices_of(block: type, name: str) -> tuple[str, ...]:
    """Return what a key of a block may be. The list stands in the block alone: all code asks for it here."""
    return tuple(block.__dataclass_fields__[name].metadata["choices"])


def group(schema: type) -> Any:
    """Make a nested block of keys."""
    return field(default_factory=schema)


@dataclass
class Footage:
    """The plate: the source footage of a camera."""

    # A movie, or an image sequence: name.####.exr, name.%04d.exr or name.[1001-1100].exr. It must be set
    file: str = file_key("")
    # The plate frame number of a movie's first frame. A sequence has the numbers in its file names
    first_frame: int = key(1, low=0, high=100_000_000)
    # First and last plate frame of the shot, inclusive; at least two frames. null = all frames of the plate
    frame_range: list[int] | None = key(None, length=2)
    # The colour space that the plate is stored in. Blender shows and writes the plate by it. Frames of a sequence in
    # Linear get a tone curve before they are tracked; all others are tracked as they are stored
    color_space: str = key("Rec.709", choices=["Rec.709", "sRGB", "Linear", "Raw"])
    # The frame rate; "24000/1001" is exact. null = what the file says (24 for a sequence that says none, with a
    # warning). With a value, a movie whose own rate varies is accepted, and its frames are taken one by one, whatever
    # their times
    frame_rate: float | str | None = key(None, unit="frames/s")
    # [width, height] that the plate must have; a plate of another size is an error. null = any size
    resolution: list[int] | None = key(None, unit="px", length=2, low=16)
    # The width of a pixel divided by its height: 2 for anamorphic 2:1. The plate stays squeezed. null = what the file
    # says
    pixel_aspect: float | None = key(None, low=0.1, high=10.0)
    # What happens when frames of a sequence are missing. error = the plate is refused; hold = the frame before the gap
    # stands in
    missing: str = key("error", choices=["error", "hold"])
    # Frames that nobody tracks: the tracks are found again behind them, and the camera goes over them, as in
    # [46-48, 60]. null = those that show too little (soft, dark, bright) or the picture before once more; [] = none
    bad_frames: list[int | str] | None = key(None)


@dataclass
class Checkerboard:
    """Stills of a flat checkerboard, taken with the plate's lens, zoom and focus. The lens is measured from them."""

    # The stills: name.####.jpg (exr, dpx, png, tif), of the plate's size or of its shape; at least 5 must show the
    # board. null = no checkerboard
    files: str | None = file_key()
    # How many inner corners the board has across. An inner corner is where four squares meet: one less than squares
    columns: int = key(9, low=3, high=100)
    rows: int = key(6, low=3, high=100)  # how many inner corners the board has down
    # The side of a square. The lens that is found does not depend on it
    square_mm: float = key(25.0, unit="mm", low=0.1, high=10_000.0)


@dataclass
class Witness:
    """A second camera on the set, with footage of its own. Its objects are tracked by themselves; it is not solved."""

    footage: Footage = group(Footage)  # the witness camera's footage
    # A file with the boxes of this camera. null = this camera's boxes in tracking.objects.detections; where that is
    # null too, the boxes of detector_cmd or of what moves
    detections: str | None = file_key()


@dataclass
class Camera:
    """Where the shot's camera and lens come from: solved from the tracks, imported from a file, or keyed here."""

    # true = the camera is solved from the tracks. false = the camera of import_file, or the keyed camera of `given`, is
    # used without tracks
    from_tracking: bool = key(True)
    # The width of that part of the sensor which the plate shows; for an anamorphic plate, of the picture as it is seen,
    # unsqueezed. Every focal length in mm is for this width
    sensor_width_mm: float = key(36.0, unit="mm", low=1.0, high=200.0)
    # The focal length. A solve begins with it; a keyed camera, a .chan or an ST-map that has none takes it. null = the
    # focal length of the plate's metadata, for a solve and for a keyed camera; where the plate has none, a solve begins
    # with a guess
    focal_mm: float | None = key(None, unit="mm", low=2.0, high=3000.0)
    lock_focal: bool = key(False)  # true = focal_mm is known and kept; false = the solve may change it
    # An imported lens: the name of another shot (as after shot=; that shot is solved first, as its YAML says), or a
    # file: a solve JSON, a lens JSON, OpenCV's calibration (JSON, YAML), 3DEqualizer's lens text or .nk, OpenTrackIO
    # JSON, or an ST-map (EXR; needs focal_mm). Its focal length, centre and distortion are kept, except the terms that
    # tracking.solve.refine lists. null = no imported lens: the solve finds the lens
    lens_from: str | None = file_key()
    # An imported lens of another model is fitted with Brown-Conrady (k1 k2 k3 p1 p2). So far may the fit be off at the
    # worst place of the picture. A lens that fits worse is kept exactly, as a grid
    lens_max_fit_px: float = key(0.1, unit="px", low=0.0001, high=10.0)
    # The direction of the ST-map of lens_from. null = as its header says, which only maps of this tool do
    st_map_direction: str | None = key(None, choices=["undistort", "redistort"])
    checkerboard: Checkerboard = group(Checkerboard)  # a lens measured from stills; kept as the lens of lens_from is
    # An imported camera: a solve JSON, .chan, .nk, COLMAP's images.txt (or its folder), .usda, .usdc, .usd, .abc, .fbx,
    # .glb or .gltf. With from_tracking: false it is the shot's camera. With tracks, its frames are known and the shot's
    # other frames join them. A camera without a lens of its own takes that of lens_from or checkerboard, or else has no
    # distortion. null = no imported camera
    import_file: str | None = file_key()
    # The name of the camera in import_file, for .nk and the files that Blender reads (USD, Alembic, FBX, glTF). null =
    # the file has one camera only
    import_name: str | None = key(None)
    # The rotation order of a .chan, which does not store it. The axis that is named first turns first. ZXY is Nuke's
    import_rotation_order: str = key("ZXY", choices=["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
    # A keyed camera (needs from_tracking: false), Z up, in metres. Each key is {frame, location: [x, y, z], look_at:
    # [x, y, z]}, or rotation_deg: [x, y, z] in place of look_at (XYZ Euler, as Blender shows a camera's), and may have
    # its own focal_mm, else shot.camera.focal_mm holds. One key is a locked-off camera. Between keys, places and focal
    # lengths are linear and rotations are slerp. [] = no keyed camera
    given: list[dict] = key([])


@dataclass
class Subject:
    """The CG that stands in the shot."""

    # The model: a control knob, a cube, a sphere, or none. `blend` replaces it
    kind: str = key("knob", choices=["knob", "cube", "sphere", "none"])
    blend: str | None = file_key()  # a Blender file with a collection to use in place of `kind`; null = `kind` is used
    collection: str | None = key(None)  # the name of the collection in `blend`; null = it has one collection only
    # true = the collection is linked: it stays in its file and follows it. false = it is copied into the shot's .blend,
    # to be edited there
    link: bool = key(True)
    # The subject's largest extent. null = an eighth of the view's width where the subject stands; for a collection, in
    # a world whose metres are known, the size that it has in its file
    size: float | None = key(None, unit="world units across", low=1e-6)
    # The scale of a collection, in place of `size`: 1 = as in its file. null = `size` holds
    scale: float | None = key(None, low=1e-6)
    # Where the subject stands: x and y of its origin, and z of its underside, which counts from the ground
    # (shot.backdrop.ground_z)
    location: list[float] = key([0.0, 0.0, 0.0], unit="world units", length=3)
    rotation_z_deg: float = key(0.0, unit="deg")  # its heading about Z, counter-clockwise as seen from above


@dataclass
class Lights:
    """The light on the CG.

    `sun_fill`     a sun and a dome
    `overcast`     a soft dome
    `three_point`  a key, a fill and a rim lamp around the subject
    `hdri`         a picture all around

    A preset ignores the keys that it does not use. The middle camera is that of the frame whose place and view are
    nearest to the median of all frames.
    """

    # Which of these lights the CG; none = no light
    preset: str = key("sun_fill", choices=["sun_fill", "overcast", "three_point", "hdri", "none"])
    # sun_fill: the direction in which the sun stands, from +X towards +Y
    sun_azimuth_deg: float = key(135.0, unit="deg", low=-360.0, high=360.0)
    # sun_fill: how high the sun stands above the horizon
    sun_elevation_deg: float = key(50.0, unit="deg", low=1.0, high=90.0)
    sun_strength: float = key(3.0, unit="W/m2", low=0.0)  # sun_fill: the strength of the sun
    # sun_fill: the sun's angle across. The larger it is, the softer the shadow's edge
    sun_angle_deg: float = key(1.0, unit="deg", low=0.0, high=90.0)
    # sun_fill: the strength of the dome, a factor. three_point: the fill lamp, as a share of the key lamp
    fill_strength: float = key(0.6, low=0.0)
    dome_strength: float = key(1.0, low=0.0)  # overcast, hdri: the strength of the dome or of the picture, a factor
    # hdri: an equirectangular picture, .hdr or .exr. With composite.film_transparent: true it lights the CG, but is not
    # seen. null = none (hdri needs one)
    image: str | None = file_key()
    # hdri: how far the picture is turned, from +X towards +Y
    rotation_z_deg: float = key(0.0, unit="deg", low=-360.0, high=360.0)
    key_strength: float = key(3.0, unit="W/m2", low=0.0)  # three_point: what reaches the subject from the key lamp
    # three_point: where the key lamp stands, from the middle camera round to the camera's right; -45 is on its left.
    # The fill lamp stands at the opposite angle, the rim lamp behind the subject, opposite the key lamp
    key_azimuth_deg: float = key(-45.0, unit="deg", low=-180.0, high=180.0)
    rim_strength: float = key(2.0, unit="W/m2", low=0.0)  # three_point: what reaches the subject from the rim lamp


@dataclass
class Backdrop:
    """What is behind and below the subject.

    `catcher`         the ground, of which only the shadows on it are seen
    `infinite_curve`  a visible floor that bends up behind the subject
    `image`           a picture behind the subject, which faces the middle camera
    """

    # Which of these there is; none = no ground and no backdrop
    kind: str = key("catcher", choices=["catcher", "infinite_curve", "image", "none"])
    color: list[float] = key([0.8, 0.8, 0.8], length=3, low=0.0, high=1.0)  # infinite_curve: its colour, linear RGB
    # image: the picture. Its aspect is kept. It fills the view all through the shot, up to three times as wide as what
    # the middle camera sees of it. null = none (image needs one)
    image: str | None = file_key()
    # The height of the ground on which the subject stands. null = that of the solved points around the subject, where
    # enough of them agree, else 0
    ground_z: float | None = key(None, unit="world units")


@dataclass
class Shot:
    """The shot: its name, its plate, its camera, what stands in it, and what is exported."""

    # The name of the shot in all its files: letters, digits, '_', '-', '.'; at most 128 characters. It must be set
    name: str = key("", pattern=NAME)
    footage: Footage = group(Footage)  # the plate
    camera: Camera = group(Camera)  # where the camera and the lens come from
    # Witness cameras by name: {witness_a: {footage: {file, ...}, detections}}. The name "main" is the shot's own
    # camera. They are read where tracking.objects is enabled. {} = none
    cameras: dict[str, Witness] = key({})
    subject: Subject = group(Subject)  # the CG that stands in the shot
    lights: Lights = group(Lights)  # the light on the CG
    backdrop: Backdrop = group(Backdrop)  # what is behind and below the subject
    # Files for other programs; docs/reference/formats.md says what each word writes. undistorted_plate = the plate
    # without its lens; object_mattes = pictures of where the objects are. The default is the camera for Nuke (.chan)
    export: list[str] = key(["chan"], choices=EXPORTS)


@dataclass
class Detect:
    """Where new tracks begin."""

    # How many tracks each frame should have. Where fewer live, features are looked for and new tracks begin
    min_tracks: int = key(100, low=12, high=5000)
    # How strong a feature must be, as a share of the frame's strong corners. Lower = weaker features are tracked too
    quality_threshold: float = key(0.01, low=1e-6, high=1.0)
    # The least distance between a new feature and other tracks
    min_distance_px: float = key(12.0, unit="px", low=3.0, high=1000.0)
    margin_px: int = key(16, unit="px", low=0, high=1000)  # no feature begins nearer than this to the plate's border


@dataclass
class Track:
    """How tracks are followed."""

    # How a pattern may change from its anchor to a frame. A richer model follows more changes of shape
    motion_model: str = key("affine", choices=["translation", "loc_rot", "loc_rot_scale", "affine", "perspective"])
    # What a marker is matched to. keyframe = the anchor from the frame where the track began, which is renewed only
    # when its look has changed too much. previous = the frame before, which drifts more
    pattern_match: str = key("keyframe", choices=["keyframe", "previous"])
    # How well a marker must match. engine opencv: as a share of the frame's median correlation; a higher value also
    # narrows the other limits. engine blender: Blender's Correlation
    correlation_min: float = key(0.75, low=0.0, high=1.0)
    # The side of the pattern, as Blender's Pattern Size. With engine opencv, an even value means the next odd one
    pattern_px: int = key(21, unit="px", low=9, high=81)
    # The length of a segment: a stretch of frames that is tracked and stored alone, from which a stopped build goes on.
    # engine blender has no segments
    segment_frames: int = key(32, unit="frames", low=8, high=4096)


@dataclass
class Clean:
    """Which tracks are removed after tracking. Tracks of session_file are not cleaned."""

    # The shortest unbroken run of frames that stays. Shorter runs are removed as `action` says
    min_frames: int = key(5, unit="frames", low=2)
    # delete_segments = only the short runs of a track go. delete_track = a track with a short run goes as a whole
    action: str = key("delete_segments", choices=["delete_segments", "delete_track"])


@dataclass
class Mask:
    """Where no feature is born and tracks are cut. White keeps features out, as in Nuke's CameraTracker."""

    # A picture of the mask: a still, a movie that starts with the plate, or a sequence numbered as the plate. White
    # (128 of 255 and more) keeps features out. null = none
    file: str | None = file_key()
    # Masks: {points_px: [[x, y], ...]}, or with keyframes {keys: [{frame, points_px}, ...]}. The inside keeps
    # features out. [] = none
    shapes: list[dict] = key([])
    invert: bool = key(False)  # true = the whole mask is turned round: features are kept out where it is not white
    # A band around the mask, outward: no feature is born in it, but tracks that are there stay. 0 = no band
    feather_px: float = key(0.0, unit="px", low=0.0, high=1000.0)
    # true = the boxes of all objects of tracking.objects keep features out; a list = those of the objects with these
    # track_ids; false = no boxes
    from_objects: bool | list[int] = key(False)


@dataclass
class Matte:
    """The objects' boxes as a matte, with room around them in the picture and in time."""

    dilate_px: float = key(12.0, unit="px", low=0.0, high=1000.0)  # how much room a box gets on each side
    # In how many frames before and after its own a box covers its place too
    dilate_frames: int = key(2, unit="frames", low=0, high=1000)


@dataclass
class Objects:
    """What moves in the plate: detections (boxes of a detector), joined to tracklets, one for each object.

    Without a detector, boxes of what moves against the background are used. These are a guess, and the result says so.
    """

    enabled: bool = key(False)  # true = objects are followed; false = there are none
    # A file of detections: MOT challenge CSV, COCO JSON, or ours (shotmake/formats/detections/json_boxes.py). null =
    # detector_cmd makes them; without it they are what moves
    detections: str | None = file_key()
    # The command of your own detector. It writes one of these formats to the file {detections}. {plate}, {first_frame},
    # {last_frame}, {camera} and {detections} stand for their values. It runs in the show's folder; the files of the
    # show that it names are watched. null = no detector
    detector_cmd: str | None = key(None)
    classes: list[str] | None = key(None)  # the classes of detections that are used; null = all
    # How detections are joined: OC-SORT; ByteTrack, which goes on with boxes too faint to begin an object; or SORT
    tracker_kind: str = key("ocsort", choices=["ocsort", "bytetrack", "sort"])
    # How long an object may be unseen and keep its track_id. After that it comes back as another object
    max_coast_frames: int = key(30, unit="frames", low=0, high=100_000)
    # In how many frames in a row an object must be detected before it counts
    n_init: int = key(3, unit="frames", low=1, high=1000)
    # How much a box must overlap the place where the object is expected, as intersection over union
    iou_threshold: float = key(0.3, low=0.0, high=1.0)
    # The confidence that a detection needs. With bytetrack an object needs it to begin, and goes on with fainter boxes
    # (from 0.1)
    det_thresh: float = key(0.3, low=0.0, high=1.0)
    matte: Matte = group(Matte)  # the room around the boxes, for masks and mattes


@dataclass
class SolveClean:
    """Which markers the solve leaves out."""

    # Markers with a larger reprojection error are left out of the last adjustment. After a change of it, the camera is
    # usually only adjusted again, not solved anew
    max_error_px: float = key(2.0, unit="px", low=0.1, high=50.0)


@dataclass
class Orient:
    """Where the world stands, as the artist says. What is not set is found or guessed.

    With an imported camera the world is that of its file, and these keys are not applied.

    A pick is one of these:

    `{frame: 48, xy_px: [480, 300]}`  the place where the ray through that plate pixel meets the ground. In `ground` and
                                      `survey`, and elsewhere with `snap: true`, it is the solved point of the track
                                      there, at most 5 px off (in proportion on plates wider than 1280)
    `sign` or `{name: sign}`          the solved point of the track with that name, a manual one or one of
                                      `tracking.session_file`
    `{track: 12}`                     the solved point of the track with that id. Ids change when the plate is tracked
                                      again
    """

    # Three or more picks on the floor. Their plane is z = 0, and up is the side of the camera. [] = the ground is
    # looked for among the solved points
    ground: list = key([])
    # A pick. The origin is its foot on the ground; where it is the point of a track and `ground` is empty, z = 0 goes
    # through it. null = where the cameras' average view meets the ground; where that view is level, a place 5 units
    # ahead
    origin: dict | str | None = key(None)
    # A pick: +X runs from the origin towards it, along the ground. null = +Y runs along the cameras' average view
    x_axis: dict | str | None = key(None)
    y_axis: dict | str | None = key(None)  # a pick for +Y, in place of x_axis; null = none
    # A known distance, which gives the world's size: {frame, a_px, b_px, metres}, or {a: pick, b: pick, metres}. null =
    # the size is unknown (the median depth is 5 units), unless camera_height_m or survey gives it
    distance: dict | None = key(None)
    # The height of the lens above the ground, which gives the world's size too. It must agree with `distance`. null =
    # not given
    camera_height_m: float | None = key(None, unit="m", low=0.001, high=100_000.0)
    camera_height_frame: int | None = key(None)  # the plate frame of camera_height_m; null = the median of all frames
    # Places measured on the set, Z up: [{name: sign, xyz_m: [x, y, z]}, {frame, xy_px, xyz_m}, ...]. Three or more give
    # the whole world. Two give its size, place and heading, on the ground that is picked or found. [] = none
    survey: list[dict] = key([])


@dataclass
class Imported:
    """How the cameras of shot.camera.import_file meet the tracks. Lens and world are those of the file."""

    # true = the imported cameras stay as they are, to the last digit. false = they are where the adjustment of all
    # frames starts, and the lens may change too
    fixed: bool = key(True)
    # First and last plate frame, inclusive, of the imported cameras that are used. null = all of them
    frames: list[int] | None = key(None, length=2)


@dataclass
class Solve:
    """The camera solve."""

    enabled: bool = key(True)  # false = tracks are made, but no camera is solved from them
    # What finds the camera first: COLMAP with our own adjustment; or Blender's libmv, through its own operator. Both
    # are judged in the same way
    engine: str = key("colmap", choices=["colmap", "blender"])
    # How the camera moves. auto = the tracks decide. static = it stands still; tripod = it only turns; general = it
    # moves; forward = it moves, and forward moves are tried first; planar = it moves. With forward and planar, the
    # solve says this kind
    kind: str = key("auto", choices=["auto", "general", "forward", "planar", "tripod", "static"])
    # The lens terms that the solve may change. k2 needs k1, and k3 needs k2. k3, p1, p2 and principal_point are left
    # alone, with a warning, where the tracks do not determine them. With an imported lens, [focal] stretches it as a
    # whole. null = focal, k1, k2; with an imported lens (shot.camera.lens_from, checkerboard): nothing
    refine: list[str] | None = key(None, choices=["focal", "principal_point", "k1", "k2", "k3", "p1", "p2"])
    # true = each frame has its own focal length. false = all frames share one, except where a camera that turns clearly
    # zooms: it is solved as a zoom, with a warning
    zoom: bool = key(False)
    clean: SolveClean = group(SolveClean)  # which markers are left out
    orient: Orient = group(Orient)  # where the world stands
    known: Imported = group(Imported)  # how imported cameras meet the tracks
    # The key of an approved solve, as `doit plan` shows it. That solve is kept, whatever changes. null = solves are
    # made anew when something changes
    pin: str | None = key(None, pattern=CACHE_KEY)


@dataclass
class Qc:
    """The limits that a shot must keep. The report lists what breaks them; `doit verify` then fails."""

    # The largest RMS reprojection error of the hold-out tracks, which the solver never saw
    max_holdout_px: float = key(1.0, unit="px", low=0.0)
    # The least share of the shot's frames that must have a camera
    min_frames_pct: float = key(100.0, unit="%", low=0.0, high=100.0)
    min_tracks_per_frame: int = key(8, low=0)  # how many tracks each frame must have at least


@dataclass
class Preview:
    """The preview movie: the plate with tracks, objects, solved points and a ground grid drawn in."""

    enabled: bool = key(True)  # true = preview.mp4 is made; the report takes its pictures from it
    # Over how many frames back the trail of a track is drawn
    trail_frames: int = key(8, unit="frames", low=0, high=200)


@dataclass
class Tracking:
    """The 2D tracks, the objects and the solve."""

    enabled: bool = key(True)  # false = there are no tracks, so the camera must be imported or keyed (or there is none)
    # What tracks the plate: our own tracker (opencv), or Blender's libmv, through its own operators (blender)
    engine: str = key("opencv", choices=["opencv", "blender"])
    # Tracks from elsewhere: another session (by the name that `doit sessions` shows), or a file of another program, in
    # a format that docs/reference/formats.md lists. A list merges several. Such tracks are not cleaned or masked.
    # null = the plate is tracked
    session_file: str | list[str] | None = file_key()
    # The plate frame that frame 1 of such a file means. null = as its format says: plate frames, or frames that count
    # from the plate's first. Our own tracks.npz and CSV always hold plate frames
    session_first_frame: int | None = key(None, low=0, high=100_000_000)
    # Groups of tracks: {name: [picks]} or {name: {tracks: [picks], weight, color, status}}. A pick is {frame, xy_px}
    # (the nearest track, at most 5 px off, in proportion on plates wider than 1280), {frame, box_px: [left, top, right,
    # bottom]}, or the name of a manual or imported track. weight: 0 to 100, 0 = not used by the solve; color: [r, g,
    # b], 0 to 1; status: enabled, disabled or deleted. {} = none
    groups: dict = key({})
    # Tracks placed by hand: {name, frame, xy_px, weight, color, motion_model}. Entries of one name are keys of one
    # track. [] = none
    manual: list[dict] = key([])
    detect: Detect = group(Detect)  # where new tracks begin
    track: Track = group(Track)  # how tracks are followed
    clean: Clean = group(Clean)  # which tracks are removed after tracking
    mask: Mask = group(Mask)  # where no feature is born and tracks are cut
    objects: Objects = group(Objects)  # what moves in the plate
    solve: Solve = group(Solve)  # the camera solve
    qc: Qc = group(Qc)  # the limits that a shot must keep
    preview: Preview = group(Preview)  # the preview movie


@dataclass
class LensDistortion:
    """How the comp brings CG and plate into one lens."""

    # true = the CG is redistorted onto the plate. false = the plate is undistorted under the CG, and the comp has the
    # size of the undistorted plate with its overscan; stmap_redistort.exr puts the lens back. The preset
    # with_distortion says false
    apply_to_cg: bool = key(True)
    # Your own map for that direction, a float EXR or TIFF. redistort: of the plate's size; 0..1 is the plate's frame in
    # the undistorted picture, and values beyond are overscan. undistort: of the plate's size, or larger by the same on
    # each side. null = the map of the shot's lens
    st_map_path: str | None = file_key()
    # How the values of your map count. nuke = (x + 0.5) / width, from the lower left corner. alicevision = Meshroom's,
    # x / (width - 1), from the centre of the lower left pixel; export it with "correct principal point" off
    st_map_convention: str = key("nuke", choices=["nuke", "alicevision"])
    # How many pixels the undistorted picture has beyond the plate. auto = as many as the lens, or your map, needs. An
    # undistort map of yours has its own overscan, which a number must agree with
    overscan: str | int = key("auto", unit="px on each side", low=0)


@dataclass
class Stabilization:
    """The whole comp, held still by Translate, Rotate and Scale nodes with a key in every frame."""

    enabled: bool = key(False)  # true = the comp is held still
    # The object of tracking.objects that is held still, by its track_id, in place of tracks. null = `tracks` hold it
    tracklet: int | None = key(None, low=1)
    # The tracks that are held still: all, a group of tracking.groups, or a list of groups and names of manual or
    # imported tracks
    tracks: str | list[str] = key("all")
    frame: int | None = key(None)  # the plate frame in which the picture stays as it is; null = the shot's first frame
    # true = the inverse nodes follow: what is painted between the two sets of nodes moves with the plate again
    put_back: bool = key(False)


@dataclass
class CornerPin:
    """A picture pinned into the plate, below the CG, by one of tracks, corners_xyz, object and tracklet.

    The order of the corners is top-left, top-right, bottom-right, bottom-left of the picture as it is read.
    """

    # The picture: a still, a movie that starts with the plate, or a sequence numbered as the plate. Before its first
    # and after its last frame, that frame is held. null = no pin
    image: str | None = file_key()
    # Four picks, as in tracking.groups. {frame: 48, xy_px: [480, 300]} is the nearest track there; sign or {name: sign}
    # is the track with that name; {track: 12} is the track with that id. Where a track has no marker, its solved point
    # stands in. [] = not by tracks
    tracks: list = key([])
    corners_xyz: list = key([])  # four places of the solved world, [x, y, z] in world units; [] = not by places
    # The name of a mesh of four corners in the subject's .blend. The mesh itself is not rendered; in a linked subject,
    # switch its rendering off in that file. null = not by a mesh
    object: str | None = key(None)
    # The object of tracking.objects, by its track_id, whose box holds the picture. null = not by a box
    tracklet: int | None = key(None, low=1)


@dataclass
class Blender:
    """The Blender that builds the .blend and renders, and runs libmv."""

    # The version of the tool's own Blender for the .blend, renders and exports, and for libmv (tracking.engine or
    # tracking.solve.engine: blender). auto = 4.5. The reading of files by Blender always uses auto
    version: str = key("auto", choices=["auto", "4.2", "4.5", "5.0"])
    # A Blender binary, or a Python that can import bpy, to use in place of the tool's own. null = the tool's own
    executable: str | None = key(None)


@dataclass
class Render:
    """The frames that `doit render` makes."""

    samples: int = key(32, low=1, high=65536)  # Cycles samples for each pixel
    # exr = half floats, scene linear, with layers. png = 8 bits, as the comp is shown
    format: str = key("exr", choices=["exr", "png"])
    # The plate frames to render: 1-96, 1-96x8 (every eighth) or 1,5,10-20. It only picks frames. null = all of the shot
    frames: int | str | None = key(None)


@dataclass
class Composite:
    """How CG and plate come together in the .blend and its renders."""

    # How the CG is merged, as Nuke's Merge does it (formulas: blender_scripts/kit/comp/merge.py). over_plate = over, on
    # a still in place of the plate
    mode: str = key("over_footage", choices=["over_footage", "over_plate", "multiply", "add", "screen"])
    # What is behind the CG. footage = the plate; image = background_image; none = nothing: the CG alone, premultiplied,
    # whatever the mode
    background_source: str = key("footage", choices=["footage", "image", "none"])
    # A still of the plate's size, seen through the plate's lens, for background_source: image. null = none
    background_image: str | None = file_key()
    lens_distortion: LensDistortion = group(LensDistortion)  # how CG and plate come into one lens
    stabilization: Stabilization = group(Stabilization)  # the whole comp held still
    corner_pin: CornerPin = group(CornerPin)  # a picture pinned into the plate
    # true = the ground catches the CG's shadow, which the background is multiplied with (only with shot.backdrop.kind:
    # catcher)
    shadow_catcher: bool = key(True)
    # true = the background shows wherever there is no CG. false = the render's world is part of the CG there
    film_transparent: bool = key(True)
    blender: Blender = group(Blender)  # which Blender is used
    render: Render = group(Render)  # the frames that are rendered


@dataclass
class Config:
    """All keys of a shot."""

    shot: Shot = group(Shot)  # the shot: plate, camera, subject and exports
    tracking: Tracking = group(Tracking)  # the 2D tracks, the objects and the solve
    composite: Composite = group(Composite)  # how CG and plate come together
