"""From the logits of a patch to the mask of one vertebra on its film."""

import cv2
import numpy as np
import torch
from torch import Tensor

from spinefm.geometry import clear_beyond, crop_patch, mask_to_vertebra, weighted_centroid
from spinefm.structures import Mask, PatchBox, Vertebra


def patch_vertebra(logits: Tensor, box: PatchBox, film_size: tuple[int, int], threshold: float = 0.5) -> Vertebra | None:
    """The vertebra in the middle of a patch.

    Args:
        logits: (L, L), of any resolution.
        box: Where the patch was cut.
        film_size: (H, W) of the film, pixels; the mask is cut off at the border.
        threshold: Probability above which a pixel belongs to the vertebra.

    Returns:
        The largest connected part of the mask, without holes, with its probability-weighted centroid, and the mean
        probability inside as confidence; None if no pixel passes.

    Source: arXiv:2411.00326 refines by the weighted centroid; here only the mask's own pixels weigh, since those of the
    background around it would pull the point to the patch's middle.
    """
    enlarged = crop_patch(logits[None], PatchBox(0, 0, logits.shape[-1]), box.side)[0]
    probabilities = enlarged.sigmoid()
    inside = largest_part(clear_beyond(probabilities > threshold, (box.x, box.y), film_size).numpy())
    if not inside.any():
        return None
    weights = torch.where(torch.from_numpy(inside), probabilities, 0.0)
    x, y = (weighted_centroid(weights[None])[0] + weights.new_tensor([box.x, box.y])).tolist()
    return mask_to_vertebra(inside, (box.x, box.y), centroid=(x, y), confidence=float(probabilities[inside].mean()))


def largest_part(mask: Mask) -> Mask:
    """The largest 4-connected part of an (H, W) mask, its holes filled; empty if the mask is."""
    number, parts, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
    if number == 1:
        return mask
    largest = 1 + statistics[1:, cv2.CC_STAT_AREA].argmax()
    # What cannot be reached from outside is the part or one of its holes.
    reached = np.pad((parts == largest).astype(np.uint8), 1)
    cv2.floodFill(reached, None, (0, 0), 2)
    filled: Mask = reached[1:-1, 1:-1] != 2
    return filled
