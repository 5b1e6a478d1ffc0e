"""Prompts: where they are, in training and not, and that unknown ones are refused."""

import numpy as np
import pytest
import torch

from spinefm.prompts import PROMPTS, CentrePoint, ForegroundPoint, JitteredPoint, SpacingBox, build_prompt

every_prompt = pytest.mark.parametrize("kind", PROMPTS)


def rng():
    return np.random.default_rng(0)


@every_prompt
def test_shape_and_type(kind):
    prompt = build_prompt(kind)
    for made in (prompt(96, 30.0), prompt(96, np.float64(30.0), rng())):
        assert made.dtype == torch.float32 and made.shape == ((4,) if prompt.is_box else (2,))


@every_prompt
def test_outside_training_a_prompt_depends_on_nothing_random(kind):
    prompt = build_prompt(kind)
    assert torch.equal(prompt(96, 30.0), prompt(96, 30.0))


@every_prompt
def test_the_middle_of_a_prompt_is_the_middle_of_the_patch(kind):
    for size in (33, 96, 1024):
        made = build_prompt(kind)(size, 30.0).reshape(-1, 2).mean(0)
        assert made.tolist() == pytest.approx([size / 2, size / 2], abs=1e-4)


def test_the_centre_is_the_centre_in_training_too():
    assert CentrePoint()(96, 30.0, rng()).tolist() == [48.0, 48.0]


def test_jitter_is_a_normal_deviation_in_spacings():
    points = np.array([JitteredPoint(0.2)(400, 50.0, generator).tolist() for generator in [rng()] for _ in range(3000)]) - 200
    assert points.mean(0) == pytest.approx([0, 0], abs=1.0)
    assert points.std(0) == pytest.approx([10.0, 10.0], rel=0.05)
    assert abs(np.corrcoef(points.T)[0, 1]) < 0.1
    assert JitteredPoint(0.0)(400, 50.0, rng()).tolist() == [200.0, 200.0]


def test_a_jittered_point_stays_in_the_patch():
    points = np.array([JitteredPoint(3.0)(32, 30.0, generator).tolist() for generator in [rng()] for _ in range(200)])
    assert points.min() == 0 and points.max() == 32


def test_a_jittered_point_draws_from_the_generator_it_is_given():
    prompt = JitteredPoint()
    generator = rng()
    first, second, again = prompt(96, 30.0, generator), prompt(96, 30.0, generator), prompt(96, 30.0, rng())
    assert torch.equal(first, again) and not torch.equal(first, second)


def test_in_training_a_foreground_point_is_the_middle_of_any_pixel_of_the_mask():
    mask = torch.zeros(8, 8)
    mask[2, 3] = mask[5, 6] = 1
    mask[0, 0] = 0.4  # less than half of it is the vertebra's
    points = {tuple(ForegroundPoint()(8, 3.0, generator, mask).tolist()) for generator in [rng()] for _ in range(50)}
    assert points == {(3.5, 2.5), (6.5, 5.5)}


@pytest.mark.parametrize(("generator", "mask"), [(None, torch.ones(8, 8)), (rng(), torch.zeros(8, 8)), (rng(), None)])
def test_without_a_generator_or_a_vertebra_a_foreground_point_is_the_centre(generator, mask):
    assert ForegroundPoint()(8, 3.0, generator, mask).tolist() == [4.0, 4.0]


@pytest.mark.parametrize("generator", [None, np.random.default_rng(0)])
def test_a_box_has_its_sides_in_spacings(generator):
    # 40 pixels of spacing: 60 wide and 20 high around (100, 100).
    assert SpacingBox(width=1.5, height=0.5)(200, 40.0, generator).tolist() == [70.0, 90.0, 130.0, 110.0]


def test_a_box_stays_within_the_patch():
    assert SpacingBox(width=2.0, height=0.5)(20, 30.0).tolist() == [0.0, 2.5, 20.0, 17.5]


@pytest.mark.parametrize("options", [{"width": 0}, {"height": -1.0}])
def test_a_box_has_a_size(options):
    with pytest.raises(ValueError, match=r"`prompt\.width` and `prompt\.height` to be positive"):
        SpacingBox(**options)


def test_a_negative_jitter_is_refused():
    with pytest.raises(ValueError, match=r"`prompt\.jitter` to be 0 or more spacings, but got -1"):
        JitteredPoint(-1)


def test_options_reach_the_prompt():
    assert build_prompt("box", width=2.0, height=1.0) == SpacingBox(2.0, 1.0)
    assert build_prompt("jittered", jitter=0.3) == JitteredPoint(0.3)
    assert build_prompt("centre") == CentrePoint()


def test_only_boxes_are_boxes():
    assert {kind for kind in PROMPTS if build_prompt(kind).is_box} == {"box"}


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match=r"`prompt\.kind` to be one of centre, jittered, foreground, box, but got `mask`"):
        build_prompt("mask")
