"""Files that nobody should hand over, for every reader: seeded damage to a small honest file of each format, read in a
child process with little memory.

    python tests/helpers/shows/reader_fuzz.py 200            200 of each format
    python tests/helpers/shows/reader_fuzz.py 200 a.exr      of this one alone

A child may take MEMORY beyond what its libraries take at the start, and SECONDS of the processor for a file. What it
reads ends in a result or in a ShotError of one line; anything else is printed, with the seed that makes it again.
"""

import copy
import json
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MEMORY = 1 << 30
GROWTH_MB = 512  # of the resident memory, while files of a few kB are read
SECONDS = 10
SIZE_PX = (96, 64)
FRAMES = (1001, 1008)
DEEP = 20_000
WORDS = [
    b"nan", b"-1", b"0", b"inf", b"1e400", b"1e-320", b"99999999999999999999", b"9" * 400, b"9" * 5000, b"1e99999999",
    b"2147483648", b"-2147483649", b"null", b"true", b"[]", b"{}", b'"', b'""', b"\0", b"\xff\xfe", b"\r", b"{", b"}}",
    b"[" * DEEP, b'{"a":' * DEEP, b"((((" * DEEP, b"&a [*a]", b"!!int x", b"2001-99-99", b"a" * 999, b"\xc3\x28", b"\\",
    b"#", b",,", b"\t", b"x1e9", b"{{curve x1 2 x3 4}}", b"1:" * 300 + b"1", b"", b" " * 2000, b"\n" * 2000,
]  # fmt: skip
VALUES = [
    None, True, -1, 0, 1e308, -1e308, float("nan"), float("inf"), 10**400, 10**18, 2**31, "", "x", "\0", "1", [], {},
    [[]], [None], [[1, 2], [3]], {"a": 1}, [0.5] * 5000, "9" * 3000,
]  # fmt: skip


class Honest(NamedTuple):
    """files: name -> bytes, of one format; the first is the one that is named and, with the others, damaged."""

    files: dict[str, bytes]
    read: Callable[[Path], object]


def damaged(data: bytes, dice: random.Random) -> bytes:
    """The same with one to four things wrong."""
    if data[:1] in (b"{", b"[") and dice.random() < 0.5:
        return _damaged_tree(data, dice)
    for _ in range(dice.randint(1, 4)):
        kind = dice.choice("bit bit cut word word number number repeat drop long random".split())
        at, size = dice.randint(0, len(data)), dice.choice((1, 4, 30, 500))
        if kind == "bit" and data:
            at = min(at, len(data) - 1)
            data = data[:at] + bytes([data[at] ^ 1 << dice.randint(0, 7)]) + data[at + 1 :]
        elif kind == "cut":
            data = data[:at]
        elif kind == "word":
            data = data[:at] + dice.choice(WORDS) + data[at + dice.choice((0, size)) :]
        elif kind == "number" and (numbers := list(re.finditer(rb"-?\d+(\.\d+)?", data))):
            one = dice.choice(numbers)
            data = data[: one.start()] + dice.choice(WORDS) + data[one.end() :]
        elif kind == "repeat":
            data = data[:at] + data[at : at + size] * dice.choice((2, 50, 1000)) + data[at + size :]
        elif kind == "drop":
            data = data[:at] + data[at + size :]
        elif kind == "long":  # a length or a size in a binary header
            at = dice.randint(0, min(len(data), 2000)) // 4 * 4
            value = dice.choice((0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, 100_000, 16_384))
            data = data[:at] + value.to_bytes(4, dice.choice(("big", "little"))) + data[at + 4 :]
        elif kind == "random":
            data = data[:at] + dice.randbytes(size) + data[at + size :]
    return data


def _damaged_tree(data: bytes, dice: random.Random) -> bytes:
    """JSON in which values are of another kind."""
    tree = json.loads(data)
    for _ in range(dice.randint(1, 3)):
        node = tree
        while isinstance(node, (dict, list)) and node:
            place = dice.choice(list(node) if isinstance(node, dict) else range(len(node)))
            if not isinstance(node[place], (dict, list)) or not node[place] or dice.random() < 0.3:
                if dice.random() < 0.2 and isinstance(node, dict):
                    del node[place]
                else:
                    node[place] = copy.deepcopy(dice.choice(VALUES))
                break
            node = node[place]
    return json.dumps(tree).encode()


