"""The segmenter's loss, metric, what of it is trained, and what it asks its network."""

import re
from dataclasses import replace

import pytest
import torch
from torch import nn

from spinefm.anatomy import levels_between
from spinefm.components.dice import soft_dice_loss
from spinefm.data.views import PatchVariation
from spinefm.data.views.sampling import ItemKey
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tuning import foundation_key, is_added
from spinefm.pipeline.examination import cut_patches, places_along
from spinefm.structures import PatchBox, Patches, View
from spinefm.training.films import FilmDataModule


class Fixed(nn.Module):
    """Gives the logits it was made with, and remembers what it was asked."""

    def __init__(self, logits):
        super().__init__()
        self.logits, self.prompts = logits, None

    def forward(self, images, prompts, readers):
        self.prompts = prompts
        return self.logits

    low_resolution = forward


@pytest.fixture
def component(build, monkeypatch):
    component = build("sam_adapter", positive_weight=3.0)
    component.logged = {}
    monkeypatch.setattr(component, "log", lambda name, value, **options: component.logged.update({name: value}))
    return component


def test_dice_is_the_mean_over_vertebrae(component):
    masks = torch.zeros(3, 4, 4)
    masks[0, :2], masks[1, :2] = 1, 1
    masks[2, 0, 0] = 0.4  # Less than half covered: not the vertebra's.
    logits = -torch.ones(3, 4, 4)
    logits[0, 0] = 1  # 4 of 8 pixels: Dice 2 * 4 / 12.
    logits[1, 3] = 1  # Beside it: 0.
    component.model = Fixed(logits)
    component.validation_step((None, None, masks, None), 0)
    assert component.logged["val/dice"].compute().item() == pytest.approx((2 / 3 + 0 + 1) / 3)


def test_loss_is_weighted_cross_entropy_plus_dice(component):
    logits = torch.tensor([[[1.0, -2.0], [0.5, 0.0]]])
    masks = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    component.model = Fixed(logits)
    p = logits.sigmoid()
    entropy = -(3.0 * masks * p.log() + (1 - masks) * (1 - p).log()).mean()
    torch.testing.assert_close(component.training_step((None, None, masks, None), 0), entropy + soft_dice_loss(logits, masks))


def test_the_papers_loss_is_cross_entropy_alone_at_the_logits_resolution(build, monkeypatch):
    component = build("sam_adapter", dice_weight=0.0, loss_resolution="logits")
    monkeypatch.setattr(component, "log", lambda *args, **options: None)
    logits = torch.tensor([[[1.0, -2.0], [0.5, 0.0]]])
    component.model.low_resolution = lambda images, prompts, readers: logits
    masks = torch.zeros(1, 4, 4)
    masks[:, :2, :3] = 1
    shares, p = torch.tensor([[[1.0, 0.5], [0.0, 0.0]]]), logits.sigmoid()
    entropy = -(2.0 * shares * p.log() + (1 - shares) * (1 - p).log()).mean()
    torch.testing.assert_close(component.training_step((None, None, masks, None), 0), entropy)


def prompts_for(component, patches):
    """What the network is asked for these patches."""
    component.model = Fixed(torch.zeros(0))
    component.segment(patches)
    return component.model.prompts


PROMPTS = [{"kind": "centre"}, {"kind": "jittered", "jitter": 0.3}, {"kind": "foreground"}, {"kind": "box", "width": 1.5, "height": 0.5}]


@pytest.mark.parametrize("patch_pixels", [None, 50])
@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda prompt: prompt["kind"])
def test_the_pipeline_asks_what_validation_asks_for_the_same_place(build, make_film, prompt, patch_pixels):
    component = build("sam_adapter", prompt=prompt, patch_pixels=patch_pixels, jitter=0.0)
    film = make_film(spacing=19)
    view = component.view([film], training=False)
    validated = torch.stack([view[ItemKey(0, index)][1] for index in range(len(view))])
    patches = cut_patches(places_along(film, film.vertebrae), component)
    asked = prompts_for(component, patches)
    assert len(asked) == 7
    torch.testing.assert_close(asked, validated, rtol=0, atol=1e-4)


@pytest.mark.parametrize("side", [30, 60])
def test_a_prompt_is_in_pixels_of_the_networks_input(build, side):
    component = build("sam_adapter", prompt={"kind": "box", "width": 1.5, "height": 0.5})
    asked = prompts_for(
        component, Patches(torch.zeros(2, 1, 32, 32), (PatchBox(3, 5, side),) * 2, (10.0, 20.0), ("a", "b"), (0.0,) * 2, (None,) * 2)
    )
    # Of 32 pixels, one spacing are 32 * 10 / side.
    for box, spacing in zip(asked, (320 / side, 640 / side), strict=True):
        assert box.tolist() == pytest.approx([16 - 0.75 * spacing, 16 - 0.25 * spacing, 16 + 0.75 * spacing, 16 + 0.25 * spacing])


