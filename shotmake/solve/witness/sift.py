"""SIFT features and their matches (D. Lowe, IJCV 60, 2004), by OpenCV: what the second witness looks at."""

import numpy as np

from shotmake.solve.witness.witness import Matches

FEATURES, WIDEST_PX = 1200, 800  # features of a frame; the picture is made so narrow first
RATIO = 0.8  # best distance / second-best distance: from here on both look alike
ALIKE_PX = 4.0  # features so near to each other are the same


class SiftMatcher:
    """A matcher of features in frames. The features of each frame are found once."""

    def __init__(self, pictures: dict[int, np.ndarray], masks: dict[int, np.ndarray | None], pixel_aspect: float = 1.0):
        """Find the features of all frames.

        pictures: frame index -> luma (H, W) uint8. masks: frame index -> (H, W), above 0 where no features are wanted;
        a frame that is not in masks has no mask. pixel_aspect: places are those of the unsqueezed picture.
        """
        stretch = np.array([pixel_aspect, 1.0])
        self._features = {}
        for frame, picture in pictures.items():
            places, descriptors = _find_features(picture, masks.get(frame))
            self._features[frame] = (places * stretch, descriptors)

    def __call__(self, first: int, second: int) -> Matches:
        """Match the features of two frames: each one's best match, and a second place that looks about as good."""
        (here_px, here), (there_px, there) = self._features[first], self._features[second]
        if len(here_px) < 3 or len(there_px) < 3:
            return Matches(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros((0, 2)))
        squares = (here**2).sum(1)[:, None] + (there**2).sum(1)[None] - 2 * (here @ there.T)  # squared distances
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
        kept = mutual | doubled  # of several copies, at most one is also the best match in the other direction
        return Matches(here_px[kept], there_px[best[kept]], other_px[kept])


def _find_features(luma: np.ndarray, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Return the places (K, 2) of features, in px of the picture, and their descriptors (K, 128)."""
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
