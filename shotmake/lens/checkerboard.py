"""A lens measured from stills of a flat checkerboard.

Z. Zhang, "A flexible new technique for camera calibration", PAMI 22 (2000), 1330-1334, as OpenCV has it. k3 and the
tangential p1, p2 are kept only where the corners determine them. Fitted to noise, they would bend the picture's border.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from shotmake.config.schema import Checkerboard
from shotmake.errors import ShotError
from shotmake.geometry.lens import Lens
from shotmake.lens.read_lens import scale_to_plate
from shotmake.numbers_in_words import count_of, tell_apart

KEY = "shot.camera.checkerboard"
FEWEST_BOARDS = 5
WORST_PX = 1.0  # the largest rms on the plate; a good calibration has 0.1 to 0.3
ODD_ONE = 3.0  # a still with so many times the median error (and above ODD_PX on the plate) is left out
ODD_PX = 0.3
DETERMINED = 3.0  # a coefficient smaller than so many of its standard deviations is noise
FOCAL_SIGMA = 0.01  # the largest standard deviation of the focal length, as a share of it
# The least angle between two boards. Boards seen from one side only do not tell the focal length, whatever its sigma.
FEWEST_TURNED_DEG = 10.0
GRID = (6, 4)  # cells of the picture; each of the four in its corners should see the board
SEARCH_PX = 1600  # the board is looked for in a picture of at most this width; its corners are refined in the full one
WINDOW = 0.35  # how far around a corner the refinement looks, in the smallest gap between corners
CORNERS = {"top left": (0, 0), "top right": (-1, 0), "bottom left": (0, -1), "bottom right": (-1, -1)}


@dataclass(frozen=True)
class Calibration:
    """A lens measured from stills.

    lens, rms_px, error_px: in px of the plate; error_px is by the still's name, and None for a still that shows no
    board or was left out. coverage: the share of the picture's cells that saw a corner. notes and warnings: one line
    each.
    """

    lens: Lens
    rms_px: float
    error_px: dict[str, float | None]
    coverage: float
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def calibrate(stills: Iterable[tuple[str, np.ndarray]], board: Checkerboard, size_px: tuple[int, int]) -> Calibration:
    """Measure the lens from (name, (H, W) uint8) stills, for a plate of (width, height) px.

    Raises ShotError when too few stills show the board, when they differ in size, or when the result is not a good
    lens.
    """
    found: dict[str, np.ndarray] = {}
    failed: list[str] = []
    still_px = None
    for name, luma in stills:
        shape = (luma.shape[1], luma.shape[0])
        if still_px not in (None, shape):
            raise ShotError(
                f"{name}: found {shape[0]}x{shape[1]}; the stills before are {still_px[0]}x{still_px[1]} ({KEY}.files)"
            )
        still_px = shape
        corners_px = find_corners_px(luma, board)
        if corners_px is None:
            failed.append(name)
        else:
            found[name] = corners_px
    if still_px is None or len(found) < FEWEST_BOARDS:
        raise _make_shortage_fault(len(found), failed, board)
    scale = size_px[0] / still_px[0]
    fit = _drop_odd_ones(found, board, still_px, scale)
    lens, notes = scale_to_plate(fit.lens, still_px, size_px, "checkerboard", f"{KEY}.files")
    rms_px = fit.rms_px * scale
    if not rms_px <= WORST_PX:  # also for NaN
        raise ShotError(
            f"{KEY}.files: the corners miss the lens found by {tell_apart(rms_px, WORST_PX, '.2f')} px rms, needed "
            f"{WORST_PX:g}; the board must be flat and the stills sharp, with one zoom and focus"
        )
    if not fit.turned_deg > FEWEST_TURNED_DEG:
        raise ShotError(
            f"{KEY}.files: the boards are turned by at most {fit.turned_deg:.0f} degrees to each other, which leaves "
            "the focal length uncertain; tilt the board by 20 to 40 degrees in every direction"
        )
    if not fit.focal_sigma < FOCAL_SIGMA:
        off = tell_apart(100 * fit.focal_sigma, 100 * FOCAL_SIGMA, ".1f")
        raise ShotError(
            f"{KEY}.files: the corners leave the focal length uncertain by {off} %, needed under "
            f"{100 * FOCAL_SIGMA:g} %; take more stills, sharper, with the board larger in the picture"
        )
    used_px = np.concatenate([found[name] for name in fit.error_px])
    coverage, bare = _measure_coverage(used_px, still_px)
    odd = [name for name in found if name not in fit.error_px]
    warnings = []
    if failed or odd:
        warnings.append(f"checkerboard: left out {_join_names(failed + odd)}: no board found, or far off the others")
    if bare:
        warnings.append(
            f"checkerboard: no corner was seen in the picture's {_join_names(bare)}; there the lens is a guess"
        )
    errors = {name: fit.error_px[name] * scale if name in fit.error_px else None for name in sorted([*found, *failed])}
    notes = (*notes, *(f"{name} is not determined by the stills and left at 0" for name in fit.dropped))
    return Calibration(lens, rms_px, errors, coverage, notes, tuple(warnings))


def _make_shortage_fault(count: int, failed: list[str], board: Checkerboard) -> ShotError:
    if not failed:
        found = count_of(count, "still")
        return ShotError(f"{KEY}.files: found {found}; needed {FEWEST_BOARDS} that show the board, take more")
    return ShotError(
        f"{KEY}.files: found the board in {count} of {count_of(count + len(failed), 'still')}, needed "
        f"{FEWEST_BOARDS}; not in {_join_names(failed)}: {board.columns} x {board.rows} counts inner corners "
        f"({KEY}.columns, rows); the whole board and a white rim must be in the picture"
    )


def find_corners_px(luma: np.ndarray, board: Checkerboard) -> np.ndarray | None:
    """Find the board's inner corners in a (H, W) uint8 picture, (columns * rows, 2) px; None where there is none."""
    import cv2

    shrink = min(1.0, SEARCH_PX / luma.shape[1])
    small = luma if shrink == 1 else cv2.resize(luma, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_EXHAUSTIVE
    is_found, corners = cv2.findChessboardCornersSB(small, (board.columns, board.rows), flags=flags)
    if not is_found:
        return None
    times = np.array([luma.shape[1] / small.shape[1], luma.shape[0] / small.shape[0]])
    corners_px = (corners.reshape(board.rows, board.columns, 2) + 0.5) * times
    gaps_px = [np.linalg.norm(np.diff(corners_px, axis=axis), axis=2).min() for axis in (0, 1)]
    half = max(2, int(WINDOW * min(gaps_px)))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 60, 1e-4)
    start = (corners_px.reshape(-1, 1, 2) - 0.5).astype(np.float32)
    return cv2.cornerSubPix(luma, start, (half, half), (-1, -1), stop).reshape(-1, 2).astype(float) + 0.5


