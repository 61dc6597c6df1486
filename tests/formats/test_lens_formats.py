"""Lenses of other programs: there and back, with each format's quirks, and as a grid where no formula of ours fits."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import root

from helpers.measures.lens_models import ANAMORPHIC, CLASSIC, RADIAL, on_film
from helpers.shows.lens_files import LENS, SIZE_PX, take_of, text_3de, text_nk, written
from shotmake.config.format_registry import LENSES
from shotmake.errors import ShotError
from shotmake.formats.lenses import tde_lens
from shotmake.formats.lenses.lens_request import LensAsked
from shotmake.geometry.lens import Lens, distort, measure_overscan_px, undistort
from shotmake.geometry.lens_models.lens_of_3de import Lens3de
from shotmake.lens.read_lens import read_lens
from shotmake.stmap.maps import make_redistort_map, make_undistort_map, write_stmap

ASKED = LensAsked(SIZE_PX, focal_px=2000.0)
SQUEEZED = Lens(1000.0, 2000.0, 482.0, 536.0, k1=-0.1, k2=0.03)
WRITERS = [format for format in LENSES if format.writes]


def off_px(lens: Lens, other: Lens3de, size_px: tuple[int, int] = SIZE_PX) -> float:
    """The largest distance between where both undistort random places of the plate to, each with its own focal."""
    xy_px = np.random.default_rng(8).uniform((0, 0), size_px, (2000, 2))
    xy_px[:4] = [(0, 0), (0, size_px[1]), (size_px[0], 0), size_px]
    ours = undistort(lens.normalised_from_px(xy_px), lens)
    straight = other.undistort(xy_px, size_px)
    centre = other.undistort(np.array([size_px]) / 2, size_px)  # on the way to the lens centre
    focal = other.compute_focal_px(size_px)
    middle = np.array(size_px) * (0.5 + other.offset_x_cm / other.width_cm, 0.5 - other.offset_y_cm / other.height_cm)
    assert np.isfinite(centre).all()
    return float(np.linalg.norm((ours - (straight - middle) / focal) * focal, axis=1).max())


def lens_error_px(found: Lens, true: Lens) -> float:
    """The house's lens error: corners and edge middles, each lens with its own focal length."""
    x, y = np.meshgrid((0, 0.5, 1), (0, 0.5, 1))
    xy_px = np.stack([x, y], -1).reshape(-1, 2) * SIZE_PX
    plane = undistort(true.normalised_from_px(xy_px), true)
    return float(np.linalg.norm(found.px_from_normalised(distort(plane, found)) - xy_px, axis=1).max())


@pytest.mark.parametrize("format", WRITERS, ids=lambda format: format.word)
def test_every_format_there_and_back(tmp_path, format):
    lens, notes = read_lens(written(tmp_path, format.word, take_of(LENS)), ASKED)
    fits = {"lens_3de": 0.05, "lens_nk": 0.05}.get(format.word, 1e-9)
    assert lens.grid is None and lens_error_px(lens, LENS) < fits
    assert bool(notes) == (fits > 1e-6)
    squeezed, _ = read_lens(written(tmp_path, format.word, take_of(SQUEEZED, (960, 1080))), LensAsked((960, 1080), 2.0))
    assert squeezed.fy_px / squeezed.fx_px == pytest.approx(2) and squeezed.k1 == pytest.approx(-0.1, abs=1e-3)


@pytest.mark.parametrize("format", WRITERS, ids=lambda format: format.word)
def test_what_a_format_cannot_say_is_refused_in_one_line(tmp_path, format):
    with pytest.raises(ShotError, match=f"{format.word}: the lens zooms.*shot.export"):
        written(tmp_path, format.word, take_of(LENS, zoom=[2000.0, 2100.0]))
    path = tmp_path / "anamorphic.nk"
    path.write_text(text_nk(on_film("anamorphic")))
    grid, _ = read_lens(path, ASKED)
    with pytest.raises(ShotError, match=f"{format.word}: .*take {format.word} out of shot.export"):
        written(tmp_path, format.word, take_of(grid))


@pytest.mark.parametrize("name", ["classic", "radial", "anamorphic"])
@pytest.mark.parametrize("suffix", [".txt", ".nk"])
def test_a_lens_of_3de_is_kept_exactly(tmp_path, name, suffix):
    path = tmp_path / f"lens{suffix}"
    path.write_text((text_3de if suffix == ".txt" else text_nk)(on_film(name)))
    lens, (note,) = read_lens(path, ASKED)
    assert lens.grid is not None and "kept as a grid" in note
    assert off_px(lens, on_film(name)) < 0.001
    assert Lens.from_json(json.loads(json.dumps(lens.to_json()))).grid.bend.tolist() == lens.grid.bend.tolist()


