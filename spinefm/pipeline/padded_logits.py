"""The logits of a patch on its film, with the least of them all around: how the released code of SpineFM looks at a segmentation."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from spinefm.geometry.masks import mask_to_vertebra
from spinefm.pipeline.postprocess import largest_part
from spinefm.structures import PatchBox, Point, Vertebra

Upsampling = Literal["nearest", "bilinear"]


@dataclass(frozen=True, eq=False)
class PaddedLogits:
    """Logits of a whole film: those of one patch and, all around it, the least of them. Never made in full.

    Attributes:
        patch: (h, w) float64, what of the patch lies on the film.
        origin: (x, y) pixel of the film at which it begins.
        padding: The logit of all other pixels; none of the patch is less.
        film_size: (H, W) of the film, pixels.
    """

    patch: Tensor
    origin: tuple[int, int]
    padding: float
    film_size: tuple[int, int]

    def centroid(self, weigh_padding: bool) -> Point:
        """The probability-weighted centroid (x, y) of all pixels of the film, or of the patch alone; pixels of the film."""
        probabilities = self.patch.sigmoid()
        background = float(torch.tensor(self.padding, dtype=torch.float64).sigmoid()) if weigh_padding else 0.0
        # The film is an even ground, whose centroid is its middle, and what the patch rises above that.
        excess = probabilities - background
        (height, width), (left, top) = self.film_size, self.origin
        ground = background * height * width
        total = float(excess.sum()) + ground
        columns, rows = (torch.arange(n, dtype=torch.float64) + 0.5 for n in reversed(excess.shape))
        x = float(excess.sum(0) @ (columns + left)) + ground * width / 2
        y = float(excess.sum(1) @ (rows + top)) + ground * height / 2
        return x / total, y / total

    def vertebra(self, logit: float, centroid: Point, largest: bool = False) -> Vertebra | None:
        """All pixels of the film above a logit.

        Args:
            logit: Where to cut.
            centroid: (x, y), pixels of the film.
            largest: Whether to keep the largest part only, without holes.

        Returns:
            With the mean probability of the patch's share in it as confidence; None if no pixel passes.
        """
        inside = self.patch > logit
        confidence = float(self.patch[inside].sigmoid().mean())
        mask, offset = inside.numpy(), self.origin
        if self.padding > logit:
            mask, offset = np.ones(self.film_size, dtype=bool), (0, 0)
        return mask_to_vertebra(largest_part(mask) if largest else mask, offset, centroid, confidence=confidence)


def padded_logits(logits: Tensor, box: PatchBox, film_size: tuple[int, int], upsampling: Upsampling = "nearest") -> PaddedLogits:
    """Put the logits of a patch on its film.

    Args:
        logits: (S, S), any S.
        box: Where the patch was cut; at least a pixel of it lies on the film.
        film_size: (H, W) of the film, pixels.
        upsampling: See `Decisions`.
    """
    patch = interpolate(logits[None, None].double(), (box.side, box.side), mode=upsampling)[0, 0]
    left, top = max(box.x, 0), max(box.y, 0)
    right, bottom = min(box.x + box.side, film_size[1]), min(box.y + box.side, film_size[0])
    on_film = patch[top - box.y : bottom - box.y, left - box.x : right - box.x]
    return PaddedLogits(on_film, (left, top), float(patch.min()), film_size)
