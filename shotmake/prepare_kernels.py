"""Compile every kernel, once a machine, in parts.

A build starts it while it reads its first plate (tasks/engine/processes/kernels.py). Each kernel is called with arrays
of the types of a real build, so that a build that follows compiles nothing.
"""

import contextlib
import fcntl
import hashlib
import os
import platform
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from shotmake.files.user_cache import find_kernels

if TYPE_CHECKING:  # a build only asks whether all is ready
    import numpy as np

KERNELS = ("geometry", "solve/bundle", "solve/links", "tracks")  # folders of this package that hold kernels
SIDE_PX, RADIUS_PX = 128, 10
FRAMES, POINTS = 4, 30


def prepare_match() -> None:
    """Compile the match of anchors, the largest kernel, by matching none."""
    import numpy as np

    from shotmake.tracks.anchor import Anchors, make_disc, refine

    disc, none = make_disc(RADIUS_PX), np.arange(0)
    pixels, steps = np.empty((0, len(disc.x)), np.float32), np.empty((0, 8))
    anchors = Anchors(
        motion_model="affine",
        disc=disc,
        rows=none,
        pattern=pixels,
        gradient=np.empty((0, 2, len(disc.x)), np.float32),
        on_pattern=steps,
        on_one=steps,
        solve=np.empty((0, 8, 8)),
        solve_shift=np.empty((0, 2, 2)),
        quadrant_hessian=np.empty((0, 4, 3)),
        shift_variance=np.empty(0),
        contrast=np.empty(0),
        roundness=np.empty(0),
    )
    refine(make_picture(), anchors, np.empty((0, 2)), np.empty((0, 2, 2)), np.empty((0, 2)))


def prepare_follow() -> None:
    """Compile the other kernels of the tracker: corners, patches, the prediction from frame to frame."""
    import numpy as np

    from shotmake.config.schema import Detect
    from shotmake.tracks.anchor import cut_patches, prepare
    from shotmake.tracks.detect import detect_corners
    from shotmake.tracks.predict import Picture, predict

    picture = Picture(make_picture())
    corners = detect_corners(picture.half, np.empty((0, 2)), POINTS, Detect(), 2.0)
    patches, _ = cut_patches(picture.luma, 2 * corners, 2 * RADIUS_PX + 1)
    prepare(patches, "affine")
    predict(picture.levels, picture.levels, 2 * corners, 2 * corners, np.array([SIDE_PX, SIDE_PX]))


def prepare_solve() -> None:
    """Compile the kernels of points, of the adjustment, of the links and of the lens grid, with a small scene."""
    import numpy as np

    from shotmake.geometry.camera import project
    from shotmake.geometry.lens import Lens
    from shotmake.geometry.lens_grid_kernels import bend_points
    from shotmake.solve.bundle.adjust import adjust, compute_lens_covariance, derive
    from shotmake.solve.bundle.observations import Observations
    from shotmake.solve.bundle.to_and_from_bundle import bundle_of
    from shotmake.solve.bundle.triangulate import triangulate
    from shotmake.solve.links.measure_links import measure_links

    random = np.random.default_rng(0)
    lens = Lens(SIDE_PX, SIDE_PX, SIDE_PX / 2, SIDE_PX / 2)
    cameras = np.tile(np.eye(3, 4), (FRAMES, 1, 1))
    cameras[:, 0, 3] = np.linspace(-0.5, 0.5, FRAMES)
    points = np.concatenate([random.uniform(-1, 1, (POINTS, 2)), random.uniform(3, 5, (POINTS, 1))], 1)
    xy_px = np.stack([project(points, camera, lens)[0] for camera in cameras], 1).reshape(-1, 2)
    track, frame = np.repeat(np.arange(POINTS), FRAMES), np.tile(np.arange(FRAMES), POINTS)
    expected_px = np.full(len(track), 0.1)
    noise_px = random.normal(0, 0.1, xy_px.shape)
    markers = Observations(track, frame, xy_px + noise_px, expected_px, np.arange(POINTS), FRAMES)
    bundle, _, _ = bundle_of(cameras, markers, lens, np.zeros(FRAMES), triangulate(markers, cameras, lens))
    adjust(bundle, markers, ("focal", "k1"), rounds=1)
    derive(bundle, markers)
    compute_lens_covariance(bundle, markers, ("focal",), 1.0, 1.0)
    measure_links(markers, cameras, lens, 1.0)
    bend_points(np.zeros((1, 2)), np.full(2, -1.0), np.full(2, 1.0), np.zeros((4, 4, 2)))


def make_picture() -> "np.ndarray":
    """Return a picture (SIDE_PX, SIDE_PX) uint8 with corners in it."""
    import cv2
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 255, (SIDE_PX, SIDE_PX), dtype=np.uint8)
    return np.ascontiguousarray(cv2.GaussianBlur(noise, (0, 0), 1.5))


PARTS: dict[str, Callable[[], None]] = {
    "match": prepare_match,
    "follow": prepare_follow,
    "solve": prepare_solve,
}


@cache
def place_ready(part: str) -> Path | None:
    """Return the file that says that a part is compiled. Its folder is made; None where nothing can be kept.

    Its name has a digest of our code, of the libraries that compile it, and of the processor.
    """
    folder = find_kernels()
    if folder is None:
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    if not os.access(folder, os.W_OK):
        return None
    ours = Path(__file__).parent
    files = [path for name in KERNELS for path in sorted((ours / name).rglob("*.py"))]
    known = [version("numba"), version("numpy"), sys.version, platform.machine(), _read_processor()]
    digest = hashlib.sha256("\n".join(known).encode())
    for path in (Path(__file__), *files):
        digest.update(path.read_bytes())
    return folder / f"{part}-{digest.hexdigest()[:20]}.ready"


def _read_processor() -> str:
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags", "Features"))}))
    return ""


def main() -> None:
    """Compile the parts that the command line names, else all, where they are not compiled yet.

    One process does a part. Another that is asked for it meanwhile leaves it.
    """
    from shotmake.geometry.compiled import remove_oldest

    for part in sys.argv[1:] or list(PARTS):
        ready = place_ready(part)
        if ready is None or ready.exists():
            continue
        with open(ready.with_suffix(".lock"), "w", encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            PARTS[part]()
            ready.touch()
    remove_oldest()


if __name__ == "__main__":
    main()
