"""The U-Net beside the tokens."""

import pytest
import torch

from spinefm.models.detail import UNet
from spinefm.models.sam import Sam, SamSize
from tests.sams import TINY, images_of, randomise


@pytest.fixture
def build():
    """Makes a U-Net whose every parameter is random."""

    def make(scales):
        torch.manual_seed(0)
        return randomise(UNet(3, 4, scales)).eval()

    return make


def reach(network):
    """How far a pixel is seen, pixels."""
    images = torch.zeros(1, 3, 96, 96)
    changed = images.clone()
    changed[..., 48, 48] = 1
    with torch.no_grad():
        columns = (network(changed) - network(images)).abs().amax((0, 1, 2)).nonzero().flatten()
    return int((columns - 48).abs().max())


@pytest.mark.parametrize("scales", [1, 2, 4])
@torch.no_grad()
def test_what_moves_by_the_coarsest_pixel_is_seen_moved(build, scales):
    network, side = build(scales), 2 ** (scales - 1)
    image = torch.zeros(1, 3, 160, 160)
    image[..., 76:84, 76:84] = torch.rand(8, 8, generator=torch.Generator().manual_seed(1))
    seen = network(image)
    assert seen.shape == (1, 4, 160, 160) and seen.std() > 1e-3
    moved = network(image.roll((side, -side), (2, 3)))
    middle = slice(64, 96)
    torch.testing.assert_close(moved.roll((-side, side), (2, 3))[..., middle, middle], seen[..., middle, middle], rtol=1e-4, atol=1e-4)


def test_each_scale_sees_twice_as_far(build):
    # Two 3 x 3 convolutions reach two pixels; a scale below, they are two pixels of twice the size, before and after.
    assert reach(build(1)) == 2
    assert 2 * reach(build(2)) <= reach(build(3)) <= 3 * reach(build(2))


@pytest.mark.parametrize("scales", [0, -1])
def test_at_least_one_scale(scales):
    with pytest.raises(ValueError, match=rf"`detail_scales` to be at least 1, but got {scales}"):
        SamSize(detail_scales=scales)


def test_masks_have_to_be_halved_as_often_as_there_are_scales():
    size = TINY | {"image_size": 48, "encoder": TINY["encoder"] | {"patch_size": 16}, "detail": 8}
    with pytest.raises(
        ValueError, match=r"12, the side of the masks, to be a multiple of 8 with `detail_scales` 4, but it is not\. Give fewer"
    ):
        Sam(SamSize(**size))
    with torch.no_grad():
        assert Sam(SamSize(**size, detail_scales=3)).low_resolution(images_of(1, 48), torch.tensor([[24.0, 24.0]])).shape == (1, 12, 12)
