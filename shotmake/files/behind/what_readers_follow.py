"""What each reader follows: the one table of the files that a target depends on, key by key.

`python -m shotmake.files.behind.what_readers_follow` prints docs/what_is_followed.md.

Each key of the schema that names a file, and each format of the registry that is read, has a row. A test checks this.
"""

import sys
from dataclasses import dataclass

WATCHED, REFUSED, NOT_READ, UNWATCHED = "watched", "refused", "not read", "not watched"


@dataclass(frozen=True)
class Row:
    """One row of the table.

    keys: keys of the config, words of a command, or variables; read: the kind of file; names: what such a file may
    name; answer: what the tool does about those files; how: the same as a sentence; test: the test that shows it;
    formats: words of the registry.
    """

    keys: tuple[str, ...]
    read: str
    names: str
    answer: str
    how: str
    test: str
    formats: tuple[str, ...] = ()


PLATES = ("shot.footage.file", "shot.cameras.<name>.footage.file", "tracking.mask.file")
IMAGES = ("shot.lights.image", "shot.backdrop.image", "composite.background_image")
CAMERA, TRACKS, SUBJECT = "shot.camera.import_file", "tracking.session_file", "shot.subject.blend"

ROWS = (
    Row(
        (*PLATES, "file="),
        "a movie",
        "a playlist (ffconcat, m3u8, DASH, ASX, PLS, IMF), a stream (SDP, RTSP), a subtitle index: other files",
        REFUSED,
        "Only formats that hold their own pictures are opened; FFmpeg opens no second file.",
        "test_a_playlist_is_refused_as_a_plate",
    ),
    Row(
        PLATES,
        "a QuickTime file whose pictures lie in another file",
        "that file",
        REFUSED,
        "It is never opened, so no frame is found.",
        "test_pictures_in_another_file_are_refused",
    ),
    Row(
        (*PLATES, "shot.camera.checkerboard.files", "composite.corner_pin.image"),
        "an image sequence, or stills",
        "nothing; frames may be links",
        WATCHED,
        "Each frame is an input; behind a link the content counts. A frame that comes or goes is noticed.",
        "test_frames_behind_links_are_watched",
    ),
    Row(
        (*IMAGES, "composite.corner_pin.image"),
        "a picture, or a movie for the pin",
        "as a plate that is a playlist",
        REFUSED,
        "A playlist is refused before any task, another such format before Blender opens it.",
        "test_a_playlist_is_refused_as_a_picture",
    ),
    Row(
        (SUBJECT,),
        "a .blend",
        "libraries, pictures, sequences, tiles, movies, fonts, volumes, caches",
        WATCHED,
        "All that it names and that is there, to any depth. What a folder of caches holds is not watched.",
        "test_what_a_subject_names_is_watched",
    ),
    Row(
        (SUBJECT,),
        "a .blend saved with Compress",
        "the same",
        UNWATCHED,
        "The build says so in a line. Save it without Compress (or install zstandard) to have it watched.",
        "test_a_compressed_subject_is_said_not_to_be_watched",
    ),
    Row(
        (CAMERA,),
        "USD",
        "sublayers, references, payloads, value clips",
        WATCHED,
        "All layers that it names and that are there, to any depth, text or crate. Pictures are not read.",
        "test_the_layers_of_a_usd_camera_are_watched",
        ("usda",),
    ),
    Row(
        (CAMERA,),
        "glTF",
        "buffers and images in files of their own",
        WATCHED,
        "Each is an input.",
        "test_the_buffers_of_a_gltf_camera_are_watched",
        ("glb",),
    ),
    Row(
        (CAMERA,),
        "COLMAP's text model",
        "images.txt and cameras.txt belong together",
        WATCHED,
        "Both are inputs. points3D.txt, and the pictures that images.txt names, are not read.",
        "test_both_files_of_a_colmap_model_are_watched",
        ("colmap",),
    ),
    Row(
        (CAMERA,),
        "FBX, Alembic",
        "pictures (FBX)",
        NOT_READ,
        "A camera depends on no picture, and Blender reads an Alembic file alone.",
        "test_a_picture_that_an_fbx_names_does_not_matter",
        ("abc", "fbx"),
    ),
    Row(
        (CAMERA,),
        "a solve JSON, .chan, .nk",
        "other files (knobs of a .nk)",
        NOT_READ,
        "One file is read. A camera of a .nk that reads a file is refused.",
        "test_a_text_file_is_read_alone",
        ("json", "chan", "nk"),
    ),
    Row(
        (TRACKS,),
        "tracks of other programs, tracks.npz",
        "nothing that is read",
        NOT_READ,
        "One file is read.",
        "test_a_text_file_is_read_alone",
        (
            *("tracks_uv", "tracks_nuke", "tracks_csv", "tracks_mot", "tracks_pftrack", "tracks_3de"),
            *("tracks_syntheyes", "tracks_npz"),
        ),
    ),
    Row(
        (TRACKS,),
        "a .blend",
        "libraries; the clip's plate",
        WATCHED,
        "Libraries are inputs, for the clip may be theirs. Of its plate only the size is read, to be compared.",
        "test_the_libraries_of_a_session_are_watched",
        ("tracks_blend",),
    ),
    Row(
        ("shot.camera.lens_from", "composite.lens_distortion.st_map_path"),
        "a lens file, an ST-map",
        "nothing that is read",
        NOT_READ,
        "One file is read. Another shot's lens is watched through that shot's solve.",
        "test_a_text_file_is_read_alone",
        ("lens_3de", "lens_nk", "lens_opentrackio", "lens_opencv", "lens_stmap"),
    ),
    Row(
        ("tracking.objects.detections", "shot.cameras.<name>.detections"),
        "detections",
        "pictures (COCO)",
        NOT_READ,
        "One file is read.",
        "test_a_text_file_is_read_alone",
        ("detections_json", "detections_coco", "detections_mot"),
    ),
    Row(
        ("tracking.objects.detector_cmd",),
        "a program of yours",
        "whatever it opens",
        UNWATCHED,
        "The files of the show that its words name are watched; what the program opens besides is not known.",
        "test_what_a_detector_opens_besides_is_said_not_to_be_watched",
    ),
    Row(
        ("$OCIO",),
        "a colour config, and the files beside it",
        "look-up tables",
        NOT_READ,
        "Blender is started without it, and without USD's own search paths: it knows the spaces that it brings.",
        "test_blender_does_not_read_the_surrounding_colour_config",
    ),
    Row(
        ("cut=",),
        "an OTIO file or an EDL",
        "media",
        NOT_READ,
        "It is read once, to write YAML files. No target depends on it.",
        "test_a_cut_is_read_once",
    ),
)

