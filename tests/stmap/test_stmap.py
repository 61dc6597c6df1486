"""ST-maps: there and back within 0.05 px everywhere, and right against the lens formula at the corners."""

import numpy as np
import pytest

from shotmake.geometry.lens import Lens, measure_overscan_px
from shotmake.stmap.maps import make_redistort_map, make_undistort_map, write_stmap

pytestmark = pytest.mark.fast

SIZE = (240, 136)
LENSES = {
    "barrel": Lens(200, 200, 122.5, 66.0, k1=-0.12, k2=0.03),
    "pincushion": Lens(200, 200, 117.0, 70.0, k1=0.08, k2=-0.02),
    "decentred": Lens(190, 200, 120.0, 68.0, k1=-0.1, k2=0.02, p1=0.002, p2=-0.003, k3=0.001),
    "none": Lens(200, 200, 120.0, 68.0),
}


def to_px(st: np.ndarray, size_px: tuple[int, int]) -> np.ndarray:
    """R, G -> px from the top-left corner, as an independent reader of the convention would."""
    return np.stack([st[..., 0] * size_px[0], (1 - st[..., 1].astype(float)) * size_px[1]], -1)


def lookup(image: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """Bilinear read of (H, W, C) at px positions (centre of the first pixel at 0.5)."""
    x, y = xy_px[..., 0] - 0.5, xy_px[..., 1] - 0.5
    x0 = np.clip(np.floor(x).astype(int), 0, image.shape[1] - 2)
    y0 = np.clip(np.floor(y).astype(int), 0, image.shape[0] - 2)
    u, v = (x - x0)[..., None], (y - y0)[..., None]
    top = image[y0, x0] * (1 - u) + image[y0, x0 + 1] * u
    bottom = image[y0 + 1, x0] * (1 - u) + image[y0 + 1, x0 + 1] * u
    return top * (1 - v) + bottom * v


@pytest.mark.parametrize("name", LENSES)
def test_round_trip_everywhere_in_the_frame(name):
    lens = LENSES[name]
    overscan = measure_overscan_px(lens, SIZE)
    grown = (SIZE[0] + 2 * overscan[0], SIZE[1] + 2 * overscan[1])
    in_undistorted_px = to_px(make_redistort_map(lens, SIZE, overscan), grown)
    back_px = lookup(to_px(make_undistort_map(lens, SIZE, overscan), SIZE), in_undistorted_px)
    centres = np.stack(np.meshgrid(np.arange(SIZE[0]) + 0.5, np.arange(SIZE[1]) + 0.5), -1)
    assert np.abs(back_px - centres).max() < 0.05


@pytest.mark.parametrize("name", LENSES)
def test_the_corners_obey_the_lens_formula(name):
    """Written out by hand, not through shotmake.geometry.lens."""
    lens = LENSES[name]
    overscan = measure_overscan_px(lens, SIZE)
    st = make_undistort_map(lens, SIZE, overscan)
    height, width = st.shape[:2]
    for row, column in ((0, 0), (0, width - 1), (height - 1, 0), (height - 1, width - 1), (height // 2, width // 2)):
        x = (column + 0.5 - overscan[0] - lens.cx_px) / lens.fx_px
        y = (row + 0.5 - overscan[1] - lens.cy_px) / lens.fy_px
        r2 = x * x + y * y
        radial = 1 + lens.k1 * r2 + lens.k2 * r2**2 + lens.k3 * r2**3
        xd = x * radial + 2 * lens.p1 * x * y + lens.p2 * (r2 + 2 * x * x)
        yd = y * radial + lens.p1 * (r2 + 2 * y * y) + 2 * lens.p2 * x * y
        u = (xd * lens.fx_px + lens.cx_px) / SIZE[0]
        v = 1 - (yd * lens.fy_px + lens.cy_px) / SIZE[1]
        np.testing.assert_allclose(st[row, column], [u, v, 1], atol=3e-7)


def test_without_distortion_the_map_is_the_identity_with_its_half_pixel():
    st = make_redistort_map(LENSES["none"], SIZE, (0, 0))
    np.testing.assert_allclose(st[0, 0], [0.5 / 240, 1 - 0.5 / 136, 1], atol=1e-7)
    np.testing.assert_allclose(st[-1, -1], [239.5 / 240, 0.5 / 136, 1], atol=1e-7)
    assert measure_overscan_px(LENSES["none"], SIZE) == (0, 0)


def test_every_plate_pixel_finds_its_source_inside_the_overscan():
    for lens in LENSES.values():
        st = make_redistort_map(lens, SIZE, measure_overscan_px(lens, SIZE))
        assert st[..., :2].min() >= 0 and st[..., :2].max() <= 1


def test_written_map_is_float_says_its_overscan_and_is_the_same_twice(tmp_path):
    import OpenImageIO as oiio

    st = make_redistort_map(LENSES["barrel"], SIZE, (9, 5))
    for name in ("a.exr", "b.exr"):
        write_stmap(tmp_path / name, st, "redistort", (9, 5))
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()
    image = oiio.ImageBuf(str(tmp_path / "a.exr"))
    np.testing.assert_array_equal(image.get_pixels(oiio.FLOAT), st)
    assert image.spec().format == oiio.FLOAT and image.spec().get_string_attribute("shotmake:direction") == "redistort"
    assert image.spec().get_int_attribute("shotmake:overscan_x_px") == 9