class Fuzzed(NamedTuple):
    """wrong: a line each; refused: how many of `tried` ended in a ShotError; bombs: what `attempt` said of each."""

    wrong: list[str]
    tried: int
    refused: int
    bombs: dict[str, dict]


def fuzz(name: str, seeds: range) -> Fuzzed:
    """One honest file damaged by each of these seeds, and read."""
    wrong, refused, left, bombs = [], 0, list(seeds), {}
    with tempfile.TemporaryDirectory() as folder:
        while left:
            command = [sys.executable, __file__, "--child", name, folder, f"{left[0]}", f"{left[-1] + 1}"]
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
            child = subprocess.run(command, capture_output=True, text=True, env=environment, errors="replace")
            assert '{"ready"' in child.stdout, child.stderr  # else the honest file is at fault
            lines = [json.loads(line) for line in child.stdout.splitlines() if line.startswith("{")]
            said = [one for one in lines if "seed" in one]
            bombs |= {one["bomb"]: one for one in lines if "bomb" in one}
            wrong += [f"{name} seed {one['seed']}: {one['wrong']}" for one in said if one["wrong"]]
            refused += sum(bool(one["fault"]) for one in said)
            done = said[-1]["seed"] if said else left[0] - 1
            left = [seed for seed in left if seed > done]
            wrong += [f"{name}, the bomb {bomb}: {one['wrong']}" for bomb, one in bombs.items() if one["wrong"]]
            if child.returncode and not left:
                wrong.append(f"{name}: the child ended with {child.returncode} of a bomb: {child.stderr[-600:]}")
            if left:  # it died of this one
                wrong.append(f"{name} seed {left[0]}: the child ended with {child.returncode}: {child.stderr[-600:]}")
                left = left[1:]
    return Fuzzed(wrong, len(seeds), refused, bombs)


def child(name: str, folder: Path, seeds: range) -> None:
    honest = FORMATS[name]()
    begin(honest, folder)
    for seed in seeds:
        dice = random.Random(f"{name} {seed}")
        label = dice.choice(list(honest.files))
        (folder / label).write_bytes(damaged(honest.files[label], dice))
        said = attempt(honest, folder)
        (folder / label).write_bytes(honest.files[label])
        print(json.dumps({"seed": seed, **said}), flush=True)
    from helpers.shows.reader_bombs import BOMBS

    for bomb, (of_format, make, _) in BOMBS.items():
        if of_format == name:
            label = next(iter(honest.files))
            size = (folder / label).write_bytes(make(honest.files[label]))
            print(json.dumps({"bomb": bomb, **attempt(honest, folder), "size_mb": size / 1e6}), flush=True)


