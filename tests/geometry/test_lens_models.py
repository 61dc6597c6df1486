"""3DE's lens models: against other transcriptions of the published equations, OpenCV, scipy, and their own inverses."""

import cv2
import numpy as np
import pytest
from scipy.optimize import root

from helpers.measures.lens_models import ANAMORPHIC, CLASSIC, MODELS, RADIAL, on_film
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens, undistort
from shotmake.geometry.lens_models import anamorphic_3de, classic_3de, radial_3de
from shotmake.geometry.lens_models.inverse import invert
from shotmake.geometry.lens_models.lens_of_3de import Lens3de, fit_radial

pytestmark = pytest.mark.fast

SIZE_PX = (1920, 1080)


@pytest.fixture
def xy() -> np.ndarray:
    """Diagonally normalised places, to the film back's corners."""
    return np.random.default_rng(4).uniform(-0.87, 0.87, (400, 2))


@pytest.mark.parametrize("name", MODELS)
def test_distort_is_the_inverse_of_undistort_over_the_frame(name):
    lens = on_film(name)
    x, y = np.meshgrid(np.linspace(0, SIZE_PX[0], 49), np.linspace(0, SIZE_PX[1], 33))
    xy_px = np.stack([x, y], -1)
    assert np.abs(lens.distort(lens.undistort(xy_px, SIZE_PX), SIZE_PX) - xy_px).max() < 1e-4
    assert np.abs(lens.undistort(lens.distort(xy_px, SIZE_PX), SIZE_PX) - xy_px).max() < 1e-4
    assert np.abs(lens.undistort(xy_px, SIZE_PX) - xy_px).max() > 10  # and it does distort


@pytest.mark.parametrize("name", MODELS)
def test_the_inverse_is_scipy_s(name):
    lens = on_film(name)
    for target in np.random.default_rng(5).uniform((0, 0), SIZE_PX, (6, 2)):
        found = root(lambda guess, goal=target: lens.undistort(guess, SIZE_PX) - goal, target, tol=1e-12)
        assert found.success and np.abs(lens.distort(target, SIZE_PX) - found.x).max() < 1e-6


def test_the_radial_model_is_opencv_s_the_other_way_round(xy):
    """Without bending and degree 3 decentring it is Brown's formula, applied to the distorted place."""
    values = {**radial_3de.DEFAULTS, **RADIAL, "U - Degree 4": 0.0, "V - Degree 4": 0.0, "B - Cylindric Bending": 0.0}
    k1, k2 = values["Distortion - Degree 2"], values["Quartic Distortion - Degree 4"]
    coefficients = np.array([k1, k2, values["V - Degree 2"], values["U - Degree 2"]])
    rays = np.column_stack([xy, np.ones(len(xy))])
    expected, _ = cv2.projectPoints(rays, np.zeros(3), np.zeros(3), np.eye(3), coefficients)
    np.testing.assert_allclose(np.stack(radial_3de.undistort(*xy.T, values, 1.0), 1), expected[:, 0], atol=1e-12)


def test_decentring_of_degree_4_is_that_of_degree_2_by_the_radius_squared(xy):
    x, y = xy.T
    r2 = (x * x + y * y)[:, None]
    low, high = ({**radial_3de.DEFAULTS, f"U - Degree {n}": 0.01, f"V - Degree {n}": -0.02} for n in (2, 4))
    moved = [np.stack(radial_3de.undistort(x, y, values, 1.0), 1) - xy for values in (low, high)]
    np.testing.assert_allclose(moved[1], moved[0] * r2, atol=1e-14)


def test_cylindric_bending_stretches_along_its_direction_and_shrinks_across():
    values = {**radial_3de.DEFAULTS, "Phi - Cylindric Direction": 30.0, "B - Cylindric Bending": 0.21}
    along, across = np.array([np.cos(np.pi / 6), 0.5]), np.array([-0.5, np.cos(np.pi / 6)])
    np.testing.assert_allclose(radial_3de.undistort(*along, values, 1.0), along * 1.1, atol=1e-12)
    np.testing.assert_allclose(radial_3de.undistort(*across, values, 1.0), across / 1.1, atol=1e-12)


def test_classic_is_radial_without_squeeze_and_curvature(xy):
    values = {"Distortion": 0.07, "Anamorphic Squeeze": 1.0, "Curvature X": 0.0, "Curvature Y": 0.0,
              "Quartic Distortion": 0.02}  # fmt: skip
    same = {**radial_3de.DEFAULTS, "Distortion - Degree 2": 0.07, "Quartic Distortion - Degree 4": 0.02}
    np.testing.assert_allclose(
        classic_3de.undistort(*xy.T, values, 1.0), radial_3de.undistort(*xy.T, same, 1.0), atol=1e-14
    )


