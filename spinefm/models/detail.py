"""What a mask decoder sees of the image itself, beside the encoder's tokens."""

from typing import cast

import torch
from torch import Tensor, nn


class Detail(nn.Module):
    """What an image shows between the tokens, for masks finer than these.

    Source: the idea is that of the high-resolution features of arXiv:2408.00714 (SAM 2); there they come from a hierarchical encoder,
    here from a U-Net beside the encoder, as a plain vision transformer has none.
    """

    def __init__(self, width: int, channels: int, stride: int, scales: int) -> None:
        """Build the module.

        Args:
            width: Of its convolutions on the finest scale.
            channels: Of the mask decoder's features.
            stride: Pixels of the image per pixel of these features.
            scales: See `UNet`.
        """
        super().__init__()
        self.normalise = nn.InstanceNorm2d(1)  # films differ in exposure more than in anatomy
        self.look = nn.Sequential(
            nn.Conv2d(1, width, max(3, stride), stride, int(stride < 3), bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )  # fmt: skip
        last = nn.Conv2d(width, channels, 3, 1, 1)
        nn.init.zeros_(last.weight)  # so that a foundation that was trained without it begins undisturbed
        nn.init.zeros_(cast(Tensor, last.bias))
        self.mix = nn.Sequential(UNet(width + channels, width, scales), last)

    def forward(self, features: Tensor, images: Tensor) -> Tensor:
        """(N, C, L, L) features and (N, 1, S, S) images in 0..1 to (N, C, L, L) better features."""
        mixed: Tensor = features + self.mix(torch.cat([features, self.look(self.normalise(images))], dim=1))
        return mixed


class UNet(nn.Module):
    """Two convolutions, a U-Net twice as wide and half as fine, and two convolutions over what both saw.

    Source: arXiv:1505.04597. `spinefm.models.unet` is the larger one that sees whole films.
    """

    def __init__(self, inputs: int, width: int, scales: int) -> None:
        """Build the network.

        Args:
            inputs: Channels that come in.
            width: Channels of the finest scale, and of what goes out.
            scales: How many there are.
        """
        super().__init__()
        self.before, self.below = _two_convolutions(inputs, width), None
        if scales > 1:
            up = nn.ConvTranspose2d(2 * width, width, 2, 2)
            self.below = nn.Sequential(nn.MaxPool2d(2), UNet(width, 2 * width, scales - 1), up)
            self.after = _two_convolutions(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(N, `inputs`, L, L) to (N, `width`, L, L); L is a multiple of 2 ** (`scales` - 1)."""
        fine: Tensor = self.before(x)
        return fine if self.below is None else self.after(torch.cat([fine, self.below(fine)], dim=1))


def _two_convolutions(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True),
    )  # fmt: skip