def begin(honest: Honest, folder: Path) -> None:
    """Read the honest file, which loads all libraries; then hold this process to its limits."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for label, data in honest.files.items():
        (folder / label).write_bytes(data)
    assert honest.read(folder / next(iter(honest.files))) is not None
    loaded = _status_kb("VmSize") * 1024
    resource.setrlimit(resource.RLIMIT_AS, (loaded + MEMORY, loaded + MEMORY))
    for ends in (signal.SIGALRM, signal.SIGPROF):  # a hang ends the child, whatever it hangs in
        signal.signal(ends, signal.SIG_DFL)
    print(json.dumps({"ready": loaded}), flush=True)


def attempt(honest: Honest, folder: Path) -> dict:
    """Read what lies there. fault: of a ShotError; wrong: what may not be, "" for nothing."""
    from shotmake.errors import ShotError

    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    fault, wrong, began, before_kb = "", "", time.monotonic(), _status_kb("VmHWM")
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    signal.alarm(6 * SECONDS)
    try:
        honest.read(folder / next(iter(honest.files)))
    except ShotError as error:
        fault = "\n".join(error.faults)
        if "\n" in fault or not 10 < len(fault) < 700:
            wrong = f"not one line: {fault!r}"[:900]
    except BaseException:
        wrong = traceback.format_exc()[-900:]
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.alarm(0)
    grown_mb = (_status_kb("VmHWM") - before_kb) / 1024
    if grown_mb > GROWTH_MB:
        wrong = f"{wrong} took {grown_mb:.0f} MB"
    return {"fault": fault, "wrong": wrong, "seconds": round(time.monotonic() - began, 2), "mb": round(grown_mb)}


def _status_kb(name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


def _take(**asked):
    from dataclasses import replace

    from helpers.plates.interchange import take_of

    take = take_of(frame_count=8, **asked)
    return replace(take, tracks=take.tracks.select(take.tracks.track_id < 6))


def _written(word: str, **asked) -> bytes:
    from importlib import import_module

    from shotmake.config.format_registry import FORMATS

    (format,) = (one for one in FORMATS if one.word == word)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / format.file
        import_module(f"shotmake.formats.{format.module}").write(path, _take(**asked))
        return path.read_bytes()


def _camera(name: str, word: str) -> Callable[[], Honest]:
    def made() -> Honest:
        from importlib import import_module

        from helpers.plates.interchange import asked_of
        from shotmake.config.format_registry import CAMERAS

        take = _take()
        (format,) = (one for one in CAMERAS if one.word == word)
        module = import_module(f"shotmake.formats.{format.module}")
        asked = asked_of(take)
        if word == "json":
            files = {name: json.dumps({**take.solution, "confidence": 1.0, "warnings": []}).encode()}
        elif word == "colmap":
            files = {
                name: text.encode() for name, text in module.make_model_texts(take).items() if name != "points3D.txt"
            }
            files = {name: files[name] for name in ("images.txt", "cameras.txt")}
        else:
            files = {name: _written(word)}
        return Honest(files, lambda path: module.read(path, asked))

    return made


def _by_blender(name: str, word: str) -> Callable[[], Honest]:
    """What we look at before Blender reads the file, and what Blender's side hands over."""

    def made() -> Honest:
        import numpy as np

        from helpers.plates.interchange import asked_of
        from shotmake.formats.cameras.scene_files import alembic, fbx, gltf, usd
        from shotmake.geometry.lens import Lens

        take = _take()
        module = {"usda": usd, "glb": gltf, "abc": alembic, "fbx": fbx}[word]
        head = {"abc": b"Ogawa\xff\x01\x01" + (16).to_bytes(8, "little") + bytes(64),
                "fbx": b"Kaydara FBX Binary  \x00\x1a\x00" + bytes(64)}.get(word)  # fmt: skip
        frames = list(range(FRAMES[0], FRAMES[1] + 1))
        found = {
            "blender": [4, 5, 0], "frames": frames, "lens": [[30.0, 0.0, 0.0]] * 8, "sensor_fit": "AUTO",
            "matrix_world": [np.eye(4).ravel().tolist()] * 8, "sensor_width_mm": 36.0, "sensor_height_mm": 24.0,
        }  # fmt: skip

        def read(path: Path) -> object:
            module.check(path)
            return module.read(path, path.with_name("found.json"), asked_of(take))

        centred = Lens(1000.0, 1000.0, 480.0, 270.0)  # glTF can say no other
        return Honest({name: head or _written(word, lens=centred), "found.json": json.dumps(found).encode()}, read)

    return made


def _tracks(name: str, word: str) -> Callable[[], Honest]:
    def made() -> Honest:
        from importlib import import_module

        import numpy as np

        from shotmake.config.format_registry import TRACKS
        from shotmake.files.npz_file import pack_npz
        from shotmake.formats.detect import format_of
        from shotmake.formats.tracks.named_tracks import merge_named
        from shotmake.tracks.markers import save_tracks

        take = _take()
        own = {"tracks_npz": save_tracks(take.tracks, {0: 2.0}),
               "tracks_mot": b"1,1,10,20,5,6,1,-1,-1,-1\n2,1,11,20,5,6,1,-1,-1,-1\n1,2,30,40,5,6,0\n"}  # fmt: skip
        if word == "tracks_blend":
            arrays = {"name": np.array(["a", "b"]), "weight": np.ones(2), "clip_size_px": np.array(take.size_px)}
            arrays |= {"track": np.array([0, 0, 1]), "frame": np.array([1, 2, 1]), "co": np.full((3, 2), 0.5)}
            own[word] = pack_npz(arrays)
        (format,) = (one for one in TRACKS if one.word == word)

        def read(path: Path) -> object:
            which = format if word == "tracks_blend" else format_of(path, "tracks", "tracking.session_file")
            read_one = import_module(f"shotmake.formats.{which.module}").read(path, take.size_px)
            return merge_named([read_one, read_one], 0, 10**8)

        return Honest({name: own.get(word) or _written(word)}, read)

    return made


