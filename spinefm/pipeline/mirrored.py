"""A segmenter that looks at every patch twice, once in the mirror."""

from dataclasses import replace

import torch
from torch import Tensor

from spinefm.pipeline.protocols import Segmenter
from spinefm.structures import Patches


class MirroredSegmenter:
    """Has every patch segmented as it is and with left and right exchanged, and takes the mean of both logits.

    What a network errs to one side in one look it errs to the other in the mirror.

    Attributes:
        segmenter: Draws the masks.
        input_size: See `PatchNetwork`.
        patch_rule: Likewise.
        device: Likewise.
    """

    def __init__(self, segmenter: Segmenter) -> None:
        """Wrap a segmenter that has learnt from mirror images, as `augment` shows them, and whose prompt is symmetric, as a centre's is."""
        self.segmenter, self.device = segmenter, segmenter.device
        self.input_size, self.patch_rule = segmenter.input_size, segmenter.patch_rule

    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits; see `Segmenter`. One call of 2 N patches: N is 1 or 2 of a single film, and two calls take longer then.

        A device that holds one patch and no second one is too small for this.
        """
        twice = replace(
            patches.select(list(range(len(patches.boxes))) * 2),
            pixels=torch.cat([patches.pixels, patches.pixels.flip(-1)]),
            leans=(*patches.leans, *(-lean for lean in patches.leans)),
        )
        logits, mirrored = self.segmenter.segment(twice).chunk(2)
        return (logits + mirrored.flip(-1)) / 2