@pytest.mark.parametrize("name", ["classic", "radial"])
def test_a_lens_of_3de_that_fits_becomes_ours(tmp_path, name):
    values = {"Distortion": 0.02, "Quartic Distortion": 0.003} if name == "classic" else {
        "Distortion - Degree 2": 0.02, "Quartic Distortion - Degree 4": 0.003}  # fmt: skip
    gentle = replace(on_film(name), values=values)
    (tmp_path / "lens.txt").write_text(text_3de(gentle))
    lens, (note,) = read_lens(tmp_path / "lens.txt", ASKED)
    assert lens.grid is None and off_px(lens, gentle) < 0.1 and "as Brown-Conrady it is off by" in note
    exact, _ = read_lens(tmp_path / "lens.txt", ASKED, max_fit_px=0.0005)
    assert off_px(exact, gentle) < 0.0006


def test_anamorphic_plates_stay_squeezed(tmp_path):
    """2:1: 960 px wide, seen as 1920; the film back is that of the picture as it is seen."""
    squeezed = replace(on_film("anamorphic"), pixel_aspect=2.0)
    (tmp_path / "lens.nk").write_text(text_nk(squeezed))
    lens, _ = read_lens(tmp_path / "lens.nk", LensAsked((960, 1080), 2.0))
    assert lens.fy_px == 2 * lens.fx_px and off_px(lens, squeezed, (960, 1080)) < 0.001
    with pytest.raises(ShotError, match=r"lens.nk:2: found a film back of 2.4 x 1.35 cm, needed 2.4 x .*pixel_aspect"):
        read_lens(tmp_path / "lens.nk", LensAsked((960, 1080), 1.0))


def test_the_text_as_windows_and_people_leave_it(tmp_path):
    plain, odd = tmp_path / "plain.txt", tmp_path / "odd.txt"
    plain.write_text(text_3de(on_film("radial")))
    text = (
        plain.read_text()
        .replace("lens\n", "l\u00e9ns # 1\n", 1)
        .replace(" ", "\t", 3)
        .replace("\n0\n", "\n\n# a remark\n0 \n")
    )
    text = text.replace("Degree 4\n", "Degree 4 [Plugin]\n", 1).replace("\n", "\r\n")
    odd.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (first, _), (second, _) = (read_lens(path, ASKED) for path in (plain, odd))
    np.testing.assert_array_equal(first.grid.bend, second.grid.bend)


def test_curves_of_a_lens_that_stays_as_it_is(tmp_path):
    path, model = tmp_path / "lens.txt", on_film("classic")
    still, zoom = ([f"{focal} {value} 0 0 0 0 SMOOTH" for focal, value in pairs] for pairs in
                   ([(2.0, -0.06), (9.0, -0.06)], [(2.0, -0.06), (9.0, -0.02)]))  # fmt: skip
    found = []
    for mode, keys in (("DISTORTION_DYNAMIC_FOCAL_LENGTH", still), ("DISTORTION_STATIC", zoom), ("0", still)):
        path.write_text(text_3de(model, mode, {"Distortion": keys}))
        found.append(read_lens(path, ASKED)[0].grid.bend)
    assert (found[0] == found[1]).all() and (found[0] == found[2]).all()
    path.write_text(text_3de(model, "1", {"Distortion": zoom}))
    with pytest.raises(
        ShotError, match=r"lens.txt:9: found Distortion changing from -0.06 to -0.02, needed a lens that"
    ):
        read_lens(path, ASKED)


def test_a_3de_line_of_one_word_says_so(tmp_path):
    path = tmp_path / "lens.txt"
    path.write_text("lens\n2.4\n0\n3DE4 Radial - Standard, Degree 4\n")
    with pytest.raises(ShotError, match=r"lens.txt:2: found 1 number, needed 7: film back"):
        tde_lens.read(path, ASKED)
    path.write_text(text_3de(on_film("classic"), "1", {"Distortion": ["2.0"]}))
    with pytest.raises(ShotError, match=r"lens.txt:8: found 1 column, needed 2 or more"):
        read_lens(path, ASKED)


