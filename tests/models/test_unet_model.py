"""MONAI's U-Net as we build it."""

import re
import sys

import pytest
import torch

from spinefm.models.unet import build_unet, coarsest


@pytest.mark.parametrize("widths", [[4, 8, 8], [4, 8, 8, 16, 16]])
def test_it_gives_a_logit_for_each_pixel(widths):
    side = coarsest(widths)
    assert build_unet(widths)(torch.rand(2, 1, 2 * side, 3 * side)).shape == (2, 1, 2 * side, 3 * side)


@torch.no_grad()
def test_a_film_does_not_depend_on_its_neighbours():
    unet, films = build_unet([4, 8, 8]), torch.rand(3, 1, 16, 24)
    torch.testing.assert_close(unet(films)[1:2], unet(films[1:2]), rtol=1e-4, atol=1e-5)


def test_one_more_scale_sees_further():
    def reach(widths):
        torch.manual_seed(0)
        films = torch.rand(1, 1, 64, 64).requires_grad_()
        unet = build_unet(widths).eval()
        for module in unet.modules():
            if isinstance(module, torch.nn.InstanceNorm2d):
                module.forward = lambda x: x  # it sees the whole film
        unet(films)[0, 0, 32, 32].backward()
        return int((films.grad[0, 0].abs().sum(0) > 0).sum())

    assert reach([4, 4, 4]) < reach([4, 4, 4, 4])


def test_two_scales_are_too_few():
    with pytest.raises(ValueError, match=re.escape("Expected `widths` of at least three scales, but got [8, 8]")):
        build_unet([8, 8])


def test_without_monai_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.networks.nets.dynunet", None)
    with pytest.raises(ValueError, match=r"Expected monai for the U-Net, but it is missing\. `pip install -e '\.\[unet\]'`"):
        build_unet([4, 8, 8])
