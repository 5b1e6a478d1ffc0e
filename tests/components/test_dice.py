"""Dice of masks, and the loss made of it."""

import pytest
import torch

from spinefm.components.dice import dice, soft_dice_loss

SURE = 50.0


def test_dice_of_hand_made_masks():
    half, other = torch.zeros(4, 4, dtype=torch.bool), torch.zeros(4, 4, dtype=torch.bool)
    half[:2], other[1:3] = True, True
    nothing = torch.zeros_like(half)
    found, true = torch.stack([half, half, half, nothing, nothing]), torch.stack([half, other, ~half, half, nothing])
    assert dice(found, true).tolist() == [1.0, 0.5, 0.0, 0.0, 1.0]


def test_soft_dice_loss_of_hand_made_maps():
    half = torch.zeros(1, 4, 4)
    half[:, :2] = 1
    everything, nothing = torch.ones(1, 4, 4), torch.zeros(1, 4, 4)
    cases = [
        (SURE * (2 * half - 1), half, 0.0),
        (SURE * (1 - 2 * half), half, 1 - 1 / 17),  # 8 pixels each, none shared.
        (SURE * (2 * everything - 1), half, 1 - 17 / 25),
        (nothing, half, 1 - (2 * 4 + 1) / (8 + 8 + 1)),  # Probability 0.5 everywhere.
        (-SURE * everything, nothing, 0.0),  # Nothing found where nothing is.
    ]
    for logits, mask, loss in cases:
        assert soft_dice_loss(logits, mask).item() == pytest.approx(loss, abs=1e-6)
    logits, truth, losses = (torch.cat([case[0] for case in cases]), torch.cat([case[1] for case in cases]), [case[2] for case in cases])
    assert soft_dice_loss(logits, truth).item() == pytest.approx(sum(losses) / len(losses), abs=1e-6)
