"""True to the pixel, in rendered pictures: where CG lands, how it is merged, what happens to the plate.

`--pixels` runs every lens and every plate; else two lenses and one plate.
"""

import itertools
import json

import cv2
import numpy as np

from helpers.measures.slip import read_exr, slip_px, spread_points
from helpers.shows.blend_shot import FIRST_FRAME, FRAMES, BlendShot, make_blend_shot
from helpers.shows.in_blender import in_one_blender
from shotmake.geometry.camera import project
from shotmake.geometry.lens import Lens
from shotmake.stmap.maps import make_undistort_map

FRAME = FRAMES[1]
MEDIAN_PX, WORST_PX = 0.1, 0.3


def lens_case(k1: float, portrait: bool, off_px: tuple[float, float], tall: float) -> tuple[tuple[int, int], Lens]:
    """A plate's size and a lens with its centre `off_px` from the middle and pixels `tall` times as high as wide."""
    size_px = (180, 320) if portrait else (320, 180)
    focal_px = 0.85 * max(size_px)
    fx_px, fy_px, centre = focal_px * tall**0.5, focal_px / tall**0.5, np.array(size_px) / 2 + off_px
    return size_px, Lens(fx_px, fy_px, *centre.tolist(), k1, k2=-0.25 * k1)


ALL = [lens_case(*case) for case in itertools.product(
    (-0.25, -0.1, 0.05), (False, True), ((0.0, 0.0), (14.3, -9.7)), (1.0, 0.75, 1.5))]  # fmt: skip
FEW = [lens_case(-0.25, False, (14.3, -9.7), 1.5), lens_case(0.05, True, (-11.0, 14.2), 0.75)]


def bare(sheet: dict) -> None:
    """Neither plate nor CG but what a test puts there."""
    sheet["composite"].update(background_source="none", shadow_catcher=False)
    sheet["subject"]["kind"] = sheet["lights"]["preset"] = "none"


def picture_of(blend, name: str = "picture.####.exr", samples: int = 4, **options) -> list:
    words = ["render_frames.py", "--blend", blend, "--frames", FRAME, "--out", blend.with_name(f"{blend.stem}.{name}")]
    return [*words, "--samples", samples, *(word for key, value in options.items() for word in (f"--{key}", value))]


def rendered(blend) -> np.ndarray:
    return read_exr(blend.with_name(f"{blend.stem}.picture.{FRAME}.exr"))


def marked(shot: BlendShot, name: str, expected_px: np.ndarray, size_px, change=bare) -> tuple[list[list], list]:
    """The runs that build a .blend, render markers in it and look through its cameras; and which points they are."""
    chosen = spread_points(expected_px, size_px, apart_px=30.0)
    markers = shot.root / f"{name}.markers.json"
    markers.write_text(json.dumps(shot.points[chosen].tolist()))
    words, blend = shot.build_words(name, change)
    look = ["../tests/blender/inspect_blend.py", blend, FRAME, json.dumps(shot.points.tolist())]
    return [words, picture_of(blend, samples=16, markers=markers), look], [blend, chosen]


def looked(said: str) -> list[dict]:
    return [json.loads(line[2:]) for line in said.splitlines() if line.startswith("##")]


def seen_px(camera: dict) -> np.ndarray:
    """What Blender's own projection matrix says: (N, 2) px from the top-left corner."""
    return (np.array(camera["xy"]) * (0.5, -0.5) + 0.5) * camera["size_px"]


def test_cg_lands_where_our_lens_says(tmp_path, pytestconfig):
    """Through every lens, in the render and in the viewport of both cameras."""
    cases = ALL if pytestconfig.getoption("--pixels") else FEW
    runs, made = [], []
    for number, (size_px, lens) in enumerate(cases):
        shot = make_blend_shot(tmp_path / str(number), 60, size_px, lens)
        more, found = marked(shot, "marked", shot.expected_px(FRAME), size_px)
        runs += more
        made.append((shot, *found))
    views = looked(in_one_blender(runs))
    for (shot, blend, chosen), view in zip(made, views, strict=True):
        slip = slip_px(rendered(blend), shot.expected_px(FRAME)[chosen], 8.0)
        print(shot.size_px, shot.lens, f"slip median {np.median(slip):.3f} px, worst {slip.max():.3f}")
        assert len(slip) >= 6 and np.median(slip) < MEDIAN_PX and slip.max() < WORST_PX, (shot.lens, slip)
        straight_px = project(shot.points, shot.poses[1], shot.lens.without_distortion())[0]
        wide = view["cameras"]["overscan_camera"]
        growth = np.array(shot.sheet["overscan"]["resolution_px"]) / shot.size_px
        for camera, expected_px in (
            (seen_px(view["cameras"]["solved_camera"]), straight_px),
            (seen_px(wide) * growth - shot.overscan_px, straight_px),
        ):
            assert np.abs(camera - expected_px).max() < 0.01, shot.lens