def test_classic_as_its_nine_coefficients(xy):
    """As ldpk_classic_3de_mixed_distortion.h keeps them: _cxx, _cxy, _cyx, _cyy, and of degree 4."""
    x, y = xy.T
    ld, sq, cx, cy, qu = CLASSIC.values()
    x2, y2, x4, y4, xy2 = x * x, y * y, x**4, y**4, x * x * y * y
    expected = (
        x * (1 + ld / sq * x2 + (ld + cx) / sq * y2 + qu / sq * x4 + 2 * qu / sq * xy2 + qu / sq * y4),
        y * (1 + (ld + cy) * x2 + ld * y2 + qu * x4 + 2 * qu * xy2 + qu * y4),
    )
    np.testing.assert_allclose(classic_3de.undistort(x, y, CLASSIC, 1.0), expected, atol=1e-14)


@pytest.mark.parametrize("pixel_aspect", [1.0, 2.0])
def test_anamorphic_as_its_prepared_polynomial(xy, pixel_aspect):
    """As ldpk_generic_anamorphic_distortion<4>::prepare() expands it, and the extenders as matrices."""
    c = ANAMORPHIC
    turn = np.radians(c["Lens Rotation"])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    aspect = np.diag([pixel_aspect, 1.0])
    inner = np.linalg.solve(aspect @ rotation, xy.T)
    x2, y2 = inner**2
    bent = []
    for axis, value in zip("xy", inner, strict=True):
        c02, c22, c04, c24, c44 = (c[f"C{axis}{term}"] for term in anamorphic_3de.TERMS)
        bent.append(
            value * (1 + x2 * (c02 + c22) + y2 * (c02 - c22) + x2 * x2 * (c04 + c24 + c44)
                     + x2 * y2 * (2 * c04 - 6 * c44) + y2 * y2 * (c04 - c24 + c44))
        )  # fmt: skip
    expected = rotation @ np.diag([c["Squeeze-X"], c["Squeeze-Y"]]) @ aspect @ np.array(bent)
    np.testing.assert_allclose(anamorphic_3de.undistort(*xy.T, c, pixel_aspect), expected, atol=1e-13)


def test_px_centimetres_and_the_field_of_view():
    """The lens centre lies right of and above the film back's middle; only the field of view's part counts."""
    plain = Lens3de(radial_3de.NAME, {"Distortion - Degree 2": 0.1}, 3.0, 3.0, 1.5, 0.3, 0.15)
    size_px = (1000, 500)
    np.testing.assert_allclose(plain.undistort(np.array([600.0, 200.0]), size_px), [600, 200], atol=1e-9)
    away_cm, radius = np.array([1.2, 0.6]), np.hypot(3.0, 1.5) / 2  # of the top right corner from the lens centre
    moved_cm = away_cm * (1 + 0.1 * (away_cm**2).sum() / radius**2)
    expected = 600 + moved_cm[0] * 1000 / 3.0, 200 - moved_cm[1] * 500 / 1.5
    np.testing.assert_allclose(plain.undistort(np.array([1000.0, 0.0]), size_px), expected, atol=1e-9)
    half = Lens3de(radial_3de.NAME, plain.values, 3.0, 3.0, 1.5, 0.3, 0.15, field=(0.25, 0.75, 0.0, 0.5))
    inside = half.undistort(np.array([750.0, 250.0]), size_px)  # the film back's top right corner
    np.testing.assert_allclose(inside, (250 + expected[0] / 2, 250 + expected[1] / 2), atol=1e-9)
    assert half.compute_focal_px(size_px) == (500.0, 500.0)


@pytest.mark.parametrize(
    ("lens", "off_px"),
    [
        (Lens(2000.0, 2000.0, 960.0, 540.0), 1e-6),
        (Lens(2000.0, 2000.0, 965.0, 535.0, k1=-0.1, k2=0.03), 0.02),
        (Lens(2000.0, 2000.0, 965.0, 535.0, k1=-0.1, k2=0.03, p1=0.001, p2=-0.0005), 0.04),
    ],
)
def test_a_lens_of_ours_as_3de_s_radial(lens, off_px):
    found, said_px = fit_radial(lens, SIZE_PX, 24.0)
    xy_px = np.random.default_rng(6).uniform((0, 0), SIZE_PX, (500, 2))
    straight = lens.px_from_normalised(undistort(lens.normalised_from_px(xy_px), lens))
    away_px = np.linalg.norm(found.undistort(xy_px, SIZE_PX) - straight, axis=1).max()
    assert away_px <= said_px + 1e-9 < off_px


def test_a_model_that_folds_over_is_refused():
    folding = Lens3de(radial_3de.NAME, {"Distortion - Degree 2": -0.6}, 3.0, 3.0, 1.6875)
    with pytest.raises(ShotError, match="folds over"):
        folding.sample(SIZE_PX)
    with pytest.raises(ShotError, match="folds over"):
        invert(lambda xy: xy * xy, np.array([[-1.0, -1.0]]))  # no such place
