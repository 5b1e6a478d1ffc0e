"""Patches of a film, centroids, the order along the spine, polygons and masks.

The coordinate frame is that of `spinefm.structures`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from matplotlib.path import Path as PolygonPath
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from spinefm.structures import Mask, PatchBox, Pixels, Point, Vertebra


def patch_box(centre: Point, side: float) -> PatchBox:
    """The whole-pixel square nearest to the one of `side` pixels centred on `centre`; its side is even, so that it can be halved."""
    whole = max(2, 2 * round(side / 2))
    return PatchBox(round(centre[0] - whole / 2), round(centre[1] - whole / 2), whole)


@dataclass(frozen=True)
class PatchRule:
    """How large a patch is: fixed pixels, or a multiple of the local vertebra spacing.

    Attributes:
        scale: Side in local spacings; used where `pixels` is None.
        pixels: Side in pixels of the original film, as in arXiv:2411.00326.
    """

    scale: float = 3.2
    pixels: int | None = None

    def side(self, spacing: float) -> float:
        """Side of a patch in pixels of the film, from the local spacing in the same."""
        return self.pixels or self.scale * spacing


def film_to_patch(points: Tensor, box: PatchBox, size: int) -> Tensor:
    """Map (..., 2) film coordinates into a patch that was cut at `box` and resized to `size` x `size`."""
    return (points - points.new_tensor([box.x, box.y])) * (size / box.side)


def patch_to_film(points: Tensor, box: PatchBox, size: int) -> Tensor:
    """Inverse of `film_to_patch`."""
    return points * (box.side / size) + points.new_tensor([box.x, box.y])


def _overlap(box: PatchBox, height: int, width: int) -> tuple[slice, slice, slice, slice]:
    """Rows and columns of the film under `box`, and the rows and columns of the patch they fall on."""
    top, left = min(max(box.y, 0), height), min(max(box.x, 0), width)
    bottom = max(top, min(box.y + box.side, height))
    right = max(left, min(box.x + box.side, width))
    rows = slice(max(top - box.y, 0), max(top - box.y, 0) + bottom - top)
    columns = slice(max(left - box.x, 0), max(left - box.x, 0) + right - left)
    return slice(top, bottom), slice(left, right), rows, columns


def film_patch(pixels: Pixels, box: PatchBox, size: int, device: torch.device | None = None) -> Tensor:
    """What a network sees of a film: a square patch, 0 outside the film, with anti-aliased bilinear resampling.

    A patch of at least four times that size is halved before, pixel by pixel, which changes it by a few grey levels and takes a third
    of the time.

    Args:
        pixels: (H, W) of the film.
        box: Where; may reach over the border or lie outside.
        size: Side of the result in pixels.
        device: Where to resample, and where the result is; only the patch goes there.

    Returns:
        (size, size) float32 in 0..255.
    """
    film_rows, film_columns, rows, columns = _overlap(box, *pixels.shape)
    patch = pixels[film_rows, film_columns]
    if patch.shape != (box.side, box.side):
        patch = np.zeros((box.side, box.side), dtype=np.uint8)
        patch[rows, columns] = pixels[film_rows, film_columns]
    while len(patch) % 2 == 0 and len(patch) >= 4 * size:
        patch = np.asarray(cv2.resize(patch, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return _resize(torch.from_numpy(patch)[None].to(device).float(), size)[0].clamp(0, 255)


def crop_patch(film: Tensor, box: PatchBox, size: int | None = None, fill: float = 0.0) -> Tensor:
    """Cut a square patch, with anti-aliased bilinear resampling if `size` differs from the side of `box`.

    Args:
        film: (C, H, W), any dtype.
        box: Where; may reach over the border or lie outside.
        size: Side of the result in pixels; None keeps the side of `box`, which copies pixels exactly.
        fill: Value outside the film.

    Returns:
        (C, size, size) float32.
    """
    film_rows, film_columns, rows, columns = _overlap(box, *film.shape[1:])
    patch = torch.full((len(film), box.side, box.side), fill, dtype=torch.float32, device=film.device)
    patch[:, rows, columns] = film[:, film_rows, film_columns].float()
    return _resize(patch, size or box.side)


def paste_patch(patch: Tensor, box: PatchBox, height: int, width: int, fill: float = 0.0) -> Tensor:
    """Put a square patch back into an otherwise empty film; inverse of `crop_patch`.

    Args:
        patch: (C, S, S) float; resized bilinearly to the side of `box` if S differs.
        box: Where it was cut.
        height: Rows of the film, pixels.
        width: Columns of the film, pixels.
        fill: Value outside the patch.

    Returns:
        (C, height, width).

    Raises:
        ValueError: If `patch` is not square.
    """
    if patch.shape[-1] != patch.shape[-2]:
        raise ValueError(f"Expected `patch` to be square, but got shape {tuple(patch.shape)}.")
    film_rows, film_columns, rows, columns = _overlap(box, height, width)
    film = patch.new_full((patch.shape[0], height, width), fill)
    film[:, film_rows, film_columns] = _resize(patch, box.side)[:, rows, columns]
    return film


def _resize(patch: Tensor, size: int) -> Tensor:
    if patch.shape[-1] == size:
        return patch
    return interpolate(patch[None], (size, size), mode="bilinear", antialias=True)[0]


def resample_window(values: Tensor, side: int, rows: slice, columns: slice) -> Tensor:
    """A part of what `crop_patch` and `paste_patch` would make of a square patch, at the cost of that part.

    Args:
        values: (S, S) float.
        side: To which the patch is resized, pixels.
        rows: Of the resized patch, within 0..side.
        columns: Likewise.

    Returns:
        (h, w), those rows and columns.
    """
    return _resampling(values, side, rows) @ values @ _resampling(values, side, columns).T


def _resampling(values: Tensor, side: int, part: slice) -> Tensor:
    """(n, S) weights of S pixels in each of the resized ones in `part`: triangles, as PyTorch's anti-aliased bilinear filter has them."""
    size = len(values)
    middles = (torch.arange(part.start, part.stop, device=values.device) + 0.5) * (size / side)
    distances = (middles[:, None] - torch.arange(size, device=values.device) - 0.5).abs()
    weights = (1 - distances / max(size / side, 1)).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def crop_mask(vertebra: Vertebra, box: PatchBox, size: int | None = None) -> Tensor:
    """The part of a vertebra's mask that lies in a patch.

    Returns:
        (size, size) float32 in 0..1: the covered share of each pixel of the resized patch.
    """
    shifted = PatchBox(box.x - vertebra.origin[0], box.y - vertebra.origin[1], box.side)
    return crop_patch(torch.from_numpy(vertebra.mask)[None], shifted, size)[0]