def test_the_prompt_of_the_paper_is_the_centre_of_the_patch(build):
    component = build("sam_adapter", prompt={"kind": "centre"})
    asked = prompts_for(
        component, Patches(torch.zeros(2, 1, 32, 32), (PatchBox(0, 0, 32),) * 2, (10.0,) * 2, ("a", "b"), (0.0,) * 2, (None,) * 2)
    )
    assert asked.tolist() == [[16.0, 16.0]] * 2


def test_a_component_prompted_with_boxes_learns_what_boxes_mean(build):
    """And not what points mean: a parameter that waits for its gradient in vain stops training on several devices."""
    trained = {kind: build("sam_adapter", prompt={"kind": kind}).trained_keys() for kind in ("centre", "box")}
    embeddings = "model.prompt_encoder.point_embeddings."
    assert {f"{embeddings}{i}.weight" for i in (2, 3)} == trained["box"] - trained["centre"]
    assert {f"{embeddings}0.weight", f"{embeddings}1.weight"} < trained["centre"] - trained["box"]


@pytest.fixture
def weights(tiny_modules, tmp_path):
    torch.manual_seed(5)
    path = tmp_path / "sam.pth"
    torch.save(Sam(SamSize(**tiny_modules["sam_adapter"]["sam"])).state_dict(), path)
    return str(path)


TUNINGS = {
    "adapter": {"method": "adapter"},
    "adapters in the decoder": {"method": "adapter", "decoder": True},
    "lora": {"method": "lora", "rank": 2},
    "decoder_only": {"method": "decoder_only"},
}
every_tuning = pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS)


@every_tuning
def test_training_changes_what_it_should_and_nothing_of_the_foundation(build, fit, weights, tuning):
    """Running statistics of frozen normalisations neither."""
    component = build("sam_adapter", tuning=tuning, weights=weights)
    trained = component.trained_keys()
    assert {id(parameter) for parameter in component.trained_parameters()} == {id(component.get_parameter(key)) for key in trained}
    assert all(key.startswith("model.mask_decoder.") or is_added(key) for key in trained)
    fit(component)
    foundation, state = torch.load(weights, weights_only=True), component.state_dict()
    frozen = {key: foundation[foundation_key(key.removeprefix("model."))] for key in state if key not in trained}
    assert any(key.endswith("running_var") for key in frozen)
    assert [key for key, value in frozen.items() if not torch.equal(state[key], value)] == []
    kept = {key for key in trained if not is_added(key) and torch.equal(state[key], foundation[foundation_key(key.removeprefix("model."))])}
    assert kept == set()
    assert all(state[key].abs().sum() > 0 for key in trained if ".adapter.up." in key or ".lora_B." in key)


def test_statistics_follow_the_films_where_everything_is_trained(build, fit, weights):
    component = build("sam_adapter", weights=weights)
    fit(component)
    foundation, state = torch.load(weights, weights_only=True), component.model.state_dict()
    statistics = [key for key in state if key.endswith("running_var")]
    assert statistics and not any(torch.equal(state[key], foundation[key]) for key in statistics)


def test_frozen_normalisations_of_tiny_vit_do_not_train(build):
    sam = {"image_size": 16, "pixels": "min_max", "encoder": {"name": "tiny_vit"}}
    component = build("sam_adapter", sam=sam, tuning={"method": "adapter"}, prompt={"kind": "box"})
    normalisations = [module for module in component.modules() if isinstance(module, nn.BatchNorm2d)]
    for mode in (True, False, True):
        component.train(mode)
        assert len(normalisations) > 20 and not any(module.training for module in normalisations)
        assert component.model.mask_decoder.training is mode
    tuned = build("sam_adapter", sam=sam, tuning={"method": "full"}, prompt={"kind": "box"})
    assert all(module.training for module in tuned.modules() if isinstance(module, nn.BatchNorm2d))


@every_tuning
@pytest.mark.parametrize("prompt", ["centre", "box"])
def test_every_trained_parameter_gets_a_gradient(build, tiny_dataset, monkeypatch, tuning, prompt):
    component = build("sam_adapter", tuning=tuning, prompt={"kind": prompt})
    monkeypatch.setattr(component, "log", lambda *args, **options: None)
    (batch, *_) = FilmDataModule(tiny_dataset, component, batch_size=2).train_dataloader()
    component.training_step(batch, 0).backward()
    assert [key for key in component.trained_keys() if component.get_parameter(key).grad is None] == []
    assert [
        key for key, parameter in component.named_parameters() if key not in component.trained_keys() and parameter.grad is not None
    ] == []


def test_full_tuning_trains_everything_that_can_be(build):
    component = build("sam_adapter")
    fixed = {name for name, parameter in component.model.named_parameters() if not parameter.requires_grad}
    assert not any(".adapter." in name for name in component.model.state_dict())
    assert not any(name.startswith(("image_encoder.blocks", "mask_decoder.transformer")) for name in fixed)


