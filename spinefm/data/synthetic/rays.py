"""Attenuation summed along the rays, and how the patient's millimetres fall on the film's pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.data.synthetic.outlines import Points
from spinefm.structures import Mask

Field = NDArray[np.float32]
_SUBPIXEL_BITS = 4
_SUBPIXELS = 1 << _SUBPIXEL_BITS


@dataclass(frozen=True, eq=False)
class FilmFrame:
    """The affine map from the patient's plane to the film: pixels = matrix @ millimetres + offset.

    Attributes:
        size: (H, W) pixels.
        matrix: (2, 2): scale, rotation and mirroring.
        offset: (2,) pixels.
        spacing_mm: Side of a pixel in the patient's plane.
    """

    size: tuple[int, int]
    matrix: Points
    offset: Points
    spacing_mm: float

    def to_pixels(self, points: Points) -> Points:
        """(..., 2) millimetres -> (..., 2) pixels."""
        return np.asarray(points @ self.matrix.T + self.offset)


class RayField:
    """A film-sized sum of attenuations, at full or at reduced resolution.

    Each shape adds to what is already there, because a ray passes through all of them.

    Args:
        frame: Where millimetres fall.
        shrink: Film pixels per pixel of this field.
    """

    def __init__(self, frame: FilmFrame, shrink: int = 1) -> None:
        height, width = frame.size
        self.values: Field = np.zeros((-(-height // shrink), -(-width // shrink)), np.float32)
        self._per_mm = 1 / (frame.spacing_mm * shrink)
        # Sub-pixels of this field, pixel centres at whole numbers: one product per shape instead of three.
        self._matrix = frame.matrix.T * (_SUBPIXELS / shrink)
        self._offset = (frame.offset / shrink - 0.5) * _SUBPIXELS

    def add(
        self, outlines: Points, core: float, rim: float = 0.0, rim_mm: float = 0.8, depth_mm: float = 0.0, blur_mm: float = 0.0
    ) -> None:
        """Add a rounded solid, or several that do not overlap.

        Args:
            outlines: (K, 2) or (M, K, 2) millimetres.
            core: Attenuation where the solid is thickest; negative for air in tissue.
            rim: Extra attenuation at the edge, where a ray grazes the dense wall.
            rim_mm: How fast the rim fades inwards.
            depth_mm: Distance from the edge at which full thickness is reached; 0 for a slab with upright walls.
            blur_mm: Softening of the whole shape.
        """
        sigma = blur_mm * self._per_mm
        drawn = self._fill(outlines, int(2.5 * sigma) + 2)
        if drawn is None:
            return
        rows, columns, cover = drawn
        thickness = self._thickness(cover, core, rim, rim_mm, depth_mm)
        self.values[rows, columns] += _softened(thickness, sigma) if sigma > 0.3 else thickness

    def stroke(self, paths: Points, core: float, width_mm: float, blur_mm: float = 0.0) -> None:
        """Add thin plates seen edge on: lines of even attenuation along open (K, 2) or (M, K, 2) paths in millimetres."""
        along = np.empty_like(paths)
        along[..., 1:-1, :] = paths[..., 2:, :] - paths[..., :-2, :]
        along[..., 0, :], along[..., -1, :] = paths[..., 1, :] - paths[..., 0, :], paths[..., -1, :] - paths[..., -2, :]
        # Never thinner than a pixel: it fades instead, as a real thin plate does.
        least = 1 / self._per_mm
        half = along[..., ::-1] * (max(width_mm, least) / 2, -max(width_mm, least) / 2)
        half /= np.maximum(np.hypot(along[..., :1], along[..., 1:]), 1e-6)
        outlines = np.concatenate([paths + half, (paths - half)[..., ::-1, :]], axis=-2)
        self.add(outlines, core * min(1.0, width_mm / least), blur_mm=blur_mm)

    def _thickness(self, cover: NDArray[np.uint8], core: float, rim: float, rim_mm: float, depth_mm: float) -> Field:
        if not (rim or depth_mm):
            return cover * np.float32(core / 255)
        _, inside = cv2.threshold(cover, 127, 1, cv2.THRESH_BINARY)
        distance: Field = np.asarray(cv2.distanceTransform(inside, cv2.DIST_L2, 3), np.float32)
        profile: Field | np.float32 = np.float32(core / 255)
        if depth_mm:
            x = np.minimum(distance * np.float32(1 / max(depth_mm * self._per_mm, 1.0)), np.float32(1))
            profile = np.asarray(cv2.sqrt(x * (np.float32(2) - x)), np.float32) * profile
        if rim:
            wall = np.asarray(cv2.exp(distance * np.float32(-1 / max(rim_mm * self._per_mm, 0.6))), np.float32)
            profile = wall * np.float32(rim / 255) + profile
        return cover * profile

    def _fill(self, outlines: Points, margin: int) -> tuple[slice, slice, NDArray[np.uint8]] | None:
        """Rows, columns and coverage (0..255) of the shapes; None if they lie off the film."""
        fixed = np.rint(outlines @ self._matrix + self._offset).astype(np.int32)
        x, y, width, height = cv2.boundingRect(fixed.reshape(-1, 2))
        left, top = max((x >> _SUBPIXEL_BITS) - margin, 0), max((y >> _SUBPIXEL_BITS) - margin, 0)
        right = min(((x + width) >> _SUBPIXEL_BITS) + margin + 2, self.values.shape[1])
        bottom = min(((y + height) >> _SUBPIXEL_BITS) + margin + 2, self.values.shape[0])
        if left >= right or top >= bottom:
            return None
        fixed -= np.array([left * _SUBPIXELS, top * _SUBPIXELS], np.int32)
        return slice(top, bottom), slice(left, right), _cover(fixed, (bottom - top, right - left))


def _softened(thickness: Field, sigma: float) -> Field:
    """Gaussian blur; a wide one at reduced resolution, where it costs a fraction and looks the same."""
    shrink = int(sigma / 1.2)
    height, width = thickness.shape
    if shrink < 2 or min(height, width) < 8 * shrink:
        return np.asarray(cv2.GaussianBlur(thickness, (0, 0), sigma), np.float32)
    small = cv2.resize(thickness, (width // shrink, height // shrink), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def filled(polygon: Points) -> tuple[Mask, tuple[int, int]]:
    """The pixels of which a (K, 2) polygon in pixels covers at least half, cropped, and the (x, y) of the top-left one."""
    xy = polygon - 0.5
    left, top = np.floor(xy.min(0)).astype(int) - 1
    right, bottom = np.ceil(xy.max(0)).astype(int) + 2
    fixed = np.rint((xy - (left, top)) * _SUBPIXELS).astype(np.int32)
    return _cover(fixed, (bottom - top, right - left)) > 127, (int(left), int(top))


def _cover(fixed: NDArray[np.int32], size: tuple[int, int]) -> NDArray[np.uint8]:
    """(H, W) how much of each pixel the (K, 2) or (M, K, 2) polygons in sub-pixels cover, 0..255."""
    cover = np.zeros(size, np.uint8)
    cv2.fillPoly(cover, [fixed] if fixed.ndim == 2 else list(fixed), 255, cv2.LINE_AA, _SUBPIXEL_BITS)
    return cover
