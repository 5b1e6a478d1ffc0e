"""From the logits of a patch to the mask of one vertebra on its film."""

from math import ceil, floor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit, logit
from torch import Tensor

from spinefm.geometry import mask_to_vertebra, resample_window
from spinefm.structures import Mask, PatchBox, Vertebra


def patch_vertebra(logits: Tensor, box: PatchBox, film_size: tuple[int, int], threshold: float = 0.5) -> Vertebra | None:
    """The vertebra in the middle of a patch.

    Args:
        logits: (L, L), of any resolution.
        box: Where the patch was cut.
        film_size: (H, W) of the film, pixels; the mask is cut off at the border.
        threshold: Probability above which a pixel belongs to the vertebra.

    Returns:
        The largest connected part of the mask, without holes, with its probability-weighted centroid, and the mean
        probability inside as confidence; None if no pixel passes.

    Source: arXiv:2411.00326 refines by the weighted centroid; here only the mask's own pixels weigh, since those of the
    background around it would pull the point to the patch's middle.
    """
    limit = float(logit(threshold))
    rows, columns = (_on_film(start, box.side, end) for start, end in zip((box.y, box.x), film_size, strict=True))
    values, part = _only_largest_part(logits.numpy(), limit, box.side, rows, columns)
    if not part.any():
        return None
    # Only what holds the part is enlarged: with what a film shows of it, a patch would be ten times as large.
    rows, columns = _reach(part, 1, box.side, rows), _reach(part, 0, box.side, columns)
    enlarged = resample_window(torch.from_numpy(values), box.side, rows, columns).numpy()
    inside = largest_part(enlarged > limit)  # shrinking may have parted it
    if not inside.any():
        return None
    origin = (box.x + columns.start, box.y + rows.start)
    weights = np.where(inside, expit(enlarged), np.float32(0))
    total = float(weights.sum())
    x = float(weights.sum(0) @ np.arange(0.5, weights.shape[1])) / total
    y = float(weights.sum(1) @ np.arange(0.5, weights.shape[0])) / total
    centroid = (origin[0] + x, origin[1] + y)
    return mask_to_vertebra(inside, origin, centroid, confidence=total / np.count_nonzero(inside))


def _on_film(start: int, side: int, end: int) -> slice:
    """Rows (or columns) of a patch at `start` that lie on a film of `end` rows, in pixels of the film from the patch's edge."""
    first = max(-start, 0)
    return slice(first, max(first, min(side, end - start)))


def _only_largest_part(
    logits: NDArray[np.float32], limit: float, side: int, rows: slice, columns: slice
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Make the largest part on the film the only one, and fill its holes: logits on the wrong side of `limit` are mirrored at it.

    Args:
        logits: (L, L).
        limit: Above it a pixel belongs to the mask.
        side: Of the patch, pixels of the film.
        rows: That lie on the film, pixels of the film from the patch's edge.
        columns: Likewise.

    Returns:
        The logits, and the (L, L) part.
    """
    scale = len(logits) / side
    seen = tuple(slice(floor(part.start * scale), ceil(part.stop * scale)) for part in (rows, columns))
    part = np.zeros(logits.shape, dtype=bool)
    part[seen] = largest_part(logits[seen] > limit)
    mended = logits.copy()
    mended[seen] = np.where((logits[seen] > limit) == part[seen], logits[seen], 2 * limit - logits[seen])
    return mended, part


def _reach(part: Mask, along: int, side: int, on_film: slice) -> slice:
    """Rows (columns for `along` 0) of the film, from the patch's edge, that an (L, L) part can reach when it is enlarged."""
    scale, indices = side / len(part), np.flatnonzero(part.any(along))
    margin = max(1, ceil(1 / scale))  # as far as a pixel looks when it is enlarged or shrunk
    start, stop = floor((indices[0] - margin) * scale), ceil((indices[-1] + 1 + margin) * scale)
    return slice(max(start, on_film.start), min(stop, on_film.stop))


def largest_part(mask: Mask) -> Mask:
    """The largest 4-connected part of an (H, W) mask, its holes filled; empty if the mask is."""
    if not mask.any():
        return mask
    _, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    largest = 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()
    # What cannot be reached from outside is the part or one of its holes.
    reached = np.pad((parts == largest).astype(np.uint8), 1)
    cv2.floodFill(reached, None, (0, 0), 2)
    filled: Mask = reached[1:-1, 1:-1] != 2
    return filled
