"""The detector's view: whole films with a mask, a box and a class per vertebra."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import masks_to_boxes

from spinefm.data.views.augmentation import augment
from spinefm.data.views.base import View
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Mask, Radiograph

VERTEBRA_CLASS = 1
MAX_ROTATION = 8.0
MAX_ZOOM = 1.4


class DetectionView(View[tuple[Tensor, dict[str, Any]]]):
    """Items are (film, target) as torchvision's detectors want them.

    film is (1, H, W) float32 in 0..1; target holds boxes (D, 4) xyxy in pixels, labels (D,) all 1, masks (D, H, W) uint8.
    """

    def __len__(self) -> int:
        return len(self.films)

    def film_of(self, index: int) -> Radiograph:
        """See `View.film_of`."""
        return self.films[index]

    def item(self, index: int, rng: np.random.Generator) -> tuple[Tensor, dict[str, Any]]:
        """See `View.item`."""
        film = self.films[index]
        pixels, masks = film.pixels, [paste_mask(vertebra, film.size) for vertebra in film.vertebrae]
        if self.augments:
            pixels, masks = augment(pixels, masks, rng, MAX_ROTATION, MAX_ZOOM)
        return torch.from_numpy(pixels)[None].float() / 255, detection_target(masks, film.size)


def detection_target(masks: list[Mask], size: tuple[int, int]) -> dict[str, Any]:
    """torchvision's target of the masks that are not empty; (H, W) is `size`."""
    stacked = torch.from_numpy(np.stack([*masks, np.zeros(size, dtype=bool)]))
    stacked = stacked[stacked.flatten(1).any(1)]
    # torchvision wants the far edge of a box, not the index of its last pixel.
    boxes = masks_to_boxes(stacked) + torch.tensor([0, 0, 1, 1])
    return {"boxes": boxes, "labels": torch.full((len(boxes),), VERTEBRA_CLASS), "masks": stacked.to(torch.uint8)}
