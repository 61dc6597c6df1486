"""The compiled heart of the tracker: each anchor against one frame, and patches cut from a frame.

numba compiles it, because a gather for each pixel, track and round is what numpy does worst (10 x slower). It has one
thread and no parallel sums, so the same input gives the same bytes. shotmake.tracks.anchor explains the arithmetic.
"""

import math

import numpy as np

from shotmake.geometry.compiled import compiled

WINDOW_RADII = 9.6  # the side of the largest part of the frame that a warped patch may reach, in radii
WINDOW_MARGIN_PX = 3.0  # the patch may move so far before its part of the frame is read again
SIDE_TAP = 0.1065  # 3-tap Gaussian of sigma 0.5 px: takes off noise, keeps detail
MIDDLE_TAP = 1 - 2 * SIDE_TAP
PARAMETERS = 8  # shift x y, four of the affine shape, two of perspective


@compiled
def _read_window(
    image: np.ndarray, left: int, top: int, columns: int, rows: int, raw: np.ndarray, window: np.ndarray
) -> None:
    """Read the frame from (left, top), smoothed, into the flat `window`. Beyond the frame its border is repeated."""
    height, width = image.shape
    side, middle = np.float32(SIDE_TAP), np.float32(MIDDLE_TAP)
    for j in range(rows + 2):
        y = min(max(top + j - 1, 0), height - 1)
        line = image[y]
        base = j * (columns + 2)
        if left >= 1 and left + columns + 1 <= width:
            for i in range(columns + 2):
                raw[base + i] = np.float32(line[left - 1 + i])
        else:
            for i in range(columns + 2):
                raw[base + i] = np.float32(line[min(max(left - 1 + i, 0), width - 1)])
    step = columns + 2
    for j in range(rows + 2):
        base = j * step
        before = raw[base]
        for i in range(columns):
            here, after = raw[base + i + 1], raw[base + i + 2]
            raw[base + i] = side * (before + after) + middle * here
            before = here
    for j in range(rows):
        base = j * step
        for i in range(columns):
            k = base + i
            window[j * columns + i] = side * (raw[k] + raw[k + 2 * step]) + middle * raw[k + step]


@compiled
def _sample(  # noqa: PLR0913  numba takes plain values
    window: np.ndarray,
    columns: int,
    x: float | np.float32,
    y: float | np.float32,
    warp: np.ndarray,
    tilt: np.ndarray,
    offset_x: np.ndarray,
    offset_y: np.ndarray,
    out: np.ndarray,
) -> None:
    """Sample the window bilinearly under warp and tilt.

    Its centre is x, y in its pixels; its first pixel's centre is at 0.
    """
    x, y = np.float32(x), np.float32(y)
    a, b, c, d = np.float32(warp[0]), np.float32(warp[1]), np.float32(warp[2]), np.float32(warp[3])
    p, q = np.float32(tilt[0]), np.float32(tilt[1])
    flat = p == 0 and q == 0
    step = np.int32(columns)
    one = np.uint32(1)
    for k in range(offset_x.size):
        u, v = offset_x[k], offset_y[k]
        if flat:
            px, py = x + a * u + b * v, y + c * u + d * v
        else:
            near = np.float32(1) / (np.float32(1) + p * u + q * v)
            px, py = x + (a * u + b * v) * near, y + (c * u + d * v) * near
        column, row = np.int32(px), np.int32(py)
        across, down = px - np.float32(column), py - np.float32(row)
        at = np.uint32(row * step + column)
        below = at + np.uint32(step)
        top = window[at] + across * (window[at + one] - window[at])
        bottom = window[below] + across * (window[below + one] - window[below])
        out[k] = top + down * (bottom - top)


@compiled
def cut(image: np.ndarray, xy_px: np.ndarray, radius_px: int) -> np.ndarray:
    """Cut smoothed patches (N, 2 radius + 1, 2 radius + 1) float32 around plate px (N, 2); zeros beyond the frame."""
    count, side = len(xy_px), 2 * radius_px + 1
    height, width = image.shape
    patches = np.zeros((count, side, side), np.float32)
    raw, window = np.empty((side + 4) ** 2, np.float32), np.empty((side + 2) ** 2, np.float32)
    for t in range(count):
        x, y = xy_px[t, 0] - 0.5, xy_px[t, 1] - 0.5
        if not (x >= radius_px and y >= radius_px and x + radius_px <= width - 1 and y + radius_px <= height - 1):
            continue
        left, top = int(math.floor(x)) - radius_px, int(math.floor(y)) - radius_px
        columns = side + 1
        _read_window(image, left, top, columns, columns, raw, window)
        across, down = np.float32(x - math.floor(x)), np.float32(y - math.floor(y))
        for j in range(side):
            for i in range(side):
                k = j * columns + i
                upper = window[k] + across * (window[k + 1] - window[k])
                lower = window[k + columns] + across * (window[k + columns + 1] - window[k + columns])
                patches[t, j, i] = upper + down * (lower - upper)
    return patches


