"""Attenuation summed along the rays, and how the patient's millimetres fall on the film's pixels."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.data.synthetic.outlines import Points

Field = NDArray[np.float32]
_SUBPIXEL_BITS = 4


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
    """

    def __init__(self, frame: FilmFrame, shrink: int = 1) -> None:
        height, width = frame.size
        self.values: Field = np.zeros((-(-height // shrink), -(-width // shrink)), np.float32)
        self._frame, self._shrink = frame, shrink
        self._per_mm = 1 / (frame.spacing_mm * shrink)

    def add(
        self, outline: Points, core: float, rim: float = 0.0, rim_mm: float = 0.8, depth_mm: float = 0.0, blur_mm: float = 0.0
    ) -> None:
        """Add a rounded solid.

        Args:
            outline: (K, 2) millimetres.
            core: Attenuation where the solid is thickest; negative for air in tissue.
            rim: Extra attenuation at the edge, where a ray grazes the dense wall.
            rim_mm: How fast the rim fades inwards.
            depth_mm: Distance from the edge at which full thickness is reached; 0 for a slab with upright walls.
            blur_mm: Softening of the whole shape.
        """
        drawn = self._fill(outline, 3 * blur_mm)
        if drawn is None:
            return
        rows, columns, cover = drawn
        thickness = self._thickness(cover, core, rim, rim_mm, depth_mm)
        if blur_mm * self._per_mm > 0.3:
            thickness = cv2.GaussianBlur(thickness, (0, 0), blur_mm * self._per_mm)
        self.values[rows, columns] += thickness

    def stroke(self, path: Points, core: float, width_mm: float, blur_mm: float = 0.0) -> None:
        """Add a thin plate seen edge on: a line of even attenuation along an open (K, 2) path in millimetres."""
        normal = np.gradient(path, axis=0)[:, ::-1] * (1.0, -1.0)
        normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
        # Never thinner than a pixel: it fades instead, as a real thin plate does.
        least = 1 / self._per_mm
        half = max(width_mm, least) / 2 * normal
        self.add(np.concatenate([path + half, (path - half)[::-1]]), core * min(1.0, width_mm / least), blur_mm=blur_mm)

    def _thickness(self, cover: NDArray[np.uint8], core: float, rim: float, rim_mm: float, depth_mm: float) -> Field:
        share = cover.astype(np.float32) * np.float32(1 / 255)
        if not (rim or depth_mm):
            return np.asarray(share * np.float32(core))
        distance: Field = np.asarray(cv2.distanceTransform((cover > 127).astype(np.uint8), cv2.DIST_L2, 3), np.float32)
        profile: Field = np.full_like(share, core)
        if depth_mm:
            x = np.minimum(distance * np.float32(1 / max(depth_mm * self._per_mm, 1.0)), np.float32(1))
            profile = np.asarray(np.sqrt(x * (2 - x)) * np.float32(core))
        if rim:
            profile += np.float32(rim) * np.asarray(cv2.exp(distance * np.float32(-1 / max(rim_mm * self._per_mm, 0.6))))
        return np.asarray(share * profile)

    def _fill(self, outline: Points, margin_mm: float) -> tuple[slice, slice, NDArray[np.uint8]] | None:
        """Rows, columns and coverage (0..255) of the shape; None if it lies off the film."""
        xy = self._frame.to_pixels(outline) / self._shrink - 0.5
        margin = int(margin_mm * self._per_mm) + 2
        height, width = self.values.shape
        left, top = np.maximum(np.floor(xy.min(0)).astype(int) - margin, 0)
        right, bottom = np.minimum(np.ceil(xy.max(0)).astype(int) + margin + 1, (width, height))
        if left >= right or top >= bottom:
            return None
        cover = np.zeros((bottom - top, right - left), np.uint8)
        fixed = np.round((xy - (left, top)) * 2**_SUBPIXEL_BITS).astype(np.int32)
        cv2.fillPoly(cover, [fixed], 255, cv2.LINE_AA, _SUBPIXEL_BITS)
        return slice(top, bottom), slice(left, right), cover