@every_tuning
def test_tuning_without_a_trained_sam_is_refused(build, tuning):
    component = build("sam_adapter", tuning=tuning)
    component.setup("test")
    with pytest.raises(ValueError, match=r"`foundation\.weights`.*but got none.*tuning=full"):
        component.setup("fit")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tuning": {"method": "prefix"}}, "`tuning.method` to be one of adapter, lora, decoder_only, full, but got `prefix`"),
        ({"tuning": {"method": "adapter", "initialisation": "ones"}}, "`initialisation` to be zero or original, but got `ones`"),
        ({"prompt": {"kind": "mask"}}, "`prompt.kind` to be one of centre, jittered, foreground, box, but got `mask`"),
        ({"sam": {"pixels": "imagenet"}}, "`pixels` to be unit or min_max, but got `imagenet`"),
        ({"loss_resolution": "film"}, "`loss_resolution` to be input or logits, but got `film`"),
        ({"sam": {"encoder": {"name": "swin"}}}, "`encoder.name` to be one of vit, tiny_vit, but got `swin`"),
    ],
    ids=str,
)
def test_unknown_options_are_refused_by_name(build, options, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        build("sam_adapter", **options)


def test_foundation_weights_are_loaded_before_training_only(build, weights):
    component = build("sam_adapter", weights=weights)
    foundation = torch.load(weights, weights_only=True)
    key = "image_encoder.neck.0.weight"
    component.setup("test")
    assert not torch.equal(component.model.state_dict()[key], foundation[key])
    component.setup("fit")
    assert torch.equal(component.model.state_dict()[key], foundation[key])


def test_a_mask_does_not_depend_on_the_batch(fitted):
    component = fitted("sam_adapter")[0].eval()
    pixels = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    boxes = (PatchBox(0, 0, 32),) * 3
    together = component.segment(Patches(pixels, boxes, (10.0,) * 3, ("a", "b", "c"), (0.0,) * 3, (None,) * 3))
    # Four pixels for each of 4 x 4 tokens: the mask decoder's own resolution.
    assert together.shape == (3, 16, 16)
    torch.testing.assert_close(
        together[2:], component.segment(Patches(pixels[2:], boxes[2:], (10.0,), ("c",), (0.0,), (None,))), rtol=0, atol=1e-4
    )


def test_outlines_are_those_of_the_reader_who_is_asked_for(build):
    component = build("sam_adapter", readers=["first", "second"])
    pixels = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(0)).expand(4, -1, -1, -1)
    asked = ("second", None, "stranger", "first")
    second, *nobody, first = component.eval().segment(
        Patches(pixels, (PatchBox(0, 0, 32),) * 4, (10.0,) * 4, ("a",) * 4, (0.0,) * 4, asked)
    )
    assert (first - second).abs().max() > 1e-4
    for logits in nobody:
        torch.testing.assert_close(logits, (first + second) / 2, rtol=0, atol=1e-4)


def test_two_hands_are_learnt_from_one_picture(build):
    component = build("sam_adapter", readers=["wide", "narrow"])
    masks = torch.zeros(2, 32, 32)
    masks[0, 6:26, 6:26], masks[1, 11:21, 11:21] = 1, 1
    batch = (torch.rand(1, 1, 32, 32).expand(2, -1, -1, -1), torch.full((2, 2), 16.0), masks, torch.tensor([0, 1]))
    component.log = lambda *args, **options: None
    optimizer = torch.optim.Adam(component.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        component.training_step(batch, 0).backward()
        optimizer.step()
    wide, narrow = (component.eval().model(batch[0], batch[1], batch[3]) > 0).sum((1, 2))
    assert wide > 1.5 * narrow > 0


@pytest.mark.parametrize("readers", [["anna"], ["anna", "ben", "anna"], ["1", 1]])
def test_readers_are_two_different_ones_at_least(build, readers):
    with pytest.raises(ValueError, match=r"`readers` to be none, or two different ones at least, but got .*\. Set `dataset\.readers`"):
        build("sam_adapter", readers=readers)


def test_training_patches_are_varied_as_told(build, make_film):
    component = build("sam_adapter", variation={"max_rotation": 35.0, "exposure": "wide", "rods": 0.1, "cut": 0.2, "surrounded": 0.3})
    levels = levels_between("T10", "L5")
    view = component.view([replace(make_film(levels=levels), view=View.AP_SPINE)], True)
    assert view.variation == PatchVariation(35.0, "wide", 0.1, 0.2, 0.3)
    with pytest.raises(ValueError, match=r"films from the front .* for `rods=0.1`, but none of 1 is one"):
        component.view([make_film(levels=levels)], True)
    component.view([make_film(levels=levels)], False)
    build("sam_adapter", augment=False, variation={"rods": 0.1}).view([make_film(levels=levels)], True)
