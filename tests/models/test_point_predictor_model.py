"""The point predictor in its three frames."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from spinefm.models.point_predictor import Frame, PointPredictor, from_frame, to_frame

SIZES = torch.tensor([[800.0, 1000.0]])


def build(frame, context=3, seed=0):
    torch.manual_seed(seed)
    return PointPredictor(context, 16, frame).double()


def straightened(model):
    """Without an update of its own."""
    nn.init.zeros_(model.fc2.weight)
    nn.init.zeros_(model.fc2.bias)
    return model


coordinates = st.floats(-500, 500)
trails = st.lists(st.tuples(st.floats(-0.4, 0.4), st.floats(0.5, 2)), min_size=3, max_size=3).map(
    # Steps that turn a little and keep going: the points of a spine, never two in one place.
    lambda steps: torch.tensor(steps, dtype=torch.float64).cumsum(0)[None] * 40
)


@given(trails, st.floats(-math.pi, math.pi), st.floats(0.1, 10), coordinates, coordinates)
@settings(max_examples=50, deadline=None)
@torch.no_grad()
def test_local_frame_moves_turns_and_scales_with_the_trail(trail, angle, scale, x, y):
    model = build(Frame.LOCAL)
    turn = scale * torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    shift = torch.tensor([x, y], dtype=torch.float64)
    moved = model(trail @ turn + shift, SIZES.double())
    torch.testing.assert_close(moved, model(trail, SIZES.double()) @ turn + shift, rtol=1e-6, atol=1e-6)


@torch.no_grad()
def test_local_frame_does_not_mirror():
    """Turned, not mirrored: a spine that bends forwards is not one that bends backwards."""
    trail = torch.tensor([[[0.0, 0], [3, 40], [10, 80]]], dtype=torch.float64)
    model, mirror = build(Frame.LOCAL), torch.tensor([-1.0, 1], dtype=torch.float64)
    assert (model(trail * mirror, SIZES.double()) - model(trail, SIZES.double()) * mirror).norm() > 0.1


@pytest.mark.parametrize("frame", [Frame.LOCAL, Frame.LOCAL_POSITION])
@pytest.mark.parametrize("step", [(0.0, 30.0), (25.0, 0.0), (-12.0, -9.0)])
@torch.no_grad()
def test_an_even_straight_trail_goes_on_when_there_is_no_update(frame, step):
    model = straightened(build(frame))
    trail = torch.tensor([300.0, 400]) + torch.arange(3)[:, None] * torch.tensor(step)
    following = model(trail[None].double(), SIZES.double())
    torch.testing.assert_close(following[0], (torch.tensor([300.0, 400]) + 3 * torch.tensor(step)).double())


@torch.no_grad()
def test_local_position_also_knows_the_place_on_the_film():
    trail = torch.tensor([[[0.0, 0], [3, 40], [10, 80]]], dtype=torch.float64)
    free, placed = build(Frame.LOCAL), build(Frame.LOCAL_POSITION)
    offsets = {model: model(trail + 200, SIZES.double()) - model(trail, SIZES.double()) - 200 for model in (free, placed)}
    assert offsets[free].norm() < 1e-9
    assert offsets[placed].norm() > 1e-3
    assert (placed.fc1.in_features, free.fc1.in_features) == (11, 6)


@torch.no_grad()
def test_image_frame_is_the_papers_network():
    """Source: arXiv:2411.00326: centroids over film size, two layers, next centroid over film size."""
    model = build(Frame.IMAGE)
    generator = torch.Generator().manual_seed(3)
    trail = 500 * torch.rand(4, 3, 2, generator=generator, dtype=torch.float64)
    sizes = torch.tensor([[500.0, 800], [640, 480], [100, 100], [300, 900]], dtype=torch.float64)
    normalised = (trail / sizes[:, None]).flatten(1)
    hidden = torch.relu(normalised @ model.fc1.weight.T + model.fc1.bias)
    expected = (hidden @ model.fc2.weight.T + model.fc2.bias) * sizes
    torch.testing.assert_close(model(trail, sizes), expected)


@given(trails, st.sampled_from(list(Frame)))
@settings(max_examples=30, deadline=None)
@torch.no_grad()
def test_frames_round_trip(trail, frame):
    origin, axes = build(frame).frame_of(trail, SIZES.double())
    inside = to_frame(trail, origin, axes)
    for i in range(trail.shape[1]):
        torch.testing.assert_close(from_frame(inside[:, i], origin, axes), trail[:, i], rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_the_local_frame_has_the_last_point_at_zero_and_the_one_before_one_step_back():
    trail = torch.tensor([[[5.0, 7], [10, 30], [-20, 60]]], dtype=torch.float64)
    inside = to_frame(trail, *build(Frame.LOCAL).frame_of(trail, SIZES.double()))
    torch.testing.assert_close(inside[0, 1:], torch.tensor([[-1.0, 0], [0, 0]], dtype=torch.float64))


@pytest.mark.parametrize("frame", list(Frame))
@torch.no_grad()
def test_a_trail_that_stands_still_gives_a_finite_point(frame):
    model = PointPredictor(3, 8, frame)
    assert torch.isfinite(model(torch.full((1, 3, 2), 50.0), SIZES)).all()


@torch.no_grad()
def test_trails_of_a_batch_do_not_see_each_other():
    model = build(Frame.LOCAL_POSITION, context=4)
    trail = 900 * torch.rand(5, 4, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sizes = SIZES.double().expand(5, -1)
    torch.testing.assert_close(model(trail, sizes)[2:3], model(trail[2:3], sizes[2:3]))


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match="at least 2 centroids, but got 1"):
        PointPredictor(1)
    with pytest.raises(ValueError, match="polar"):
        PointPredictor(frame="polar")
