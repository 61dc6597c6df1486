"""How far a solve record is from the truth: the numbers the acceptance tests are written in."""

import numpy as np

from shotmake.geometry.lens import Lens, distort, undistort


def poses(record: dict) -> dict[int, np.ndarray]:
    """Plate frame -> 3x4 cam_from_world."""
    return {
        int(frame): np.array(matrix, float).reshape(3, 4)
        for frame, matrix in zip(record["frames"], record["cam_from_world"], strict=True)
    }


def similarity(source: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """scale, rotation, shift with target ~ scale * rotation @ source + shift, for points (N, 3).

    S. Umeyama, "Least-squares estimation of transformation parameters between two point patterns",
    PAMI 13 (1991), 376-380.
    """
    a, b = source - source.mean(0), target - target.mean(0)
    u, strengths, vt = np.linalg.svd(b.T @ a)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    rotation = u @ np.diag(signs) @ vt
    scale = float((strengths * signs).sum() / (a**2).sum())
    return scale, rotation, target.mean(0) - scale * rotation @ source.mean(0)


def angle_deg(rotations: np.ndarray) -> np.ndarray:
    """Turning angles of rotation matrices (..., 3, 3), exact near zero."""
    axis = np.stack(
        [
            rotations[..., 2, 1] - rotations[..., 1, 2],
            rotations[..., 0, 2] - rotations[..., 2, 0],
            rotations[..., 1, 0] - rotations[..., 0, 1],
        ],
        -1,
    )
    trace = np.trace(rotations, axis1=-2, axis2=-1)
    return np.degrees(np.arctan2(np.linalg.norm(axis, axis=-1), trace - 1))


def lens_error_px(found: Lens, true: Lens, size_px: tuple[int, int]) -> float:
    """Largest distance, over 4 corners and 4 edge middles, between where both lenses move the true
    undistorted *pixel*, each with its own focal."""
    width, height = size_px
    places = [(x, y) for x in (0, width / 2, width) for y in (0, height / 2, height)]
    border = np.array([place for place in places if place != (width / 2, height / 2)])
    undistorted_px = true.px_from_normalised(undistort(true.normalised_from_px(border), true))
    moved = found.px_from_normalised(distort(found.normalised_from_px(undistorted_px), found))
    return float(np.linalg.norm(moved - border, axis=1).max())


def lenses(record: dict, frames: list[int]) -> list[Lens]:
    """The lens of every given plate frame; of a prime lens, once for all."""
    lens, focals_px = Lens.from_json(record["lens"]), record.get("focal_px_per_frame")
    if focals_px is None:
        return [lens] * len(frames)
    of_frame = dict(zip(record["frames"], focals_px, strict=True))
    return [lens.with_focal_px(of_frame[frame]) for frame in frames]


def measure(record: dict, truth: dict) -> dict:
    """status, frames_pct, ate_pct (centres after a similarity, % of path), rot_deg (RMSE after one world
    rotation), focal_pct, lens_px (of a zoom, in its worst frame). Values that make no sense for the status are NaN."""
    nan = float("nan")
    out = {"status": record["status"], "frames_pct": 0.0, "ate_pct": nan, "rot_deg": nan}
    out |= {"focal_pct": nan, "lens_px": nan}
    if record["status"] == "refused":
        return out
    found, true = poses(record), poses(truth)
    common = sorted(set(found) & set(true))
    out["frames_pct"] = 100.0 * len(common) / len(true)
    ours, theirs = np.array([found[f] for f in common]), np.array([true[f] for f in common])
    u, _, vt = np.linalg.svd(np.einsum("nji,njk->ik", ours[:, :, :3], theirs[:, :, :3]))
    world = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    differences = np.einsum("nij,jk,nlk->nil", ours[:, :, :3], world, theirs[:, :, :3])
    out["rot_deg"] = float(np.sqrt((angle_deg(differences) ** 2).mean()))
    if record["status"] == "solved" and truth["path_length"] > 1e-9:
        centres = [-np.einsum("nji,nj->ni", m[:, :, :3], m[:, :, 3]) for m in (ours, theirs)]
        scale, rotation, shift = similarity(*centres)
        miss = np.linalg.norm(scale * centres[0] @ rotation.T + shift - centres[1], axis=1)
        out["ate_pct"] = float(100 * np.sqrt((miss**2).mean()) / truth["path_length"])
    pairs = set(zip(lenses(record, common), lenses(truth, common), strict=True))
    out["focal_pct"] = max((100 * (found.fx_px / true.fx_px - 1) for found, true in pairs), key=abs)
    out["lens_px"] = max(lens_error_px(found, true, tuple(truth["image_size_px"])) for found, true in pairs)
    return out