def _lens(name: str, word: str) -> Callable[[], Honest]:
    def made() -> Honest:
        from helpers.measures.lens_models import on_film
        from helpers.shows import lens_files as lenses
        from shotmake.formats.lenses.lens_request import LensAsked
        from shotmake.geometry.lens import Lens
        from shotmake.geometry.lens_fit import fit_lens
        from shotmake.lens.read_lens import read_lens
        from shotmake.stmap.maps import make_undistort_map, write_stmap

        asked = LensAsked((1920, 1080), focal_px=2000.0)
        with tempfile.TemporaryDirectory() as folder:
            if word == "lens_3de":
                data = lenses.text_3de(on_film("anamorphic")).encode()
            elif word == "lens_nk":
                data = lenses.text_nk(on_film("radial")).encode()
            elif word == "lens_grid":
                asked = LensAsked(SIZE_PX, focal_px=100.0)
                grid, _ = fit_lens(on_film("anamorphic").sample((96, 54)), (96, 54), 1.0, 0.1)
                asked = LensAsked((96, 54), focal_px=100.0)
                data = json.dumps({"image_size_px": [96, 54], "lens": grid.to_json()}).encode()
            elif word == "lens_stmap":
                asked = LensAsked(SIZE_PX, focal_px=100.0)
                path, small = Path(folder) / "a.exr", Lens(100.0, 100.0, SIZE_PX[0] / 2, SIZE_PX[1] / 2, k1=-0.05)
                write_stmap(path, make_undistort_map(small, SIZE_PX, (4, 4)), "undistort", (4, 4))
                data = path.read_bytes()
            else:
                data = lenses.written(Path(folder), word, lenses.take_of(lenses.LENS)).read_bytes()
        return Honest({name: data}, lambda path: read_lens(path, asked))

    return made


def _detections(name: str) -> Callable[[], Honest]:
    def made() -> Honest:
        from shotmake.formats.detections.read import read_detections

        boxes = [{"frame": 1001, "bbox": [1, 2, 30, 40], "confidence": 0.5, "class": "person", "camera": "main"}] * 3
        images = [{"id": at, "file_name": f"shot.{1000 + at}.exr"} for at in (1, 2, 3)]
        found = [{"image_id": 1, "bbox": [1, 2, 30, 40], "category_id": 7, "score": 0.5, "iscrowd": 0}] * 3
        categories = [{"id": 7, "name": "car"}]
        data = {
            "ours.json": json.dumps({"schema": 1, "cameras": ["main"], "detections": boxes}).encode(),
            "coco.json": json.dumps({"images": images, "annotations": found, "categories": categories}).encode(),
            "results.json": json.dumps(found[:1] * 3).replace('"image_id": 1', '"image_id": 1001').encode(),
            "det.txt": b"1,-1,10,20,5,6,0.9\n2,-1,11,20,5,6,0.8\n",
        }[name]
        return Honest({name: data}, lambda path: read_detections(path, "main", 1001, 1008))

    return made


def _picture(name: str) -> Callable[[], Honest]:
    def made() -> Honest:
        import numpy as np
        import OpenImageIO as oiio

        from shotmake.footage.images import probe_sequence, read_image
        from shotmake.footage.unusable_frames import Looks

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            spec = oiio.ImageSpec(*SIZE_PX, 3, "half" if name.endswith("exr") else "uint8")
            spec.attribute("compression", {"exr": "zip", "tif": "lzw"}.get(name[-3:], ""))
            output = oiio.ImageOutput.create(str(path))
            output.open(str(path), spec)
            output.write_image(np.random.default_rng(0).random((SIZE_PX[1], SIZE_PX[0], 3)).astype(np.float32))
            output.close()
            data = path.read_bytes()

        def read(path: Path) -> object:
            probe_sequence([(1, path.name)], path.parent, "Rec.709", lambda count: None, Looks())
            return read_image(path, "Linear")

        return Honest({name: data}, read)

    return made