def linear_plate(shot: BlendShot, name: str, seed: int) -> np.ndarray:
    """A smooth plate of 0 to 2, written as `footage/<name>.<frame>.exr` -> (H, W, 3) RGB."""
    import OpenImageIO as oiio

    width, height = shot.size_px
    noise = np.random.default_rng(seed).random((height, width, 3))
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.0)
    pixels = (2.0 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32)
    for frame in range(FIRST_FRAME, FRAMES[-1] + 1):
        path = str(shot.root / "footage" / f"{name}.{frame}.exr")
        output = oiio.ImageOutput.create(path)
        assert output.open(path, oiio.ImageSpec(width, height, 3, "float")) and output.write_image(pixels)
        output.close()
    return pixels


def is_linear(sheet: dict) -> None:
    sheet["color_space"] = "Linear"
    sheet["plate"]["file"] = f"footage/linear.{FIRST_FRAME}.exr"


def merged_by_hand(mode: str, cg: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """Nuke's Merge: (H, W, 4) premultiplied CG with (H, W, 3) -> (H, W, 3)."""
    a, clear = cg[..., :3], 1 - cg[..., 3:]
    if mode == "multiply":
        return behind * clear + a * behind
    if mode == "add":
        return a + behind
    if mode == "screen":
        return np.where((a <= 1) | (behind <= 1), a + behind - a * behind, np.maximum(a, behind))
    return a + behind * clear


def test_every_mode_is_its_formula_and_the_plate_passes(tmp_path):
    """With CG of any alpha and brighter than white; the still of over_plate is another picture than the plate."""
    shot = make_blend_shot(tmp_path / "show", 8, (160, 90), Lens(136, 136, 84.0, 42.0, k1=-0.1))
    plate, still = linear_plate(shot, "linear", 1), linear_plate(shot, "still", 2)
    modes = ("over_footage", "over_plate", "multiply", "add", "screen")
    runs, blends = [], {}
    for mode in (*modes, "alone"):

        def change(sheet: dict, mode: str = mode) -> None:
            bare(sheet)
            is_linear(sheet)
            source = {"over_plate": "image", "alone": "none"}.get(mode, "footage")
            file = f"footage/still.{FRAME}.exr"
            sheet["composite"].update(background_source=source, background_image=file)
            sheet["composite"]["mode"] = "screen" if mode == "alone" else mode

        words, blends[mode] = shot.build_words(mode, change, with_tracks=False)
        runs += [words, ["../tests/blender/light_card.py", blends[mode]], picture_of(blends[mode])]
    in_one_blender(runs)
    cg = rendered(blends["alone"])
    assert ((cg[..., :3] > 1) & (plate > 1)).any(2).sum() > 100  # where Blender's own screen is wrong
    assert 0.1 < np.median(cg[cg[..., 3] > 0][:, 3]) < 0.9 and (cg[..., 3] == 0).any()
    for mode in modes:
        found, behind = rendered(blends[mode]), still if mode == "over_plate" else plate
        expected = merged_by_hand(mode, cg, behind)
        assert np.abs(found[..., :3] - expected).max() < 1 / 255, mode
        assert np.abs(found[..., 3] - 1).max() < 1e-5, mode
        assert np.abs(found[..., :3] - behind)[cg[..., 3] == 0].max() < 1e-5


def test_the_plate_passes_in_8_bits(tmp_path):
    """(Linear: above, in floats.)"""
    shot = make_blend_shot(tmp_path / "show", 8, (160, 90), Lens(136, 136, 84.0, 42.0, k1=-0.1))
    runs, blends = [], {}
    for color_space in ("Rec.709", "sRGB", "Raw"):

        def change(sheet: dict, color_space: str = color_space) -> None:
            bare(sheet)
            sheet["color_space"] = color_space
            sheet["composite"]["background_source"] = "footage"

        words, blends[color_space] = shot.build_words(color_space, change)
        runs += [words, picture_of(blends[color_space], "####.png")]
    in_one_blender(runs)
    plate = cv2.imread(str(shot.root / "footage" / f"plate.{FRAME}.png")).astype(int)
    for color_space, blend in blends.items():
        found = cv2.imread(str(blend.with_name(f"{color_space}.{FRAME}.png")), cv2.IMREAD_UNCHANGED).astype(int)
        assert np.abs(found[..., :3] - plate).max() <= 1 and (found[..., 3] == 255).all(), color_space


def test_the_plate_undistorted_under_the_cg(tmp_path):
    """apply_to_cg false: nothing of the plate is lost, it lies where our own remap puts it, and CG is a pinhole's."""
    size_px, lens = lens_case(-0.2, False, (14.3, -9.7), 1.25)
    shot = make_blend_shot(tmp_path / "show", 60, size_px, lens)
    plate = linear_plate(shot, "linear", 3)
    straight_px = project(shot.points, shot.poses[1], lens.without_distortion())[0] + shot.overscan_px
    wide = tuple(shot.sheet["overscan"]["resolution_px"])

    def off(sheet: dict) -> None:
        bare(sheet)
        is_linear(sheet)
        sheet["composite"]["apply_to_cg"] = False

    def off_with_plate(sheet: dict) -> None:
        off(sheet)
        sheet["composite"]["background_source"] = "footage"

    runs, (blend, chosen) = marked(shot, "marked", straight_px, wide, off)
    words, plate_blend = shot.build_words("plate", off_with_plate)
    (view,) = looked(in_one_blender([*runs, words, picture_of(plate_blend)]))
    slip = slip_px(rendered(blend), straight_px[chosen], 8.0)
    assert rendered(blend).shape == (wide[1], wide[0], 4) and view["scenes"] == 1
    assert np.median(slip) < MEDIAN_PX and slip.max() < WORST_PX, slip
    assert np.abs(seen_px(view["cameras"]["overscan_camera"]) - straight_px).max() < 0.01
    found = rendered(plate_blend)
    st = make_undistort_map(lens, size_px, shot.overscan_px)
    x, y = st[..., 0] * size_px[0] - 0.5, (1 - st[..., 1]) * size_px[1] - 0.5
    expected = cv2.remap(plate, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR)
    inside = (x > 0) & (x < size_px[0] - 1) & (y > 0) & (y < size_px[1] - 1)
    assert np.abs(found[..., :3] - expected)[inside].max() < 2 / 255
    outside = (x < -1) | (x > size_px[0]) | (y < -1) | (y > size_px[1])
    assert np.abs(found[..., 3] - 1)[inside].max() < 1e-4 and found[outside].max() < 1e-4
    assert inside.sum() > 0.98 * size_px[0] * size_px[1]  # all of it is there


def test_nodes_lie_apart_in_labelled_frames_from_left_to_right(tmp_path):
    shot = make_blend_shot(tmp_path / "show", 8, (160, 90))
    runs = []
    for mode, on_cg in (("over_footage", True), ("multiply", True), ("screen", False)):
        words, blend = shot.build_words(
            mode, lambda sheet, mode=mode, on_cg=on_cg: sheet["composite"].update(mode=mode, apply_to_cg=on_cg)
        )
        runs += [words, ["../tests/blender/inspect_blend.py", blend, FRAME, "[]"]]
    for view in looked(in_one_blender(runs)):
        for nodes in view["trees"].values():
            for one, other in itertools.combinations(nodes, 2):
                beside = one[2] + one[4] <= other[2] or other[2] + other[4] <= one[2]
                upper, lower = sorted((one, other), key=lambda node: -node[3])
                assert beside or upper[3] - lower[3] >= HEIGHTS.get(upper[1], 140), (one, other)
        frames = {frame for *_, frame in view["trees"]["comp"]}
        assert frames == {"plate", "lens", "CG", "shadow", "merge", "output"}
        order = [min(x for *_, x, _, _, frame in view["trees"]["comp"] if frame == name) for name in ("CG", "merge")]
        assert order == sorted(order)


HEIGHTS = {  # as Blender draws them, in the units of their places, previews included
    "CompositorNodeRLayers": 330, "CompositorNodeMovieClip": 320, "CompositorNodeImage": 300, "ShaderNodeMix": 200,
    "ShaderNodeVectorMath": 170, "CompositorNodeMapUV": 150, "CompositorNodeSeparateColor": 170,
}  # fmt: skip