# The beginning of an input's name -> its key. The name of any other input is its key.
INPUTS = {
    "plate ": "shot.footage.file",
    "mask ": "tracking.mask.file",
    "pinned ": "composite.corner_pin.image",
    "session ": TRACKS,
    "camera": CAMERA,
    "lens file": "shot.camera.lens_from",
    "still ": "shot.camera.checkerboard.files",
    "detections": "tracking.objects.detections",
    "detector ": "tracking.objects.detector_cmd",
    "ST-map": "composite.lens_distortion.st_map_path",
    "blender": "composite.blender.executable",
}


def key_of_input(name: str, camera: str = "") -> str:
    """Return the config key behind an input of a stage; "" for a target of an earlier stage.

    camera: the name of a witness camera, for a stage of that camera.
    """
    found = next((key for start, key in INPUTS.items() if name.startswith(start)), "")
    if not found and "." in name:
        found = name.partition(",")[0]
    if camera and found in ("shot.footage.file", "tracking.objects.detections"):
        return f"shot.cameras.{camera}.{found.removeprefix('shot.').removeprefix('tracking.objects.')}"
    return found


def as_markdown() -> str:
    """Return the text of the page docs/what_is_followed.md."""
    lines = [INTRODUCTION, "| key | read | may name | answer | how |", "|---|---|---|---|---|"]
    for row in ROWS:
        keys = ", ".join(f"`{key}`" for key in row.keys)
        lines.append(f"| {keys} | {row.read} | {row.names} | **{row.answer}** | {row.how} |")
    return "\n".join(lines) + "\n" + ENDING


INTRODUCTION = """\
# What is followed

A target depends on all that was read. Many files name others: a playlist its movies, a .blend its libraries. Here
stands, for each key, what happens to those files.

- **watched**: each is an input, as the file itself is. Replaced, deleted or grown, it is noticed: `doit plan` says so,
  and `doit` builds again.
- **refused**: such a file is refused before anything is built, in one line.
- **not read**: the reader opens the one file and nothing else.
- **not watched**: what is read besides is not known. It is said here, or in the build's log.

This page is made by `python -m shotmake.files.behind.what_readers_follow`; a test compares it.
"""
ENDING = """
Wherever a file is named, a link counts as the file behind it: its content is what is compared, and a link that leads to
another file is noticed. A folder, a pipe, a device, a socket, a link that leads nowhere or round in a circle, and what
lies in /proc or /sys, are refused at once. A file that cannot be read to its end is named with its key.

What the build makes itself (.gsd-state/, build/) is never an input behind another: it follows from the inputs.
The presets and YAML files that a shot is composed of are watched as well.
"""

if __name__ == "__main__":
    sys.stdout.write(as_markdown())
