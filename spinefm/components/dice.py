"""How far masks cover each other, and the loss that makes them."""

import torch
from torch import Tensor


def dice(found: Tensor, true: Tensor) -> Tensor:
    """(N,) Dice of (N, H, W) bool masks, 0..1."""
    sizes = found.sum((1, 2)) + true.sum((1, 2))
    # Nothing found where nothing is: right. A patch or film always holds a vertebra, so this is a rounding case.
    return torch.where(sizes > 0, 2 * (found & true).sum((1, 2)) / sizes.clamp(min=1), 1.0)


def soft_dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - Dice of probabilities, mean over (N, H, W) maps; one pixel is added above and below, so that nothing divides by 0."""
    probabilities = logits.sigmoid()
    shared, total = (probabilities * masks).sum((1, 2)), (probabilities + masks).sum((1, 2))
    return (1 - (2 * shared + 1) / (total + 1)).mean()
