"""A segmenter that sees every spine standing upright, however steep its curves are."""

from dataclasses import replace

import torch
from torch import Tensor
from torchvision.transforms.functional import InterpolationMode, center_crop, pad, rotate

from spinefm.geometry.patches import PatchRule, patch_box
from spinefm.pipeline.protocols import Segmenter
from spinefm.structures import PatchBox, Patches

OUTSIDE = -20.0
"""Logit of what the segmenter was not shown."""


class UprightSegmenter:
    """Turns patches by as much as the spine leans there, has them segmented, and turns the masks back.

    A network that has seen few steep vertebrae draws them too level. To the rest of a pipeline this is a segmenter of patches that are
    1.5 times as wide, a quarter more at each border: so that turning leaves no corner empty, sqrt(2) would do, but 1.5 keeps sizes whole.

    Attributes:
        segmenter: Draws the masks.
        input_size: See `PatchNetwork`; of the wider patches.
        patch_rule: Likewise.
        device: Likewise.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        """Wrap a segmenter whose logits, too, have a multiple of 4 along a side, as SAM's have.

        Raises:
            ValueError: If its input has not.
        """
        if segmenter.input_size % 4:
            fault = f"Expected a segmenter whose input has a multiple of 4 pixels along a side, but it has {segmenter.input_size}"
            raise ValueError(f"{fault}. Set `pipeline.upright=false`.")
        self.segmenter, self.device, rule = segmenter, segmenter.device, segmenter.patch_rule
        self.input_size = segmenter.input_size * 3 // 2
        self.patch_rule = PatchRule(1.5 * rule.scale, None if rule.pixels is None else round(1.5 * rule.pixels))

    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits; see `Segmenter`."""
        size = self.segmenter.input_size
        upright = [center_crop(_turned(one, -lean, 0.0), [size]) for one, lean in zip(patches.pixels, patches.leans, strict=True)]
        boxes = tuple(_inner(box) for box in patches.boxes)
        logits = self.segmenter.segment(replace(patches, pixels=torch.stack(upright), boxes=boxes, leans=(0.0,) * len(boxes)))
        wide = pad(logits, [logits.shape[-1] // 4], fill=OUTSIDE)
        return torch.cat([_turned(one[None], lean, OUTSIDE) for one, lean in zip(wide, patches.leans, strict=True)])


def _turned(image: Tensor, degrees: float, fill: float) -> Tensor:
    """(1, S, S) turned around its middle, anticlockwise as one sees it."""
    turned: Tensor = rotate(image, degrees, InterpolationMode.BILINEAR, fill=[fill]) if degrees else image
    return turned


def _inner(box: PatchBox) -> PatchBox:
    return patch_box((box.x + box.side / 2, box.y + box.side / 2), box.side / 1.5)
