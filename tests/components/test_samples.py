"""What components show of what they make of their items."""

import numpy as np
import pytest
import torch
from torch import nn

from spinefm.components import COMPONENTS
from spinefm.data.views.trails import TrailBatch
from spinefm.training.films import FilmDataModule
from tests.documented import rows

every_component = pytest.mark.parametrize("name", COMPONENTS)
(TABLE,) = (meaning for component, name, meaning in rows("Training") if name == "val/samples_table")


def first_batch(component, dataset):
    """A validation batch, and the film of each of its items."""
    loader = FilmDataModule(dataset, component, batch_size=4).val_dataloader()
    batch = next(iter(loader))
    number = len(batch.targets) if isinstance(batch, TrailBatch) else len(batch[0])
    return batch, [loader.dataset.film_of(index) for index in range(number)]


@every_component
def test_every_item_is_shown(fitted, tiny_dataset, name):
    component = fitted(name)[0].eval()
    batch, films = first_batch(component, tiny_dataset)
    with torch.no_grad():
        samples = component.samples(batch, films)
    assert [sample.facts["film"] for sample in samples] == [film.film_id for film in films]
    for sample in samples:
        assert sample.picture.dtype == np.uint8 and sample.picture.std() > 0
        assert all(mask.dtype == bool and mask.shape == sample.picture.shape for mask in sample.masks.values())
        assert next(iter(sample.facts)) == "film" and all(f"`{column}`" in TABLE for column in sample.facts)
    assert len({tuple(sample.facts) for sample in samples}) == 1


class Gives(nn.Module):
    """Gives what it was made with."""

    def __init__(self, output):
        super().__init__()
        self.output = output

    def forward(self, *inputs):
        return self.output


def test_the_classifier_shows_patch_classes_and_probability(build, make_film):
    component = build("resnet")
    component.model = nn.Flatten()  # pixels as logits of the four classes
    patches = torch.tensor([[[[0.0, 1.0], [0.0, 0.0]]], [[[0.5, 0.0], [0.0, 0.0]]]])
    samples = component.samples((patches, torch.tensor([1, 3])), [make_film("one"), make_film("two")])
    assert samples[0].picture.tolist() == [[0, 255], [0, 0]] and samples[1].picture.tolist() == [[128, 0], [0, 0]]
    probabilities = [float(torch.tensor(logits).softmax(0).max()) for logits in ([0.0, 1, 0, 0], [0.5, 0, 0, 0])]
    assert [dict(sample.facts) for sample in samples] == [
        {"film": "one", "true": "vertebra", "found": "vertebra", "probability": pytest.approx(probabilities[0])},
        {"film": "two", "true": "L5", "found": "background", "probability": pytest.approx(probabilities[1])},
    ]


def test_the_segmenter_shows_both_masks_and_their_dice(build, make_film):
    component = build("sam_adapter")
    masks, logits = torch.zeros(1, 4, 4), -torch.ones(1, 4, 4)
    masks[0, :2], logits[0, 0] = 1, 1
    component.model = Gives(logits)
    (sample,) = component.samples((torch.rand(1, 1, 4, 4), None, masks, None), [make_film()])
    assert np.array_equal(sample.masks["true"], masks[0].numpy() > 0) and np.array_equal(sample.masks["found"], logits[0].numpy() > 0)
    assert sample.facts["dice"] == pytest.approx(2 * 4 / 12)


def test_the_detector_shows_all_vertebrae_together(build, make_film, monkeypatch):
    component = build("mask_rcnn", mask_threshold=0.5)
    true, found = torch.zeros(2, 6, 6, dtype=torch.uint8), torch.zeros(3, 1, 6, 6)
    true[0, :2], true[1, 4:] = 1, 1
    found[0, 0, :2], found[1, 0, 2], found[2, 0, 5] = 0.9, 0.6, 0.4
    monkeypatch.setattr(component, "_predict", lambda *arguments, **options: [{"masks": found}])
    (sample,) = component.samples(((torch.rand(1, 6, 6),), ({"masks": true},)), [make_film()])
    assert sample.masks["true"].any(1).tolist() == [True, True, False, False, True, True]
    assert sample.masks["found"].any(1).tolist() == [True, True, True, False, False, False]
    assert (sample.facts["found"], sample.facts["true"]) == (3, 2)


def test_the_detector_shows_a_film_on_which_it_finds_nothing(build, make_film, monkeypatch):
    component = build("mask_rcnn")
    monkeypatch.setattr(component, "_predict", lambda *arguments, **options: [{"masks": torch.zeros(0, 1, 6, 6)}])
    target = {"masks": torch.ones(1, 6, 6, dtype=torch.uint8)}
    (sample,) = component.samples(((torch.rand(1, 6, 6),), (target,)), [make_film()])
    assert not sample.masks["found"].any() and sample.masks["true"].all() and sample.facts["found"] == 0


def middle(mask):
    """(x, y) of a mask's centre, pixels."""
    y, x = np.nonzero(mask)
    return np.array([x.mean(), y.mean()])


def test_the_point_predictor_shows_where_the_trail_goes(build, make_film):
    """Steps of 18 px to a point 9 px beside the true one, on a film whose vertebrae are bright."""
    component = build("point_predictor")
    film = make_film(lean=0)
    trail = torch.tensor([[[40.0, 20], [40, 38], [40, 56]]])
    found, true = torch.tensor([[49.0, 74]]), torch.tensor([[40.0, 74]])
    component.model = Gives(found)
    (sample,) = component.samples(TrailBatch(trail, torch.tensor([[96.0, 160]]), true), [film])
    assert sample.facts["step_error"] == pytest.approx(0.5)
    shown = {name: middle(mask) for name, mask in sample.masks.items()}
    step = (shown["true"] - shown["trail"])[1] / 2  # the middle of the trail lies two steps before
    assert step > 256 / 8  # large enough to be seen
    np.testing.assert_allclose((shown["found"] - shown["true"]) / step, [0.5, 0], atol=0.05)
    row, column = shown["trail"].round().astype(int)[::-1]
    assert sample.picture[row, column] > 150 > sample.picture[row, column - round(step)]
    assert not (sample.masks["found"] & sample.masks["true"]).any()


def test_a_prediction_far_away_is_not_shown(build, make_film):
    component = build("point_predictor")
    trail = torch.tensor([[[40.0, 20], [40, 38], [40, 56]]])
    component.model = Gives(torch.tensor([[1e6, float("nan")]]))
    (sample,) = component.samples(TrailBatch(trail, torch.tensor([[96.0, 160]]), torch.tensor([[40.0, 74]])), [make_film()])
    assert not sample.masks["found"].any() and sample.masks["true"].any()
