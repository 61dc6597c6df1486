"""A plate holds its own pictures: what would show other files is refused at the start, what does not works on."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers.plates.numbered import number_of, write_numbered
from helpers.plates.playlists import TEXTS, with_pictures_elsewhere, write_playlist
from helpers.shows.attack import shot_yaml
from helpers.shows.project import make_project
from shotmake.errors import ShotError
from shotmake.files.self_contained_movies import ALLOWED, OPTIONS, check_shown, open_alone
from shotmake.footage.movie import read_movie_frames
from shotmake.footage.plate import probe, read_luma
from shotmake.footage.plate_header import read_media_header

OWN_PICTURES = {
    "a.mov": "libx264", "a.mp4": "libx264", "a.mkv": "libx264", "a.avi": "mpeg4", "a.mxf": "mpeg2video",
    "a.ts": "mpeg2video", "a.mpg": "mpeg2video", "a.webm": "libvpx", "a.flv": "flv",
    "a.nut": "mpeg4", "a.ivf": "libvpx", "a.h264": "libx264", "a.m4v": "mpeg4", "a.wtv": "mpeg2video",
}  # fmt: skip


@pytest.fixture
def real(tmp_path: Path) -> Path:
    return write_numbered(tmp_path / "real.mp4", 4)


@pytest.mark.parametrize("ending", ["mp4", "m3u8", "mov"])
@pytest.mark.parametrize("kind", TEXTS)
def test_a_playlist_is_never_opened_whatever_it_is_called(tmp_path, real, kind, ending):
    path = write_playlist(tmp_path / f"plate.{ending}", kind, real.name)
    for read in (probe, read_media_header):
        with pytest.raises(ShotError) as raised:
            read(path.name, tmp_path)
        (line,) = raised.value.faults
        assert line.startswith(f"plate.{ending}: ") and "shot.footage.file" in line
    with pytest.raises((ShotError, OSError, ValueError)):
        list(read_movie_frames(path, 0, 0, "luma"))


def test_a_playlist_is_named_and_what_is_needed_too(tmp_path, real):
    needed = r"; needed a movie that holds its own pictures \(mov, mp4, mkv, mxf\) \(shot.footage.file\)$"
    names = {"a concat list": "an FFmpeg concat list", "HLS": "an HLS or m3u playlist", "DASH": "a DASH manifest",
             "a session description": "the format sdp", "subtitles": "the format srt"}  # fmt: skip
    for kind, name in names.items():
        write_playlist(tmp_path / "a.mp4", kind, real.name)
        with pytest.raises(ShotError, match=f"^a.mp4: found {name}{needed}"):
            probe("a.mp4", tmp_path)


def test_what_begins_as_a_playlist_is_refused_though_a_movie_follows(tmp_path):
    """One version of FFmpeg takes it for a transport stream, another for a list: Blender brings its own."""
    stream = write_numbered(tmp_path / "a.ts", 4, codec="mpeg2video", options={})
    (tmp_path / "both.ts").write_bytes(b"#EXTM3U\na.ts\n" + stream.read_bytes())
    with pytest.raises(ShotError, match="an HLS or m3u playlist"):
        probe("both.ts", tmp_path)


def test_a_picture_with_a_pattern_for_a_name_is_that_picture(tmp_path):
    """FFmpeg would read a001.png, a002.png, ... for a file that is there and is called a%03d.png."""
    import cv2

    for name, level in (("a001.png", 40), ("a002.png", 80), ("a%03d.png", 200)):
        cv2.imwrite(str(tmp_path / name), np.full((96, 96, 3), level, np.uint8))
    plate = probe("a%03d.png", tmp_path)
    (_, luma), *more = read_luma(plate, tmp_path, 1, plate.frame_count)
    assert plate.frame_count == 1 and not more and abs(float(luma.mean()) - 200) < 20


def test_pictures_in_another_file_are_refused(tmp_path):
    """Without our options FFmpeg follows the alias, when it is asked to: the file is a good test of them."""
    import av

    other = write_numbered(tmp_path / "other.mov", 4)
    path = with_pictures_elsewhere(other, tmp_path / "plate.mov", other)
    with av.open(str(path), container_options={"enable_drefs": "1", "use_absolute_path": "1"}) as followed:
        assert number_of(next(followed.decode(video=0)).to_ndarray(format="gray")) == 0
    with pytest.raises(ShotError, match=r"plate.mov: no frame can be decoded .*shot.footage.file"):
        probe(path.name, tmp_path)


@pytest.mark.parametrize(("name", "codec"), OWN_PICTURES.items())
def test_containers_that_hold_their_own_pictures_go_on_to_work(tmp_path, name, codec):
    options = {} if codec != "libx264" else {"bf": "0"}
    path = write_numbered(tmp_path / name, 4, codec=codec, options=options)
    opened = []

    def note(url: str, flags: int, more: dict):
        opened.append(Path(url).name)
        return open(url, "rb")

    with open_alone(path, "key") as container:
        shown = [number_of(frame.to_ndarray(format="gray")) for frame in container.decode(video=0)]
    assert shown == [0, 1, 2, 3]
    import av

    with av.open(str(path), container_options=OPTIONS, io_open=note) as container:
        list(container.decode(video=0))
    assert opened == [name]  # FFmpeg asked for no second file


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif", "webp", "exr", "tga", "hdr", "ppm"])
def test_stills_go_on_to_work(tmp_path, suffix):
    import OpenImageIO as oiio

    image = oiio.ImageBuf(np.full((96, 96, 3), 0.5, np.float32))
    assert image.write(str(tmp_path / f"s.{suffix}")), image.geterror()
    assert probe(f"s.{suffix}", tmp_path).frame_count == 1
    check_shown(tmp_path / f"s.{suffix}", "key")


def test_the_list_names_formats_that_there_are_and_none_that_follow():
    import av

    allowed = set(ALLOWED.split(","))
    assert allowed <= set(av.formats_available)
    assert not allowed & {"concat", "hls", "dash", "imf", "sdp", "rtsp", "rtp", "sap", "vobsub", "mlv", "lavfi",
                          "avisynth", "vapoursynth", "svg_pipe", "webm_dash_manifest", "v4l2", "x11grab"}  # fmt: skip


def test_a_playlist_is_refused_as_a_plate(tmp_path, small_movie):
    """Through the command line, as plate, mask and second camera, and by `doit new`: one line, nothing built."""
    project = make_project(tmp_path / "show")
    shutil.copy(small_movie, project.root / "footage" / "real.mp4")
    write_playlist(project.root / "footage" / "list.mp4", "a concat list", "real.mp4")
    project.write_shot("mini", shot_yaml(plate="list.mp4"))
    project.remove_other_shots("mini")
    ran = project.run("footage", "shot=mini")
    (line,) = ran.fault_lines
    told = "conf/shot/mini.yaml: shot.footage.file: footage/list.mp4: found an FFmpeg concat list; needed a movie"
    assert ran.code == 1 and line.startswith(told)
    ran = project.run(
        "tracks", "shot=mini", "shot.footage.file=footage/real.mp4", "tracking.mask.file=footage/list.mp4"
    )
    (line,) = ran.fault_lines
    assert ran.code == 1 and "found an FFmpeg concat list" in line and "tracking.mask.file" in line
    write_playlist(project.root / "footage" / "list.mp4", "a session description", "real.mp4")  # FFmpeg's word for it
    ran = project.run("footage", "shot=mini")
    (line,) = ran.fault_lines
    assert ran.code == 1 and line.startswith("footage:mini: footage/list.mp4: found the format sdp; needed a movie")
    write_playlist(project.root / "footage" / "list.mp4", "a concat list", "real.mp4")
    ran = project.run("new", "shot=other", "file=footage/list.mp4")
    (line,) = ran.fault_lines
    assert ran.code == 1 and "found an FFmpeg concat list" in line
    assert not (project.root / "conf/shot/other.yaml").exists()