def _imported_map() -> Honest:
    from shotmake.geometry.lens import Lens
    from shotmake.stmap.imported import read_redistort, read_undistort
    from shotmake.stmap.maps import make_redistort_map, write_stmap

    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "a.exr", Lens(100.0, 100.0, SIZE_PX[0] / 2, SIZE_PX[1] / 2, k1=-0.05)
        write_stmap(path, make_redistort_map(small, SIZE_PX, (4, 4)), "redistort", (4, 4))
        data = path.read_bytes()

    def read(path: Path) -> object:
        return read_redistort(path, "nuke", SIZE_PX, "auto"), read_undistort(path, "alicevision", SIZE_PX, "auto")

    return Honest({"given.exr": data}, read)


def _movie(name: str, codec: str) -> Callable[[], Honest]:
    def made() -> Honest:
        import av
        import numpy as np

        from shotmake.footage.movie import read_movie_header
        from shotmake.footage.plate import Plate, probe, read_bgr

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            with av.open(str(path), "w") as container:
                stream = container.add_stream(codec, rate=24)
                stream.width, stream.height = SIZE_PX
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                for seed in range(8):
                    noise = np.random.default_rng(seed).integers(0, 40, (*SIZE_PX[::-1], 3), dtype=np.uint8)
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
                container.mux(stream.encode())
            data = path.read_bytes()

        def read(path: Path) -> object:
            read_movie_header(path.name, path.parent)
            plate: Plate = probe(path.name, path.parent)
            return [frame for frame, _ in read_bgr(plate, path.parent, 1, plate.frame_count)]

        return Honest({name: data}, read)

    return made


def _cut(name: str) -> Callable[[], Honest]:
    def made() -> Honest:
        import opentimelineio as otio

        from shotmake.new_shot.edit_list import read_cut

        reference = otio.schema.ExternalReference("a.mov")
        span = otio.opentime.TimeRange(otio.opentime.RationalTime(5, 24), otio.opentime.RationalTime(10, 24))
        track = otio.schema.Track("V1", kind="Video")
        track.append(otio.schema.Clip("a", reference, span))
        text = otio.adapters.write_to_string(otio.schema.Timeline("cut", tracks=[track]))
        edl = "TITLE: t\nFCM: NON-DROP FRAME\n\n001  AX       V     C        00:00:00:00 00:00:00:06 01:00:00:00 "
        data = {"a.otio": text, "a.edl": f"{edl}01:00:00:06\n* FROM CLIP NAME: a.mov\n"}[name]
        return Honest({name: data.encode()}, read_cut)

    return made


def _yaml() -> Honest:
    from shotmake.files.file_kind_and_size import read_utf8
    from shotmake.files.yaml_file import load_yaml

    text = b"shot:\n  name: a\n  footage: {file: a.mov, frame_rate: 24.0}\n  # comment\n  list: [1, 2.5, null, 'x']\n"
    text += b"  known: &k {a: 1}\n  other: *k\n  long: |\n    line\n"
    return Honest({"shot.yaml": text}, lambda path: repr(load_yaml(read_utf8(path, "yaml_mb"), path.name)))