def test_nuke_scripts_as_3de_and_nuke_leave_them(tmp_path):
    """Several nodes of one lens, other nodes, curves that stay, knobs at their defaults, unsaved."""
    path, model = tmp_path / "comp.nk", on_film("radial")
    node = text_nk(model)
    curve = "{{curve i x1001 0.07 x1002 0.07 s0 t0}}"
    other = text_nk(model, Distortion_Degree_2=curve).replace(
        " direction undistort\n", ' direction distort\n label "a } b"\n'
    )
    path.write_text(
        'Root {\n format "1920 1080 0 0 1920 1080 1 hd"\n}\n' + node + "Blur {\n size {{curve x1 1 x2 9}}\n}\n" + other
    )
    expected, _ = read_lens(path, ASKED)
    path.write_text(node.replace(" tde4_pixel_aspect 1.0000000 \n", "").replace("}\n", " name LD\n}\n"))
    np.testing.assert_array_equal(read_lens(path, ASKED)[0].grid.bend, expected.grid.bend)
    faults = {
        text_nk(model, Distortion_Degree_2="{{curve x1 0.07 x2 0.08}}"): "values from 0.07 to 0.08",
        text_nk(model, tde4_focal_length_cm="{{curve x 1 3.0 x 2 5.0}}"): "values from 3 to 5",
        text_nk(model, Distortion_Degree_2="{{parent.k1}}"): "found 'parent.k1'",
        node + text_nk(replace(model, focal_cm=4.0)): "another lens than in line 2",
        node.replace("Radial_Standard_Degree_4", "Radial_Fisheye_Degree_8"): "LD_3DE4_Radial_Fisheye_Degree_8",
        node.replace(" tde4_filmback_width_cm 2.4000000 \n", ""): "without tde4_filmback_width_cm",
        "Blur {\n size 3\n}\n": "found no LD_3DE node",
        node[:-3]: "no end of",
    }
    for text, words in faults.items():
        path.write_text(text)
        with pytest.raises(ShotError, match=rf"comp.nk:?\d*: .*{words}"):
            read_lens(path, ASKED)


@pytest.mark.parametrize("model", ["Brown-Conrady D-U", "Brown-Conrady U-D", None])
def test_opentrackio_by_its_own_equations(tmp_path, model):
    """eps_u = U(eps_d - dC - dP) + dC + dP and eps_u = F X/Z + dP, in mm, y down; solved here by scipy."""
    focal, sensor, shift, around = 30.0, np.array([24.0, 13.5]), np.array([0.1, -0.05]), np.array([0.2, 0.1])
    k, p = [-1e-4, 2e-5, 3e-7, 0.0, 1e-10, 0.0], [2e-6, -3e-6]
    block = {"radial": k, "tangential": p} | ({"model": model} if model else {})
    tree = {
        "static": {"camera": {"activeSensorPhysicalDimensions": {"width": 24.0, "height": 13.5}}},
        "lens": {"distortion": [block], "pinholeFocalLength": focal, "projectionOffset": {"x": 0.1, "y": -0.05},
                 "distortionOffset": {"x": 0.2, "y": 0.1}},
    }  # fmt: skip
    path = tmp_path / "sample.json"
    path.write_text(json.dumps(tree))
    lens, _ = read_lens(path, ASKED, max_fit_px=0.001)

    def formula(mm: np.ndarray) -> np.ndarray:
        r2 = mm @ mm
        scale = (1 + k[0] * r2 + k[2] * r2**2 + k[4] * r2**3) / (1 + k[1] * r2 + k[3] * r2**2 + k[5] * r2**3)
        cross = 2 * mm[0] * mm[1]
        return scale * mm + [p[0] * cross + p[1] * (r2 + 2 * mm[0] ** 2), p[0] * (r2 + 2 * mm[1] ** 2) + p[1] * cross]

    for xy_px in ((0.0, 0.0), (1920.0, 1080.0), (300.0, 900.0)):
        distorted = (np.array(xy_px) / SIZE_PX - 0.5) * sensor - around - shift
        undone = root(lambda mm, goal=distorted: formula(mm) - goal, distorted, tol=1e-13).x
        undistorted = (undone if model == "Brown-Conrady U-D" else formula(distorted)) + around
        ours = undistort(lens.normalised_from_px(np.array(xy_px)), lens)
        assert np.abs(ours - undistorted / focal).max() * focal * 80 < 0.002  # px


@pytest.mark.parametrize("name", ["undistort", "redistort"])
@pytest.mark.parametrize("lens", [replace(LENS, cx_px=960.0, cy_px=540.0), Lens(2000.0, 2000.0, 960.0, 540.0, k1=0.08)],
                         ids=["barrel", "pincushion"])  # fmt: skip
