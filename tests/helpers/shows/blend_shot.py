"""A small shot whose camera, lens and points are known, built and rendered by real Blender.

The sheet and the ST-map are made by shotmake's own code, the .blend by blender_scripts, so what is
measured in the rendered pictures is the whole way from the solve to the comp.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np

from helpers.shows.in_blender import blender
from shotmake.config.schema import Config
from shotmake.files.npz_file import pack_npz
from shotmake.geometry.camera import cast_rays, project
from shotmake.geometry.lens import Lens
from shotmake.scene.numbers_for_blender import make_scene_sheet
from shotmake.stmap.maps import make_redistort_map, make_undistort_map, write_stmap
from shotmake.tracks.markers import Tracks, save_tracks

SIZE = (640, 360)
LENS = Lens(540, 540, SIZE[0] / 2 + 11.3, SIZE[1] / 2 - 6.7, k1=-0.12, k2=0.03)
FIRST_FRAME, FRAMES = 1001, (1002, 1003, 1004)  # the plate starts a frame before the range in use
STMAP = ".gsd-state/stmaps/shot.redistort.exr"


@dataclass(frozen=True)
class BlendShot:
    """A project folder with plate, sheet, tracks, points; `poses` (3, 3, 4) cam_from_world; `points` (N, 3)."""

    root: Path
    sheet: dict
    overscan_px: tuple[int, int]
    poses: np.ndarray
    points: np.ndarray
    size_px: tuple[int, int]
    lens: Lens

    def expected_px(self, frame: int) -> np.ndarray:
        """Where our own distorted projection puts all points."""
        return project(self.points, self.poses[FRAMES.index(frame)], self.lens)[0]

    def redistort_st(self) -> np.ndarray:
        return make_redistort_map(self.lens, self.size_px, self.overscan_px)

    def build(
        self,
        name: str,
        change_sheet: Callable[[dict], None] = lambda sheet: None,
        st: np.ndarray | None = None,
        with_tracks: bool = True,
        words: tuple = (),
    ) -> Path:
        """The .blend, after a change to a copy of the sheet, or with another ST-map, or with further arguments."""
        script, blend = self.build_words(name, change_sheet, st, with_tracks)
        blender(*script, *words)
        return blend

    def build_words(
        self,
        name: str,
        change_sheet: Callable[[dict], None] = lambda sheet: None,
        st: np.ndarray | None = None,
        with_tracks: bool = True,
    ) -> tuple[list, Path]:
        """Script and arguments that build it, as for `blender` and `in_one_blender`; and the .blend."""
        sheet = copy.deepcopy(self.sheet)
        change_sheet(sheet)
        sheet_file, stmap = self.root / f"{name}.json", STMAP.replace("shot", name)
        sheet_file.write_text(json.dumps(sheet))
        if st is None and not sheet["composite"]["apply_to_cg"]:
            st = make_undistort_map(self.lens, self.size_px, self.overscan_px)
        write_stmap(self.root / stmap, self.redistort_st() if st is None else st, "test", self.overscan_px)
        blend = self.root / ".gsd-state" / "composites" / f"{name}.blend"
        words = ["--project", self.root, "--sheet", sheet_file, "--stmap", stmap, "--out", blend]
        if with_tracks:
            words += ["--tracks", self.root / "tracks.npz", "--points", self.root / "points.npz"]
        return ["build_composite.py", *words], blend

    def dump(self, blend: Path) -> dict:
        out = blend.with_suffix(".dump.json")
        blender("dump_blend.py", "--blend", blend, "--out", out)
        return json.loads(out.read_text())


def make_blend_shot(
    root: Path, point_count: int = 120, size_px: tuple[int, int] = SIZE, lens: Lens = LENS
) -> BlendShot:
    """Lay out the project: a camera on an arc around a desk, points all over its frame."""
    width, height = size_px
    for folder in ("footage", ".gsd-state/composites", ".gsd-state/stmaps"):
        (root / folder).mkdir(parents=True)
    poses = np.stack([look_at(angle) for angle in (0.30, 0.34, 0.38)])
    generator = np.random.default_rng(5)
    xy_px = generator.uniform((4, 4), (width - 4, height - 4), (point_count, 2))
    xy_px[:4] = [(16, 16), (width - 16, 16), (16, height - 16), (width - 16, height - 16)]
    centre, directions = cast_rays(xy_px, poses[1], lens)
    points = centre + directions * generator.uniform(2.0, 4.0, (point_count, 1))

    for frame in range(FIRST_FRAME, FRAMES[-1] + 1):
        write_plate_frame(root / "footage" / f"plate.{frame}.png", frame, size_px)
    ids = np.arange(point_count, dtype=np.int32)
    markers = [project(points, pose, lens)[0] for pose in poses]
    tracks = Tracks.from_markers(np.tile(ids, 3), np.repeat(FRAMES, point_count), np.concatenate(markers))
    (root / "tracks.npz").write_bytes(save_tracks(tracks))
    arrays = {"track_id": ids, "point_xyz": points, "error_px": np.full(point_count, 0.2), "holdout": ids % 10 == 0}
    (root / "points.npz").write_bytes(pack_npz(arrays))

    sheet = make_scene_sheet(
        {
            "schema": 1,
            "shot": "shot",
            "status": "solved",
            "reason": "",
            "image_size_px": size_px,
            "lens": lens.to_json(),
            "focal_px_per_frame": None,
            "frames": list(FRAMES),
            "scale_known": False,
            "cam_from_world": poses.reshape(3, 12).tolist(),
        },
        {
            "files": [f"footage/plate.{FIRST_FRAME}.png"],
            "kind": "sequence",
            "first_frame": FIRST_FRAME,
            "frame_count": 4,
            "frame_rate": [24000, 1001],
            "color_space": "sRGB",
        },
        {**asdict(Config().shot), "frames": (FRAMES[0], FRAMES[-1])},
        asdict(Config().composite),
    )
    over = tuple((big - small) // 2 for big, small in zip(sheet["overscan"]["resolution_px"], size_px, strict=True))
    return BlendShot(root, sheet, over, poses, points, size_px, lens)


def look_at(angle: float) -> np.ndarray:
    """cam_from_world of a camera on a circle around the origin, looking just above it."""
    eye = np.array([3.2 * np.cos(angle), 3.2 * np.sin(angle), 1.6])
    ahead = np.array([0, 0, 0.25]) - eye
    ahead /= np.linalg.norm(ahead)
    right = np.cross(ahead, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    rotation = np.stack([right, np.cross(ahead, right), ahead])
    return np.concatenate([rotation, (-rotation @ eye)[:, None]], 1)


def write_plate_frame(path: Path, frame: int, size_px: tuple[int, int]) -> None:
    """A ramp in every channel; the blue one tells the frame."""
    x, y = np.meshgrid(np.linspace(40, 220, size_px[0]), np.linspace(40, 220, size_px[1]))
    blue = np.full_like(x, 60 + 40 * (frame - FIRST_FRAME))
    assert cv2.imwrite(str(path), np.stack([blue, y, x], -1).round().astype(np.uint8))
