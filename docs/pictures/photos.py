"""Make the pictures of knob_hero that the pages show, from a build of this very code, in the show's folder:

    doit shot=knob_hero
    doit render shot=knob_hero composite.render.frames=60 composite.render.format=png
    python docs/pictures/photos.py

report.jpg is a picture of report.html in a browser: chromium --headless --window-size=1180,915 --screenshot=...
"""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

PICTURES = Path(__file__).resolve().parent
BUILD = Path("build")
FRAME = 60
PICKS_FRAME, CUT = 48, (200, 210, 760, 440)  # left, top, right, bottom of what is shown, px
ORIGIN, DISTANCE = (478, 327), ((275, 393), (682, 396))  # as in conf/shot/knob_hero.yaml, px
# the hero: tracks on the left of this line, CG on its right; where the line meets the top and the bottom, px
LINE_TOP, LINE_BOTTOM = 475, 365


def main() -> None:
    """Write plate.jpg, picks.jpg, preview.jpg, preview.mp4, hero.jpg, and knob_hero.jpg one folder up."""
    plate, preview = read_movie(Path("footage/knob_hero.mp4")), read_movie(BUILD / "knob_hero" / "preview.mp4")
    (rendered,) = BUILD.glob(f"knob_hero*/render/knob_hero.{FRAME:04d}.png")
    comp = cv2.imread(str(rendered))
    write(PICTURES / "plate.jpg", plate[FRAME - 1], 84)
    write(PICTURES / "picks.jpg", draw_picks(plate[PICKS_FRAME - 1]), 84)
    write(PICTURES / "preview.jpg", preview[FRAME - 1], 84)
    write(PICTURES.parent / "knob_hero.jpg", comp, 88)
    write(PICTURES / "hero.jpg", split(preview[FRAME - 1], comp), 88)
    write_movie(PICTURES / "preview.mp4", preview)


def read_movie(path: Path) -> list[np.ndarray]:
    """Read all frames, BGR."""
    with av.open(str(path)) as movie:
        return [frame.to_ndarray(format="bgr24") for frame in movie.decode(video=0)]


def split(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Lay the left picture over the right one, up to the line."""
    high = right.shape[0]
    corners = np.array([[0, 0], [LINE_TOP, 0], [LINE_BOTTOM, high], [0, high]])
    mask = cv2.fillPoly(np.zeros(right.shape[:2], np.uint8), [corners], 255, cv2.LINE_AA)[..., None] / 255.0
    picture = (mask * left + (1 - mask) * right).round().astype(np.uint8)
    return cv2.line(picture, (LINE_TOP, 0), (LINE_BOTTOM, high), (255, 255, 255), 3, cv2.LINE_AA)


def draw_picks(picture: np.ndarray) -> np.ndarray:
    """Draw what conf/shot/knob_hero.yaml picks: the origin and a distance; cut out and twice as large."""
    left, top, right, bottom = CUT
    large = cv2.resize(picture[top:bottom, left:right], None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    origin, a, b = (tuple(2 * np.subtract(place, (left, top))) for place in (ORIGIN, *DISTANCE))
    cv2.line(large, a, b, (255, 255, 255), 2, cv2.LINE_AA)
    for place, words, shift in ((origin, "origin", (16, -12)), (a, "a", (-34, 8)), (b, "b", (18, 8))):
        cv2.circle(large, place, 8, (60, 60, 255), 3, cv2.LINE_AA)
        label(large, words, np.add(place, shift))
    label(large, "distance: 0.4 metres", np.add(np.add(a, b) // 2, (-120, -16)))
    return large


def label(picture: np.ndarray, words: str, place: np.ndarray) -> None:
    """Write words, white on a dark rim; place: where they begin."""
    for color, width in (((20, 20, 20), 5), ((255, 255, 255), 2)):
        at = (int(place[0]), int(place[1]))
        cv2.putText(picture, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8, color, width, cv2.LINE_AA)


def write(path: Path, picture: np.ndarray, quality: int) -> None:
    """Write a JPEG."""
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1])
    print(path, path.stat().st_size)


def write_movie(path: Path, pictures: list[np.ndarray]) -> None:
    """Write a small movie for a page: H.264, 24 frames/s."""
    with av.open(str(path), "w", options={"movflags": "faststart"}) as movie:
        options = {"crf": "36", "preset": "veryslow", "tune": "animation"}
        stream = movie.add_stream("libx264", rate=Fraction(24), options=options)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for picture in pictures:
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")))
        movie.mux(stream.encode())
    print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
