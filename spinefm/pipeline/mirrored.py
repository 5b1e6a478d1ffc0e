"""A segmenter that looks at every patch twice, once in the mirror."""

from dataclasses import replace

import torch
from torch import Tensor

from spinefm.pipeline.protocols import Segmenter
from spinefm.structures import Patches


class MirroredSegmenter:
    """Has every patch segmented as it is and with left and right exchanged, and takes the mean of both logits.

    Bodies are nearly symmetric, errors of a network are not: a side that one look draws too steep the other draws too level.

    Attributes:
        segmenter: Draws the masks.
        input_size: See `PatchNetwork`.
        patch_rule: Likewise.
        device: Likewise.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        """Wrap a segmenter whose prompt is symmetric, as points and boxes around the middle of a patch are."""
        self.segmenter, self.device = segmenter, segmenter.device
        self.input_size, self.patch_rule = segmenter.input_size, segmenter.patch_rule

    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits; see `Segmenter`."""
        twice = patches.select([*range(len(patches.boxes))] * 2)
        both = torch.cat([patches.pixels, patches.pixels.flip(-1)])
        own, mirrored = self.segmenter.segment(replace(twice, pixels=both)).chunk(2)
        return (own + mirrored.flip(-1)) / 2
