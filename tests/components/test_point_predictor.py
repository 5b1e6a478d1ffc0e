"""The point predictor's metrics, loss and predictions."""

import pytest
import torch
from torch import nn

from spinefm.data.views.trails import TrailBatch
from spinefm.structures import Trails

TRAILS = torch.tensor([[[50.0, 10], [50, 20], [50, 30]], [[10, 80], [30, 80], [50, 80]]])
TARGETS = torch.tensor([[55.0, 40], [70, 80]])
SIZES = torch.tensor([[100.0, 200], [100, 200]])


@pytest.fixture
def straight(build, monkeypatch):
    """A predictor that goes straight on, and what it logs."""
    component = build("point_predictor", coordinates="local")
    nn.init.zeros_(component.model.fc2.weight)
    nn.init.zeros_(component.model.fc2.bias)
    component.logged = {}
    monkeypatch.setattr(component, "log", lambda name, value, **options: component.logged.update({name: value}))
    monkeypatch.setattr(component, "log_dict", lambda values, **options: component.logged.update(values))
    return component


def test_metrics_of_hand_made_trails(straight):
    """The first trail is missed by 5 px of a 10 px step, the second not at all."""
    straight.validation_step(TrailBatch(TRAILS, SIZES, TARGETS), 0)
    assert straight.logged["val/step_error"].compute().item() == pytest.approx(0.25)
    # (5 / 100)^2 in one of four coordinates.
    assert straight.logged["val/mse"].compute().item() == pytest.approx(0.0025 / 4)


def test_loss_is_the_squared_error_in_steps(straight):
    loss = straight.training_step(TrailBatch(TRAILS, SIZES, TARGETS), 0)
    # Half a step in one of four coordinates.
    assert loss.item() == pytest.approx(0.25 / 4)
    doubled = straight.training_step(TrailBatch(2 * TRAILS, 2 * SIZES, 2 * TARGETS), 0)
    assert doubled.item() == pytest.approx(loss.item())


def test_loss_of_the_papers_frame_is_in_shares_of_the_film(build, monkeypatch):
    component = build("point_predictor", coordinates="image")
    monkeypatch.setattr(component, "log", lambda *args, **options: None)
    predicted = component.model(TRAILS, SIZES)
    expected = ((predicted - TARGETS) / SIZES).square().mean()
    torch.testing.assert_close(component.training_step(TrailBatch(TRAILS, SIZES, TARGETS), 0), expected)


def test_predictions_go_on_from_each_trail(straight):
    found = straight.predict_next(Trails(TRAILS, SIZES, ("a", "b")))
    torch.testing.assert_close(found, torch.tensor([[50.0, 40], [70, 80]]))


def test_context_reaches_network_and_view(build, tiny_dataset):
    component = build("point_predictor", context=4)
    batch = component.view(tiny_dataset.split("val"), training=False).item(0, None)
    assert component.context == 4 and batch.centroids.shape == (1, 4, 2)
    assert component.model(batch.centroids, batch.sizes).shape == (1, 2)


def test_as_many_trails_are_reframed_as_told(build, tiny_dataset):
    assert build("point_predictor", reframed=0.4).view(tiny_dataset.split("val"), training=True).reframed == 0.4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"jitter": -0.1}, "`jitter` to be 0..1, but got -0.1"),
        ({"reframed": 2.0}, "`reframed` to be 0..1, but got 2"),
        ({"reframed": 0.5, "coordinates": "local"}, "`coordinates` that see the film with `reframed`, but got `local`"),
    ],
)
def test_trails_varied_by_nothing_or_too_much_are_refused(build, options, said):
    with pytest.raises(ValueError, match=said):
        build("point_predictor", **options)
