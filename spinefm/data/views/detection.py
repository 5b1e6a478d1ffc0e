"""The detector's view: whole films with a mask, a box and a class per vertebra."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import masks_to_boxes

from spinefm.data.views.augmentation import augment
from spinefm.data.views.base import View, mean_spacing
from spinefm.data.views.surroundings import any_margins, surround
from spinefm.geometry.masks import paste_mask
from spinefm.structures import Mask, Pixels, Radiograph

VERTEBRA_CLASS = 1
MAX_ROTATION = 8.0
MAX_ZOOM = 1.4
LEAST_VERTEBRAE = 4
"""How many lie on a part of a film."""
LEAST_SHOWN = 0.5
"""Share of a mask below which a vertebra at the edge of such a part is none."""


class DetectionView(View[tuple[Tensor, dict[str, Any]]]):
    """Items are (film, target) as torchvision's detectors want them.

    film is (1, H, W) float32 in 0..1; target holds boxes (D, 4) xyxy in pixels, labels (D,) all 1, masks (D, H, W) uint8.
    """

    def __init__(
        self, films: Sequence[Radiograph], training: bool, seed: int, augment: bool = True, cut: float = 0.0, surrounded: float = 0.0
    ) -> None:
        """Make a view; see `View`.

        Args:
            films: Annotated films.
            training: See `View`.
            seed: See `View`.
            augment: See `View`.
            cut: Share of a training's films, 0..1, of which a part is shown; see `part_of`.
            surrounded: Share of them, cut or not, that go on beyond their edges; see `surround`.
        """
        super().__init__(films, training, seed, augment)
        self.cut, self.surrounded = cut, surrounded

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
            if self.cut and rng.random() < self.cut and can_be_cut(masks):
                pixels, masks = part_of(pixels, masks, rng)
            if self.surrounded and rng.random() < self.surrounded and len(masks) > 1:
                pixels, masks = with_more_around(pixels, masks, mean_spacing(film), rng)
            pixels, masks = augment(pixels, masks, rng, MAX_ROTATION, MAX_ZOOM)
        return torch.from_numpy(pixels)[None].float() / 255, detection_target(masks, pixels.shape)


def can_be_cut(masks: Sequence[Mask]) -> bool:
    """Whether `part_of` can take these masks: enough of them, none empty, from above to below."""
    heights = [_height(mask) for mask in masks if mask.any()]
    return len(masks) == len(heights) >= LEAST_VERTEBRAE and bool((np.diff(heights) > 0).all())


def part_of(pixels: Pixels, masks: Sequence[Mask], rng: np.random.Generator) -> tuple[Pixels, list[Mask]]:
    """A film of a part of the spine: cut between two vertebrae or where the film ends, and beside them anywhere.

    Args:
        pixels: (H, W).
        masks: Of at least `LEAST_VERTEBRAE` vertebrae, from above to below, (H, W) each, none empty.
        rng: Source of all randomness.

    Returns:
        Pixels (h, w) and all masks there; those that show less than `LEAST_SHOWN` of their vertebra are empty.
    """
    first = int(rng.integers(len(masks) - LEAST_VERTEBRAE + 1))
    last = int(rng.integers(first + LEAST_VERTEBRAE - 1, len(masks)))
    across = np.flatnonzero(np.any(masks[first : last + 1], axis=(0, 1)))
    top = _between(masks[first - 1], masks[first]) if first else 0
    bottom = _between(masks[last], masks[last + 1]) if last + 1 < len(masks) else len(pixels)
    rows, columns = slice(top, bottom), slice(rng.integers(across[0] + 1), rng.integers(across[-1] + 1, pixels.shape[1] + 1))
    parts = [mask[rows, columns] for mask in masks]
    shown = [part if part.sum() >= LEAST_SHOWN * mask.sum() else np.zeros_like(part) for part, mask in zip(parts, masks, strict=True)]
    return np.ascontiguousarray(pixels[rows, columns]), shown


def with_more_around(pixels: Pixels, masks: Sequence[Mask], spacing: float, rng: np.random.Generator) -> tuple[Pixels, list[Mask]]:
    """A film that shows more of the body on every side, and all masks there; see `surround`."""
    margins = any_margins(pixels.shape, rng)
    return surround(pixels, margins, spacing, rng), [np.pad(mask, (margins[:2], margins[2:])) for mask in masks]


def _between(upper: Mask, lower: Mask) -> int:
    """The row midway between two masks."""
    return round((_height(upper) + _height(lower)) / 2)


def _height(mask: Mask) -> float:
    """The mean row of a mask that is not empty."""
    return float(np.flatnonzero(mask.any(1)).mean())


def detection_target(masks: list[Mask], size: tuple[int, int]) -> dict[str, Any]:
    """torchvision's target of the masks that are not empty; (H, W) is `size`."""
    stacked = torch.from_numpy(np.stack([*masks, np.zeros(size, dtype=bool)]))
    stacked = stacked[stacked.flatten(1).any(1)]
    # torchvision wants the far edge of a box, not the index of its last pixel.
    boxes = masks_to_boxes(stacked) + torch.tensor([0, 0, 1, 1])
    return {"boxes": boxes, "labels": torch.full((len(boxes),), VERTEBRA_CLASS), "masks": stacked.to(torch.uint8)}