@compiled
def derive(
    patches: np.ndarray, places: np.ndarray, weights: np.ndarray, fields: np.ndarray, quadrants: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Derive from cut patches (N, S, S), at the pixels `places` (P,) of the flattened patch, what anchors need.

    Returns pattern, gradient, on_one, on_pattern, Hessian, quadrant Hessian and contrast, as shotmake.tracks.anchor
    describes them.
    """
    count, side, pixels, freedoms = len(patches), patches.shape[1], len(places), len(fields)
    pattern, gradient = np.empty((count, pixels), np.float32), np.empty((count, 2, pixels), np.float32)
    on_one, on_pattern = np.zeros((count, freedoms)), np.zeros((count, freedoms))
    hessian, quadrant_hessian = np.zeros((count, freedoms, freedoms)), np.zeros((count, 4, 3))
    contrast = np.zeros(count, np.float32)
    plain, descent = np.empty(pixels, np.float32), np.empty((freedoms, pixels), np.float32)
    for t in range(count):
        patch, gx, gy = patches[t].ravel(), gradient[t, 0], gradient[t, 1]
        mean = square = np.float32(0)
        for k in range(pixels):
            plain[k] = patch[places[k]]
            mean += weights[k] * plain[k]
        for k in range(pixels):
            plain[k] -= mean
            square += weights[k] * plain[k] * plain[k]
        deviation = np.float32(math.sqrt(square) + 1e-6)
        half = np.float32(0.5) / deviation
        contrast[t] = deviation
        for k in range(pixels):
            plain[k] /= deviation
            at = places[k]
            gx[k], gy[k] = half * (patch[at + 1] - patch[at - 1]), half * (patch[at + side] - patch[at - side])
        for i in range(freedoms):
            field_x, field_y, line = fields[i, 0], fields[i, 1], descent[i]
            one = like = np.float32(0)
            for k in range(pixels):
                line[k] = gx[k] * field_x[k] + gy[k] * field_y[k]
                weighted = weights[k] * line[k]
                one += weighted
                like += weighted * plain[k]
            on_one[t, i], on_pattern[t, i] = one, like
            for j in range(i + 1):
                other, product = descent[j], np.float32(0)
                for k in range(pixels):
                    product += weights[k] * line[k] * other[k]
                # The parts that an offset or a gain would explain are taken out, so that matching ignores both.
                hessian[t, i, j] = product - on_one[t, i] * on_one[t, j] - on_pattern[t, i] * on_pattern[t, j]
                hessian[t, j, i] = hessian[t, i, j]
        for z in range(4):
            inside = quadrants[z]
            xx = xy = yy = np.float32(0)
            for k in range(pixels):
                weight = weights[k] * inside[k]
                xx += weight * gx[k] * gx[k]
                xy += weight * gx[k] * gy[k]
                yy += weight * gy[k] * gy[k]
            quadrant_hessian[t, z, 0], quadrant_hessian[t, z, 1], quadrant_hessian[t, z, 2] = xx, xy, yy
        for k in range(pixels):
            pattern[t, k] = weights[k] * plain[k]
            gx[k] *= weights[k]
            gy[k] *= weights[k]
    return pattern, gradient, on_one, on_pattern, hessian, quadrant_hessian, contrast


@compiled
def _compose(warp: np.ndarray, tilt: np.ndarray, step: np.ndarray, radius: float) -> tuple[float, float]:
    """Compose warp and tilt with an inverse-compositional step. Return the shift of the centre (x, y)."""
    # The step as a homography about the patch's centre, inverted by its adjugate.
    a, b, x = 1 + step[2] / radius, step[3] / radius, step[0]
    c, d, y = step[4] / radius, 1 + step[5] / radius, step[1]
    p, q = -step[6] / radius**2, -step[7] / radius**2
    i00, i01, i02 = d - y * q, x * q - b, b * y - x * d
    i10, i11, i12 = y * p - c, a - x * p, x * c - a * y
    i20, i21, i22 = c * q - d * p, b * p - a * q, a * d - b * c
    h00, h01 = warp[0] * i00 + warp[1] * i10, warp[0] * i01 + warp[1] * i11
    h02, h12 = warp[0] * i02 + warp[1] * i12, warp[2] * i02 + warp[3] * i12
    h10, h11 = warp[2] * i00 + warp[3] * i10, warp[2] * i01 + warp[3] * i11
    h20, h21 = tilt[0] * i00 + tilt[1] * i10 + i20, tilt[0] * i01 + tilt[1] * i11 + i21
    h22 = tilt[0] * i02 + tilt[1] * i12 + i22
    move_x, move_y, tilt[0], tilt[1] = h02 / h22, h12 / h22, h20 / h22, h21 / h22
    warp[0], warp[1] = h00 / h22 - move_x * tilt[0], h01 / h22 - move_x * tilt[1]
    warp[2], warp[3] = h10 / h22 - move_y * tilt[0], h11 / h22 - move_y * tilt[1]
    return move_x, move_y


@compiled
def match(  # noqa: PLR0913, C901  numba takes plain values, and pays for each call
    image: np.ndarray,
    rows: np.ndarray,
    pattern: np.ndarray,
    gradient: np.ndarray,
    on_pattern: np.ndarray,
    on_one: np.ndarray,
    solve: np.ndarray,
    solve_shift: np.ndarray,
    quadrant_hessian: np.ndarray,
    offset_x: np.ndarray,
    offset_y: np.ndarray,
    weights: np.ndarray,
    side_x: np.ndarray,
    side_y: np.ndarray,
    is_rotation: bool,
    most_rounds: int,
    shift_rounds: int,
    longest_px: float,
    done_px: float,
    xy_px: np.ndarray,
    warps: np.ndarray,
    tilts: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Match anchors (the rows `rows` (N,) of their arrays, see shotmake.tracks.anchor) to a frame (H, W).

    Returns xy_px (N, 2), warp (N, 2, 2), tilt (N, 2), correlation (N,), -1 = left the frame, and the quadrants'
    disagreement (N,) in px.
    """
    height, width = image.shape
    count, pixels = len(rows), len(offset_x)
    radius = float(offset_x.max())
    found_xy, found_warp, found_tilt = xy_px.copy(), warps.copy(), tilts.copy()
    correlation, quadrant_px = np.full(count, -1.0), np.zeros(count)
    side_px = int(WINDOW_RADII * radius)
    raw, window = np.empty((side_px + 4) ** 2, np.float32), np.empty((side_px + 2) ** 2, np.float32)
    values = np.empty(pixels, np.float32)
    warp, tilt, slope, step = np.zeros(4), np.zeros(2), np.zeros(PARAMETERS), np.zeros(PARAMETERS)
    for t in range(count):
        row = rows[t]
        wt, gx, gy = pattern[row], gradient[row, 0], gradient[row, 1]
        x, y = xy_px[t, 0] - 0.5, xy_px[t, 1] - 0.5
        warp[:] = warps[t].ravel()
        tilt[:] = tilts[t]
        left = top = columns = lines = 0
        length, similar, deviation, mean, seen = 0.0, -1.0, 1.0, np.float32(0), False
        for number in range(most_rounds):
            bend = 1 - radius * (abs(tilt[0]) + abs(tilt[1]))
            reach_x, reach_y = radius * (abs(warp[0]) + abs(warp[1])), radius * (abs(warp[2]) + abs(warp[3]))
            seen = bend > 0.5
            if bend != 1.0:
                reach_x, reach_y = reach_x / bend, reach_y / bend
            seen = seen and x >= reach_x and y >= reach_y and x + reach_x < width - 1 and y + reach_y < height - 1
            seen = seen and max(reach_x, reach_y) < side_px / 2 - WINDOW_MARGIN_PX - 2
            if not seen:
                break
            if not (
                x - reach_x >= left and y - reach_y >= top
                and x + reach_x < left + columns - 1 and y + reach_y < top + lines - 1
            ):  # fmt: skip
                left, top = int(x - reach_x - WINDOW_MARGIN_PX), int(y - reach_y - WINDOW_MARGIN_PX)
                columns = int(x + reach_x + WINDOW_MARGIN_PX) + 2 - left
                lines = int(y + reach_y + WINDOW_MARGIN_PX) + 2 - top
                _read_window(image, left, top, columns, lines, raw, window)
            _sample(window, columns, x - left, y - top, warp, tilt, offset_x, offset_y, values)

            origin = values[pixels // 2]  # keeps the sums small: float32
            s0 = s1 = st = b0 = b1 = b2 = b3 = b4 = b5 = np.float32(0)
            for k in range(pixels):
                value = values[k] - origin
                weighted, down_x, down_y = weights[k] * value, gx[k] * value, gy[k] * value
                s0 += weighted
                s1 += weighted * value
                st += wt[k] * value
                b0 += down_x
                b1 += down_y
                b2 += down_x * offset_x[k]
                b3 += down_x * offset_y[k]
                b4 += down_y * offset_x[k]
                b5 += down_y * offset_y[k]
            mean = s0
            deviation = math.sqrt(max(s1 - s0 * s0, np.float32(0))) + 1e-6
            similar = st / deviation
            slope[0], slope[1] = b0, b1
            slope[2], slope[3], slope[4], slope[5] = b2 / radius, b3 / radius, b4 / radius, b5 / radius
            if solve[row, 6, 6] != 0.0:
                b6 = b7 = np.float32(0)
                for k in range(pixels):
                    value = values[k] - origin
                    outwards = gx[k] * offset_x[k] + gy[k] * offset_y[k]
                    b6 += value * outwards * offset_x[k]
                    b7 += value * outwards * offset_y[k]
                slope[6], slope[7] = b6 / radius**2, b7 / radius**2
            for k in range(PARAMETERS):
                slope[k] = (slope[k] - on_one[row, k] * mean) / deviation - similar * on_pattern[row, k]
            mean += origin

            shift_only = number < shift_rounds or (number < 4 and length > 0.7)
            step[:] = 0
            if shift_only:
                step[0] = solve_shift[row, 0, 0] * slope[0] + solve_shift[row, 0, 1] * slope[1]
                step[1] = solve_shift[row, 1, 0] * slope[0] + solve_shift[row, 1, 1] * slope[1]
            else:
                for i in range(PARAMETERS):
                    for j in range(PARAMETERS):
                        step[i] += solve[row, i, j] * slope[j]
            length = math.sqrt(step[0] * step[0] + step[1] * step[1])
            if length > longest_px:
                for k in range(PARAMETERS):
                    step[k] *= longest_px / length
            move_x, move_y = _compose(warp, tilt, step, radius)
            x += move_x
            y += move_y
            if is_rotation:  # a small rotation of first order also grows the patch: keep it a pure rotation
                grown = math.sqrt(abs(warp[0] * warp[3] - warp[1] * warp[2])) + 1e-12
                for k in range(4):
                    warp[k] /= grown
            bent = 0.0
            for k in range(2, PARAMETERS):
                bent += abs(step[k])
            if not shift_only and length < done_px and bent < 4 * done_px:
                break  # the steps that are left are even smaller, so the last sums are good enough to judge by
        found_xy[t, 0], found_xy[t, 1] = x + 0.5, y + 0.5
        found_warp[t, 0, 0], found_warp[t, 0, 1], found_warp[t, 1, 0], found_warp[t, 1, 1] = warp
        found_tilt[t] = tilt
        if not seen or not math.isfinite(x + y):
            continue
        correlation[t] = similar
        # How far each quadrant of the patch wants to move by itself; one with little pattern is damped by the whole.
        total = 1e-9
        for z in range(4):
            total += quadrant_hessian[row, z, 0] + quadrant_hessian[row, z, 2]
        # By sums over all, left against right, top against bottom, and crosswise: no branch, so it vectorises.
        here, gain, likeness = np.float32(mean), np.float32(1 / deviation), np.float32(similar)
        all_x = all_y = right_x = right_y = low_x = low_y = cross_x = cross_y = np.float32(0)
        for k in range(pixels):
            sx, sy = side_x[k], side_y[k]
            rest = (values[k] - here) * gain - likeness * wt[k] / weights[k]  # the pattern is stored weighted
            along_x, along_y = gx[k] * rest, gy[k] * rest
            off_axes, across = sx * sx * sy * sy, sx * sy
            right, low = sx * sy * sy, sy * sx * sx
            all_x += off_axes * along_x
            all_y += off_axes * along_y
            right_x += right * along_x
            right_y += right * along_y
            low_x += low * along_x
            low_y += low * along_y
            cross_x += across * along_x
            cross_y += across * along_y
        for z in range(4):
            h0 = quadrant_hessian[row, z, 0] + 0.03 * total
            h1, h2 = quadrant_hessian[row, z, 1], quadrant_hessian[row, z, 2] + 0.03 * total
            sx, sy = 2.0 * (z % 2) - 1, 2.0 * (z // 2) - 1
            s = (all_x + sx * right_x + sy * low_x + sx * sy * cross_x) / 4
            r = (all_y + sx * right_y + sy * low_y + sx * sy * cross_y) / 4
            scale = 1 / (h0 * h2 - h1 * h1)
            quadrant_px[t] = max(quadrant_px[t], scale * math.hypot(h2 * s - h1 * r, h0 * r - h1 * s))
    return found_xy, found_warp, found_tilt, correlation, quadrant_px
