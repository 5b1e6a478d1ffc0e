"""Square patches of films: where they lie, cutting them out and putting them back.

The coordinate frame is that of `spinefm.structures`.
"""

from dataclasses import dataclass
from math import ceil, floor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from spinefm.structures import PatchBox, Pixels, Point, Vertebra


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
    vertical, from_rows = _resampling(len(values), side, rows)
    horizontal, from_columns = _resampling(len(values), side, columns)
    above, beside = (torch.from_numpy(weights).to(values.device) for weights in (vertical, horizontal))
    return above @ values[from_rows, from_columns] @ beside.T


def _resampling(size: int, side: int, part: slice) -> tuple[NDArray[np.float32], slice]:
    """How the resized pixels in `part` come from the `size` ones, as PyTorch's anti-aliased bilinear filter has it.

    Returns:
        (n, k) weights, triangles, and which k of the pixels they are of.
    """
    ratio = size / side
    reach = max(ratio, 1.0)
    first, last = ((place + 0.5) * ratio - 0.5 for place in (part.start, part.stop - 1))
    taken = slice(max(ceil(first - reach), 0), min(floor(last + reach) + 1, size))
    middles = (np.arange(part.start, part.stop, dtype=np.float32) + np.float32(0.5)) * np.float32(ratio) - np.float32(0.5)
    distances = np.abs(middles[:, None] - np.arange(taken.start, taken.stop, dtype=np.float32))
    weights = np.maximum(1 - distances / np.float32(reach), 0)
    return weights / weights.sum(1, keepdims=True), taken


def crop_mask(vertebra: Vertebra, box: PatchBox, size: int | None = None) -> Tensor:
    """The part of a vertebra's mask that lies in a patch.

    Returns:
        (size, size) float32 in 0..1: the covered share of each pixel of the resized patch.
    """
    shifted = PatchBox(box.x - vertebra.origin[0], box.y - vertebra.origin[1], box.side)
    return crop_patch(torch.from_numpy(vertebra.mask)[None], shifted, size)[0]
