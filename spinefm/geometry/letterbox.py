"""A whole film in the frame that a network wants: as large as fits, in its proportions, with bars beside it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from spinefm.structures import Pixels


@dataclass(frozen=True)
class Letterbox:
    """Where a film lies in a frame: in the middle.

    Attributes:
        film_size: (H, W) of the film, pixels.
        frame_size: (H, W) of the frame, pixels of its own.
    """

    film_size: tuple[int, int]
    frame_size: tuple[int, int]

    @property
    def inner_size(self) -> tuple[int, int]:
        """(H, W) of the film in the frame, at least 1 x 1; its proportions are kept but for rounding."""
        (height, width), (rows, columns) = self.film_size, self.frame_size
        scale = min(rows / height, columns / width)
        return min(max(round(height * scale), 1), rows), min(max(round(width * scale), 1), columns)

    @property
    def inner(self) -> tuple[slice, slice]:
        """Rows and columns of the frame that the film fills."""
        (rows, columns), (height, width) = self.frame_size, self.inner_size
        top, left = (rows - height) // 2, (columns - width) // 2
        return slice(top, top + height), slice(left, left + width)

    def film(self, pixels: Pixels) -> Pixels:
        """(H, W) of the frame: a film, 0 beside it."""
        shrinks = self.inner_size[0] < self.film_size[0]
        return self._enclosed(pixels, cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)

    def labels(self, labels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W) of the frame: the label of each pixel of a film, 0 beside it."""
        return self._enclosed(labels, cv2.INTER_NEAREST_EXACT)

    def _enclosed(self, image: NDArray[np.uint8], interpolation: int) -> NDArray[np.uint8]:
        framed = np.zeros(self.frame_size, dtype=np.uint8)
        framed[self.inner] = cv2.resize(image, self.inner_size[::-1], interpolation=interpolation)
        return framed

    def without_bars(self, maps: Tensor) -> Tensor:
        """What of (..., H, W) maps of the frame shows the film: (..., h, w) of `inner_size`."""
        return maps[..., *self.inner]