@dataclass(frozen=True)
class Fit:
    """A calibration in px of the stills.

    error_px: by name, for the stills that were used; focal_sigma: the standard deviation of the focal length, as a
    share of it; turned_deg: the largest angle between two boards; dropped: the coefficients that the stills do not
    determine.
    """

    lens: Lens
    rms_px: float
    error_px: dict[str, float]
    focal_sigma: float
    turned_deg: float
    dropped: tuple[str, ...] = ()


def _drop_odd_ones(found: dict[str, np.ndarray], board: Checkerboard, size_px: tuple[int, int], scale: float) -> Fit:
    fit = _fit(found, board, size_px)
    limit_px = max(ODD_ONE * float(np.median(list(fit.error_px.values()))), ODD_PX / scale)
    good = {name: corners_px for name, corners_px in found.items() if fit.error_px[name] <= limit_px}
    if len(good) == len(found) or len(good) < FEWEST_BOARDS:
        return fit
    return _fit(good, board, size_px)


def _fit(found: dict[str, np.ndarray], board: Checkerboard, size_px: tuple[int, int]) -> Fit:
    """Fit with all coefficients, then again without those that are noise."""
    import cv2

    fit, sigmas = _calibrate(found, board, size_px, 0)
    lens, flags, dropped = fit.lens, 0, []
    if abs(lens.k3) < DETERMINED * sigmas["k3"]:
        flags, dropped = cv2.CALIB_FIX_K3, ["k3"]
    if abs(lens.p1) < DETERMINED * sigmas["p1"] and abs(lens.p2) < DETERMINED * sigmas["p2"]:
        flags, dropped = flags | cv2.CALIB_ZERO_TANGENT_DIST, [*dropped, "p1", "p2"]
    if dropped:
        fit, _ = _calibrate(found, board, size_px, flags)
    return replace(fit, dropped=tuple(dropped))


def _calibrate(
    found: dict[str, np.ndarray], board: Checkerboard, size_px: tuple[int, int], flags: int
) -> tuple[Fit, dict[str, float]]:
    """Return the fit, and the standard deviation of each of its coefficients."""
    import cv2

    across, down = np.meshgrid(np.arange(board.columns), np.arange(board.rows))
    plane = np.stack([across, down, 0 * down], -1).reshape(-1, 3).astype(np.float32) * board.square_mm
    corners = [(corners_px - 0.5).astype(np.float32)[:, None] for corners_px in found.values()]
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # several threads add in the order in which they end, so the last digits would change
    try:
        rms, matrix, values, turns, _, sigmas, _, errors = cv2.calibrateCameraExtended(
            [plane] * len(corners),
            corners,
            size_px,
            np.eye(3),
            None,  # pyright: ignore[reportCallIssue, reportArgumentType]  # OpenCV's hints leave out None
            flags=flags | cv2.CALIB_FIX_ASPECT_RATIO,
        )
    except cv2.error as error:
        raise ShotError(f"{KEY}.files: no lens fits the corners found; tilt the board more, and differently") from error
    finally:
        cv2.setNumThreads(threads)
    k1, k2, p1, p2, k3 = (float(value) for value in values.ravel()[:5])
    fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
    lens = Lens(fx, fy, cx + 0.5, cy + 0.5, k1, k2, p1, p2, k3)
    by_name: dict[str, float] = dict(
        zip(("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3"), sigmas.ravel(), strict=False)
    )
    error_px = dict(zip(found, errors.ravel().tolist(), strict=True))
    normals = np.array([cv2.Rodrigues(turn)[0][:, 2] for turn in turns])
    turned_deg = float(np.degrees(np.arccos(np.clip((normals @ normals.T).min(), -1, 1))))
    focal_sigma = float(max(by_name["fx"], by_name["fy"]) / lens.fx_px)
    return Fit(lens, float(rms), error_px, focal_sigma, turned_deg), by_name


def _measure_coverage(corners_px: np.ndarray, size_px: tuple[int, int]) -> tuple[float, list[str]]:
    """Return the share of the picture's cells with a corner, and which corners of the picture have none."""
    cell = np.clip((corners_px * GRID / size_px).astype(int), 0, np.array(GRID) - 1)
    seen = np.zeros(GRID, bool)
    seen[cell[:, 0], cell[:, 1]] = True
    return float(seen.mean()), [name for name, at in CORNERS.items() if not seen[at]]


def _join_names(names: list[str]) -> str:
    shown = ", ".join(names[:8]) or "none"
    return f"{shown} and {len(names) - 8} more" if len(names) > 8 else shown
