"""SIFT features and their matches (D. Lowe, IJCV 60, 2004), by OpenCV: what the second witness looks at."""

import numpy as np

from shotmake.solve.witness.witness import Matches

FEATURES, WIDEST_PX = 1200, 800  # of a frame, in a picture made so small
RATIO = 0.8  # of the best match's distance to the second's: from there on both look alike
ALIKE_PX = 4.0  # features so near to each other are one


class SiftMatcher:
    """Matches features of frames; each frame's are found once."""

    def __init__(self, pictures: dict[int, np.ndarray], masks: dict[int, np.ndarray | None], pixel_aspect: float = 1.0):
        """pictures: frame index -> luma (H, W) uint8. masks: frame index -> (H, W), above 0 where nothing is looked at;
        those of a frame that is not in it are not masked. pixel_aspect: places are told as the plate is seen,
        unsqueezed."""
        stretch = np.array([pixel_aspect, 1.0])
        self._features = {}
        for frame, picture in pictures.items():
            places, descriptors = _find_features(picture, masks.get(frame))
            self._features[frame] = (places * stretch, descriptors)

    def __call__(self, first: int, second: int) -> Matches:
        (here_px, here), (there_px, there) = self._features[first], self._features[second]
        if len(here_px) < 3 or len(there_px) < 3:
            return Matches(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2)))
        squares = (here**2).sum(1)[:, None] + (there**2).sum(1)[None] - 2 * (here @ there.T)  # of the distances
        backwards = np.ascontiguousarray(squares.T).argmin(1)
        rows = np.arange(len(squares))
        best = squares.argmin(1)
        least = squares[rows, best]
        squares[rows, best] = np.inf
        second = squares.argmin(1)
        mutual = backwards[best] == rows
        apart = np.linalg.norm(there_px[best] - there_px[second], axis=1) > ALIKE_PX
        doubled = (least >= RATIO**2 * squares[rows, second]) & apart
        other_px = np.where(doubled[:, None], there_px[second], np.nan)
        kept = mutual | doubled  # of several copies at most one is the best match the other way too
        return Matches(here_px[kept], there_px[best[kept]], other_px[kept])


def _find_features(luma: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Places (K, 2) px of the picture, and descriptors (K, 128)."""
    import cv2

    shrink = min(1.0, WIDEST_PX / luma.shape[1])
    small = cv2.resize(luma, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else luma
    allowed = None
    if mask is not None:
        allowed = cv2.resize((mask == 0).astype(np.uint8), small.shape[::-1], interpolation=cv2.INTER_NEAREST)
    points, descriptors = cv2.SIFT.create(FEATURES).detectAndCompute(np.ascontiguousarray(small), allowed)
    if not points:
        return np.zeros((0, 2)), np.zeros((0, 128), np.float32)
    return (np.array([point.pt for point in points]) + 0.5) / shrink, descriptors