def test_an_st_map_of_ours_is_the_lens_it_was_made_from(tmp_path, name, lens):
    size_px = (480, 270)  # the map's; it holds for the plate's size too
    small = replace(lens, fx_px=500.0, fy_px=500.0, cx_px=240.0, cy_px=135.0)
    overscan = measure_overscan_px(small, size_px)
    make = make_undistort_map if name == "undistort" else make_redistort_map
    write_stmap(tmp_path / "map.exr", make(small, size_px, overscan), name, overscan)
    found, _ = read_lens(tmp_path / "map.exr", ASKED)
    assert found.grid is None and lens_error_px(found, lens) < 0.04
    with pytest.raises(ShotError, match="map.exr: an ST-map has no focal length; needed shot.camera.focal_mm"):
        read_lens(tmp_path / "map.exr", LensAsked(SIZE_PX))


def test_an_st_map_of_a_lens_without_formula_is_carried_as_it_is(tmp_path):
    """Another program's: no header of ours, a data window larger than the display window."""
    import OpenImageIO as oiio

    model = replace(on_film("anamorphic"), offset_x_cm=0.0, offset_y_cm=0.0)
    size_px, over = (480, 270), 20
    x, y = np.meshgrid(np.arange(-over, 480 + over) + 0.5, np.arange(-over, 270 + over) + 0.5)
    places = model.distort(np.stack([x, y], -1), size_px)
    st = np.stack([places[..., 0] / 480, 1 - places[..., 1] / 270, np.zeros_like(x)], -1).astype(np.float32)
    spec = oiio.ImageSpec(st.shape[1], st.shape[0], 3, "float")
    spec.x = spec.y = -over
    spec.full_x = spec.full_y = 0
    spec.full_width, spec.full_height = size_px
    output = oiio.ImageOutput.create(str(tmp_path / "map.exr"))
    assert output.open(str(tmp_path / "map.exr"), spec) and output.write_image(st) and output.close()
    asked = LensAsked(size_px, focal_px=model.compute_focal_px(size_px)[0])
    with pytest.raises(ShotError, match="does not say which way it goes; needed shot.camera.st_map_direction"):
        read_lens(tmp_path / "map.exr", asked)
    lens, (note,) = read_lens(tmp_path / "map.exr", replace(asked, direction="undistort"))
    assert lens.grid is not None and off_px(lens, model, size_px) < 0.01, note
    torn = st.copy()
    torn[..., :2] += np.random.default_rng(3).normal(0, 1e-3, torn[..., :2].shape)
    write_stmap(tmp_path / "torn.exr", torn, "undistort", (over, over))
    with pytest.raises(ShotError, match=r"torn.exr: its distortion is not smooth: .* px .*lens_max_fit_px 0.1"):
        read_lens(tmp_path / "torn.exr", asked)
    spec = oiio.ImageSpec(480, 270, 1, "float")
    output = oiio.ImageOutput.create(str(tmp_path / "grey.exr"))
    assert output.open(str(tmp_path / "grey.exr"), spec) and output.write_image(st[:270, :480, :1]) and output.close()
    with pytest.raises(ShotError, match=r"grey.exr: found 1 channel of 480x270 px, needed R and G of an ST-map"):
        read_lens(tmp_path / "grey.exr", asked)
    write_stmap(tmp_path / "narrow.exr", st[over:-over, over:-over], "undistort", (0, 0))
    with pytest.raises(ShotError, match="narrow.exr: found nothing of the plate around .*needed a map with overscan"):
        read_lens(tmp_path / "narrow.exr", asked)


@pytest.mark.parametrize("values", [CLASSIC, RADIAL, ANAMORPHIC], ids=["classic", "radial", "anamorphic"])
def test_values_that_are_no_lens_are_one_line(tmp_path, values):
    name = {id(CLASSIC): "classic", id(RADIAL): "radial", id(ANAMORPHIC): "anamorphic"}[id(values)]
    first = next(iter(values))
    faults = {
        "folds over": {first: -40.0},
        "found '1e999', needed a number": {first: "1e999"},
        "found 'nan', needed a number": {first: "nan"},
    }
    for words, changed in faults.items():
        model = on_film(name)
        text = text_3de(replace(model, values={**values, **dict.fromkeys(changed, 0.5)}))
        for key, value in changed.items():
            text = text.replace(f"{key}\n0.5\n", f"{key}\n{value}\n")
        (tmp_path / "lens.txt").write_text(text)
        with pytest.raises(ShotError, match=rf"lens.txt:\d+: .*{words}") as caught:
            read_lens(tmp_path / "lens.txt", ASKED)
        assert len(caught.value.faults) == 1 and "\n" not in caught.value.faults[0]