def _stored(name: str) -> Callable[[], Honest]:
    """What we keep ourselves, in a folder that anybody may have written to."""

    def made() -> Honest:
        import numpy as np

        from shotmake.objects.detections import Detections, pack_detections, unpack_detections
        from shotmake.objects.tracklet_file import DETECTED, Tracklet, read_tracklets, yield_objects_text
        from shotmake.reasons import Reason
        from shotmake.solve.stored_candidate import pack_candidate, unpack_candidate
        from shotmake.tracks import segments

        take = _take()
        if name == "segment.npz":
            count = {"track_id": np.int32, "seen_frames": np.int32, "lost_frames": np.int32}
            live = {one: np.zeros(3, count.get(one, float)) for one in segments.LIVE}
            live |= {"xy_px": np.ones((3, 2)), "patch": np.ones((3, 5, 5), np.float32), "warp": np.ones((3, 2, 2))}
            state = segments.Handover(1008, 6, np.zeros((8, 8), np.uint8), segments.NONE_RENEWED, **live)
            return Honest({name: segments.save_segment(take.tracks, state)},
                          lambda path: segments.load_segment(path.read_bytes()))  # fmt: skip
        if name == "detections.npz":
            found = Detections(np.array([1, 2]), np.ones((2, 4)), np.ones(2), np.array(["a", "b"]))
            return Honest({name: pack_detections(found)}, lambda path: unpack_detections(path.read_bytes()))
        if name == "found.npz":
            return Honest(
                {name: pack_candidate(Reason("too_few_tracks", "-"))}, lambda path: unpack_candidate(path.read_bytes())
            )
        one = Tracklet("main", 1, np.arange(1001, 1004), np.ones((3, 4)), (DETECTED,) * 3)
        return Honest({name: "".join(yield_objects_text({"schema": 1}, [one])).encode()}, read_tracklets)

    return made


CAMERAS = {"a.json": "json", "a.chan": "chan", "a.nk": "nk", "images.txt": "colmap"}
BY_BLENDER = {"a.usda": "usda", "a.abc": "abc", "a.fbx": "fbx", "a.glb": "glb"}
TRACKS = {
    "t.uv": "tracks_uv", "t.nk": "tracks_nuke", "t.csv": "tracks_csv", "mot.txt": "tracks_mot", "t.npz": "tracks_npz",
    "t.2dt": "tracks_pftrack", "3de.txt": "tracks_3de", "syntheyes.txt": "tracks_syntheyes",
    "blend.npz": "tracks_blend",
}  # fmt: skip
LENSES = {
    "lens.txt": "lens_3de", "lens.nk": "lens_nk", "trackio.json": "lens_opentrackio", "opencv.json": "lens_opencv",
    "opencv.yaml": "lens_opencv", "grid.json": "lens_grid", "map.exr": "lens_stmap",
}  # fmt: skip
DETECTIONS = {"ours.json": "detections_json", "coco.json": "detections_coco", "results.json": "detections_coco",
              "det.txt": "detections_mot"}  # fmt: skip
PICTURES = ("a.exr", "a.dpx", "a.png", "a.jpg", "a.tif")
MOVIES = {"a.mp4": "libx264", "a.mov": "mjpeg", "a.mkv": "libx264", "a.avi": "mjpeg", "a.mxf": "mpeg2video",
          "a.webm": "libvpx-vp9"}  # fmt: skip
CUTS = ("a.otio", "a.edl")  # a process each
STORED = ("segment.npz", "detections.npz", "found.npz", "objects.json")
FORMATS: dict[str, Callable[[], Honest]] = {
    **{name: _camera(name, word) for name, word in CAMERAS.items()},
    **{name: _by_blender(name, word) for name, word in BY_BLENDER.items()},
    **{name: _tracks(name, word) for name, word in TRACKS.items()},
    **{name: _lens(name, word) for name, word in LENSES.items()},
    **{name: _detections(name) for name in DETECTIONS},
    **{name: _picture(name) for name in PICTURES},
    "given.exr": _imported_map,
    **{name: _movie(name, codec) for name, codec in MOVIES.items()},
    **{name: _cut(name) for name in CUTS},
    "shot.yaml": _yaml,
    **{name: _stored(name) for name in STORED},
}


if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2]), str(Path(__file__).parents[3])]
    if sys.argv[1] == "--child":
        child(sys.argv[2], Path(sys.argv[3]), range(int(sys.argv[4]), int(sys.argv[5])))
    else:
        for name in sys.argv[2:] or FORMATS:
            begun, count = time.monotonic(), int(sys.argv[1]) // (20 if name in CUTS else 1)
            found = fuzz(name, range(count))
            took = f"{count} tried, {found.refused} refused, {len(found.wrong)} wrong, {time.monotonic() - begun:.1f} s"
            print(f"{name}: {took}", *found.wrong, sep="\n   ", flush=True)
