"""A segmenter that sees every spine standing upright, however steep its curves are."""

from dataclasses import replace

import torch
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, center_crop, pad, rotate

from spinefm.patches import PatchRule, patch_box
from spinefm.pipeline.protocols import Segmenter
from spinefm.structures import PatchBox, Patches

OUTSIDE = -20.0
"""Logit of what the segmenter was not shown."""


class UprightSegmenter:
    """Turns patches by as much as the spine leans there, has them segmented, and turns the masks back.

    A network that has seen few steep vertebrae draws them too level. To the rest of a pipeline this is a segmenter that sees half as
    much again on each side, so that turning leaves no corner empty: sqrt(2) would do.

    Attributes:
        segmenter: Draws the masks.
        input_size: See `PatchNetwork`; of the wider patches.
        patch_rule: Likewise.
        device: Likewise.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        self.segmenter, self.device, rule = segmenter, segmenter.device, segmenter.patch_rule
        self.input_size = _widened(segmenter.input_size)
        self.patch_rule = PatchRule(1.5 * rule.scale, None if rule.pixels is None else _widened(rule.pixels))

    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits; see `Segmenter`."""
        size = self.segmenter.input_size
        upright = [center_crop(_turned(one, -lean, 0.0), [size]) for one, lean in zip(patches.pixels, patches.leans, strict=True)]
        boxes = tuple(_inner(box) for box in patches.boxes)
        logits = self.segmenter.segment(replace(patches, pixels=torch.stack(upright), boxes=boxes, leans=(0.0,) * len(boxes)))
        wide = pad(logits, [(_widened(logits.shape[-1]) - logits.shape[-1]) // 2], fill=OUTSIDE)
        return torch.cat([_turned(one[None], lean, OUTSIDE) for one, lean in zip(wide, patches.leans, strict=True)])


def _widened(side: int) -> int:
    """Half as much again, and as much more on one side as on the other."""
    return side + 2 * round(side / 4)


def _turned(image: Tensor, degrees: float, fill: float) -> Tensor:
    """(1, S, S) turned around its middle, anticlockwise as one sees it."""
    turned: Tensor = rotate(image, degrees, InterpolationMode.BILINEAR, fill=[fill])
    return turned


def _inner(box: PatchBox) -> PatchBox:
    return patch_box((box.x + box.side / 2, box.y + box.side / 2), box.side / 1.5)