def paste_mask(vertebra: Vertebra, size: tuple[int, int]) -> Mask:
    """The (H, W) mask of a vertebra on a film of that `size`; what reaches over the border is cut off."""
    film = np.zeros(size, dtype=bool)
    x0, y0, x1, y1 = vertebra.box
    rows, columns = slice(max(y0, 0), max(y1, 0)), slice(max(x0, 0), max(x1, 0))
    window = film[rows, columns]
    window[:] = vertebra.mask[rows.start - y0 :, columns.start - x0 :][: window.shape[0], : window.shape[1]]
    return film


def clear_beyond(piece: Tensor, origin: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """Set to 0, in place, what of a piece reaches over the border of a film.

    Args:
        piece: (h, w), any dtype.
        origin: (x, y) pixel of the film at the piece's top left; may lie outside.
        size: (H, W) of the film.
    """
    (x, y), (height, width) = origin, size
    piece[: max(-y, 0)] = 0
    piece[:, : max(-x, 0)] = 0
    piece[max(height - y, 0) :] = 0
    piece[:, max(width - x, 0) :] = 0
    return piece


def weighted_centroid(weights: Tensor) -> Tensor:
    """Centre of mass of each map, in its own pixels.

    Args:
        weights: (N, H, W), not negative.

    Returns:
        (N, 2) as (x, y); nan for a map without any weight.
    """
    _, height, width = weights.shape
    total = weights.sum((1, 2))
    x = (weights.sum(1) * (torch.arange(width, device=weights.device) + 0.5)).sum(1) / total
    y = (weights.sum(2) * (torch.arange(height, device=weights.device) + 0.5)).sum(1) / total
    return torch.stack([x, y], dim=1)


def principal_axis_order(points: ArrayLike) -> NDArray[np.intp]:
    """Indices that sort points along the axis of their largest variance, from the upper end to the lower one.

    Args:
        points: (N, 2) as (x, y); any N, also on one vertical or horizontal line.

    Source: arXiv:2411.00326 orders along a least-squares line y = mx + c, which no vertical spine has.
    """
    xy = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    if len(xy) < 2:
        return np.arange(len(xy))
    axis = np.linalg.svd(xy - xy.mean(0), full_matrices=False)[2][0]
    downwards = axis if (axis[1], axis[0]) >= (0.0, 0.0) else -axis
    return np.argsort((xy - xy.mean(0)) @ downwards, kind="stable")


def mask_to_vertebra(
    mask: Mask, offset: tuple[int, int] = (0, 0), centroid: Point | None = None, level: str | None = None, confidence: float = 1.0
) -> Vertebra | None:
    """Crop a mask to its content.

    Args:
        mask: (H, W) of a film or a part of it.
        offset: (x, y) of the mask's top-left pixel on the film.
        centroid: (x, y) on the film; None takes the mask's centre of mass.
        level: See `Vertebra`.
        confidence: See `Vertebra`.

    Returns:
        None if the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    cropped = np.ascontiguousarray(mask[top : rows[-1] + 1, left : columns[-1] + 1])
    origin = (left + offset[0], top + offset[1])
    return Vertebra(cropped, origin, centroid or _mask_centroid(cropped, origin), level, confidence)


def _mask_centroid(mask: Mask, origin: tuple[int, int]) -> Point:
    rows, columns = np.nonzero(mask)
    return float(columns.mean() + 0.5 + origin[0]), float(rows.mean() + 0.5 + origin[1])


def polygon_to_vertebra(polygon: ArrayLike, size: tuple[int, int], level: str | None = None) -> Vertebra | None:
    """Fill a polygon: the pixels whose centres lie in it.

    Args:
        polygon: (K, 2) corners (x, y) in order around the shape.
        size: (H, W) of the film; what lies outside is cut off.
        level: See `Vertebra`.

    Returns:
        None if no pixel's centre lies in the polygon.
    """
    xy = np.asarray(polygon, dtype=np.float64)
    left, top = np.maximum(np.floor(xy.min(0)), 0).astype(int)
    right, bottom = np.minimum(np.ceil(xy.max(0)), size[::-1]).astype(int)
    if right <= left or bottom <= top:
        return None
    columns, rows = np.meshgrid(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5)
    inside = PolygonPath(xy).contains_points(np.stack([columns.ravel(), rows.ravel()], axis=1))
    mask = inside.reshape(columns.shape)
    return mask_to_vertebra(mask, (int(left), int(top)), level=level)


def mask_iou(first: Vertebra, second: Vertebra) -> float:
    """Intersection over union of two masks of one film, 0..1."""
    shared = _intersection(first, second)
    return shared / (first.area + second.area - shared)


def mask_dice(first: Vertebra, second: Vertebra) -> float:
    """2 |A and B| / (|A| + |B|) of two masks of one film, 0..1."""
    return 2 * _intersection(first, second) / (first.area + second.area)


def _intersection(first: Vertebra, second: Vertebra) -> int:
    x0, y0 = max(first.box[0], second.box[0]), max(first.box[1], second.box[1])
    x1, y1 = min(first.box[2], second.box[2]), min(first.box[3], second.box[3])
    if x0 >= x1 or y0 >= y1:
        return 0
    windows = [v.mask[y0 - v.origin[1] : y1 - v.origin[1], x0 - v.origin[0] : x1 - v.origin[0]] for v in (first, second)]
    return int((windows[0] & windows[1]).sum())


def local_spacings(centroids: ArrayLike) -> NDArray[np.float64]:
    """How far apart vertebrae are around each point: the mean of the steps within two of it, which evens out an odd pair.

    Args:
        centroids: (N, 2), N at least 2, in order along the spine.

    Returns:
        (N,) pixels.

    Raises:
        ValueError: If there are fewer than two points.
    """
    xy = np.asarray(centroids, dtype=np.float64)
    if len(xy) < 2:
        raise ValueError(f"Expected at least two centroids to measure their spacing, but got {len(xy)}.")
    steps = np.linalg.norm(np.diff(xy, axis=0), axis=1)
    return np.array([steps[max(i - 2, 0) : i + 2].mean() for i in range(len(xy))])


def centroids_of(vertebrae: Sequence[Vertebra]) -> NDArray[np.float64]:
    """(N, 2) centroids (x, y), in the order given."""
    return np.array([vertebra.centroid for vertebra in vertebrae], dtype=np.float64).reshape(-1, 2)
