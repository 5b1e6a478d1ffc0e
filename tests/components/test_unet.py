"""The whole-film segmenter: what it minimises, what it measures, and that it learns."""

import re

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from spinefm.components.dice import soft_dice_loss
from spinefm.data.views.sampling import ItemKey
from spinefm.geometry.letterbox import Letterbox


class Fixed(nn.Module):
    """Gives the logits it was made with."""

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, films):
        return self.logits[:, None]


@pytest.fixture
def logged(monkeypatch):
    """Makes a component note what it logs."""

    def watch(component):
        values = {}
        monkeypatch.setattr(component, "log", lambda name, value, **options: values.update({name: value}))
        return values

    return watch


def test_loss_is_cross_entropy_plus_dice(build, logged):
    component = build("unet", dice_weight=0.5)
    logged(component)
    logits = torch.tensor([[[1.0, -2.0], [0.5, 0.0]]])
    masks = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]])
    component.model = Fixed(logits)
    expected = binary_cross_entropy_with_logits(logits, masks) + 0.5 * soft_dice_loss(logits, masks)
    torch.testing.assert_close(component.training_step((None, masks), 0), expected)


def test_loss_is_fp32_also_where_the_network_is_not(build, logged):
    component = build("unet")
    logged(component)
    films, masks = torch.rand(2, 1, 64, 32), torch.zeros(2, 64, 32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = component.training_step((films, masks), 0)
    assert loss.dtype == torch.float32 and torch.isfinite(loss)
    torch.testing.assert_close(loss, component.training_step((films, masks), 0), rtol=0.05, atol=0.05)


def test_dice_is_the_mean_over_films(build, logged):
    component = build("unet")
    values = logged(component)
    masks, logits = torch.zeros(2, 4, 4), -torch.ones(2, 4, 4)
    masks[:, :2], logits[0, 0] = 1, 1  # 4 of 8 pixels: Dice 2 * 4 / 12; on the other film nothing
    component.model = Fixed(logits)
    component.validation_step((None, masks), 0)
    assert values["val/dice"].compute().item() == pytest.approx(1 / 3)
    component.test_step((None, masks), 0)
    assert "test/dice" in values


@pytest.mark.parametrize("size", [(160, 96), (96, 160), (40, 21)])
def test_maps_cover_the_film_and_show_what_the_view_shows(build, make_film, size):
    component = build("unet").eval()
    film = make_film(levels=("T11",), size=size, left=15)
    (found,) = component.segment_films([film])
    pixels, _ = component.view([film], training=False)[ItemKey(0, 0)]
    letterbox = Letterbox(size, (64, 32))
    with torch.no_grad():
        expected = component.model(pixels[None])[0, 0].sigmoid()
    assert found.shape == letterbox.inner_size and found.dtype == torch.float32
    torch.testing.assert_close(found, letterbox.without_bars(expected))


def test_films_of_any_size_go_together(build, make_film):
    component = build("unet").eval()
    films = [make_film("one"), make_film("two", size=(150, 120))]
    for together, alone in zip(component.segment_films(films), [component.segment_films([film])[0] for film in films], strict=True):
        torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_an_input_that_cannot_be_halved_so_often_is_refused(build):
    expected = "Expected `input_height` and `input_width` to be multiples of 4 with 3 `widths`, but got 64 and 30."
    with pytest.raises(ValueError, match=re.escape(expected)):
        build("unet", input_width=30)


def test_it_shows_both_masks_and_their_dice(build, make_film):
    component = build("unet")
    masks, logits = torch.zeros(1, 4, 4), -torch.ones(1, 4, 4)
    masks[0, :2], logits[0, 0] = 1, 1
    component.model = Fixed(logits)
    (sample,) = component.samples((torch.rand(1, 1, 4, 4), masks), [make_film()])
    assert np.array_equal(sample.masks["true"], masks[0].numpy() > 0) and np.array_equal(sample.masks["found"], logits[0].numpy() > 0)
    assert sample.facts == {"film": "film", "dice": pytest.approx(2 * 4 / 12)}


def test_it_learns_to_see_vertebrae(build, make_film):
    component = build("unet", augment=False, input_height=80, input_width=48, widths=[8, 16, 16])
    films, masks = zip(*(component.view([make_film(name)], training=True)[ItemKey(0, 0)] for name in "abcd"), strict=True)
    batch = torch.stack(films), torch.stack(masks)
    optimizer = torch.optim.Adam(component.parameters(), lr=0.01)
    component.log = lambda *arguments, **options: None
    for _ in range(60):
        optimizer.zero_grad()
        component.training_step(batch, 0).backward()
        optimizer.step()
    film = make_film("other", left=45)
    (found,), (_, true) = component.eval().segment_films([film]), component.view([film], training=False)[ItemKey(0, 0)]
    true = Letterbox(film.size, (80, 48)).without_bars(true) > 0
    assert 2 * ((found > 0.5) & true).sum() / ((found > 0.5).sum() + true.sum()) > 0.8
