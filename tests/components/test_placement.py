"""The same networks on another device, in lower precision, compiled: what they find stays the same."""

from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from spinefm.components import COMPONENTS, Placement
from spinefm.structures import PatchBox, Patches, Trails
from tests.scripts import every_component

BF16 = partial(torch.autocast, "cpu", dtype=torch.bfloat16)


def discs(number, size):
    """(N, 1, S, S) noise with a bright disc around the middle, and (N, S, S) the disc."""
    generator = torch.Generator().manual_seed(0)
    grid = torch.arange(size) + 0.5
    radii = size * (0.15 + 0.2 * torch.rand(number, 1, 1, generator=generator))
    masks = ((grid[:, None] - size / 2) ** 2 + (grid - size / 2) ** 2 < radii**2).float()
    return (0.6 * masks + 0.2 * torch.rand(number, size, size, generator=generator))[:, None], masks


@pytest.fixture(scope="module")
def segmenter(build):
    """One that has learned to see discs."""
    component = build("sam_adapter")
    (pixels, masks), centre = discs(16, component.input_size), torch.full((16, 2), component.input_size / 2)
    optimizer = torch.optim.Adam(component.parameters(), lr=0.003)
    for _ in range(120):
        loss = binary_cross_entropy_with_logits(component.model(pixels, centre), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return component.eval()


def copy_of(component):
    """Another of the same weights, not placed yet."""
    copy = COMPONENTS[component.name](**component.hparams).eval()
    copy.load_state_dict(component.state_dict())
    return copy


def patches(component, number=16):
    size = component.input_size
    return Patches(
        discs(number, size)[0],
        (PatchBox(0, 0, 4 * size),) * number,
        (size * 1.5,) * number,
        ("film",) * number,
        (0.0,) * number,
        (None,) * number,
    )


def answers(component, film):
    """What a component says, in tensors."""
    if component.name == "mask_rcnn":
        (found,) = component.detect([film])
        return [torch.tensor([vertebra.box for vertebra in found.vertebrae]), torch.tensor([v.confidence for v in found.vertebrae])]
    if component.name == "point_predictor":
        trails = Trails(torch.tensor([[[400.0, 1000], [410, 1200], [400, 1400]]]), torch.tensor([[900.0, 2000]]), ("film",))
        return [component.predict_next(trails)]
    if component.name == "unet":
        return component.segment_films([film])
    return [component.classify(patches(component)) if component.name == "resnet" else component.segment(patches(component))]


def test_masks_in_bf16_are_those_in_fp32(segmenter):
    placed, seen = copy_of(segmenter).place(Placement(autocast=BF16)), []
    placed.model.image_encoder.blocks[0].mlp.register_forward_hook(lambda *call: seen.append(call[-1].dtype))
    full, half = segmenter.segment(patches(segmenter)), placed.segment(patches(segmenter))
    assert seen == [torch.bfloat16] and half.dtype == torch.float32 and not torch.equal(full, half)
    first, second = full > 0, half > 0
    ious = (first & second).sum((1, 2)) / (first | second).sum((1, 2))
    assert 0.05 < first.float().mean() < 0.5
    assert ious.mean() >= 0.99


@every_component
def test_in_bf16_answers_stay_close_and_in_fp32(build, make_film, name):
    component = build(name).eval()
    before, after = answers(component, make_film()), answers(copy_of(component).place(Placement(autocast=BF16)), make_film())
    # The last one: which boxes an untrained detector prefers is a matter of the last digit.
    assert after[-1].dtype == before[-1].dtype
    torch.testing.assert_close(before[-1], after[-1], rtol=0.02, atol=0.02)
    assert name != "point_predictor" or torch.equal(before[0], after[0])


@every_component
def test_channels_last_changes_no_answer(build, make_film, name):
    component = build(name).eval()
    placed = copy_of(component).place(Placement(channels_last=True))
    for first, second in zip(answers(component, make_film()), answers(placed, make_film()), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    kernels = [p for p in placed.parameters() if p.dim() == 4 and p.shape[1] > 1 and p.shape[2] > 1]
    if name == "mask_rcnn":
        kernels = [p for p in placed.model.backbone.parameters() if p.dim() == 4 and p.shape[2] > 1]
    if name in ("mask_rcnn", "resnet"):
        assert kernels and all(p.is_contiguous(memory_format=torch.channels_last) for p in kernels)


GRAPHS = []


@torch._dynamo.register_backend(name="recorder")
def record(graph, inputs):
    """A compiler that notes what it is given and leaves it as it is."""
    GRAPHS.append(graph)
    return graph.forward


@pytest.fixture
def recorder():
    GRAPHS.clear()
    torch._dynamo.reset()
    yield GRAPHS
    torch._dynamo.reset()


@every_component
def test_compiled_networks_give_the_same_answers(build, make_film, recorder, name):
    component = build(name).eval()
    placed = copy_of(component).place(Placement(compiler="recorder"))
    for first, second in zip(answers(component, make_film()), answers(placed, make_film()), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    assert bool(recorder) == (name != "point_predictor")
    assert placed.state_dict().keys() == component.state_dict().keys()


def test_an_unknown_compiler_is_named(build):
    with pytest.raises(ValueError, match=r"Expected `compile` to be null or one of .*inductor.*, but got `swift`"):
        build("point_predictor").place(Placement(compiler="swift"))


@every_component
def test_a_component_moves_to_its_device(build, name):
    assert {p.device.type for p in build(name).place(Placement("meta")).parameters()} == {"meta"}
