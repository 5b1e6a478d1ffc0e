"""How far masks cover each other, and the losses that make them."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def dice(found: Tensor, true: Tensor) -> Tensor:
    """(N,) Dice of (N, H, W) bool masks, 0..1."""
    sizes = found.sum((1, 2)) + true.sum((1, 2))
    # Nothing found where nothing is: right. A patch or film always holds a vertebra, so this is a rounding case.
    return torch.where(sizes > 0, 2 * (found & true).sum((1, 2)) / sizes.clamp(min=1), 1.0)


def mask_loss(logits: Tensor, masks: Tensor, dice_weight: float, positive_weight: float = 1.0) -> Tensor:
    """Cross-entropy over (N, H, W) pixels, those of a vertebra `positive_weight` times, plus `dice_weight` times `soft_dice_loss`."""
    entropy = binary_cross_entropy_with_logits(logits, masks, pos_weight=logits.new_tensor(positive_weight))
    return entropy + dice_weight * soft_dice_loss(logits, masks)


def soft_dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - Dice of probabilities, mean over (N, H, W) maps; one pixel is added above and below, so that nothing divides by 0."""
    probabilities = logits.sigmoid()
    shared, total = (probabilities * masks).sum((1, 2)), (probabilities + masks).sum((1, 2))
    return (1 - (2 * shared + 1) / (total + 1)).mean()
