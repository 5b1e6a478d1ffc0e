"""Centroids against scipy, and spines of every pose."""

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

from spinefm.geometry.centroids import centroids_of, lean_of, local_leans, local_spacings, principal_axis_order, weighted_centroid
from tests.strategies import few, sides


@few
@given(arrays(np.float32, st.tuples(st.integers(1, 3), sides, sides), elements=st.floats(0, 1, width=16)))
def test_weighted_centroid_is_the_centre_of_mass(weights):
    for centroid, one in zip(weighted_centroid(torch.from_numpy(weights)), weights, strict=True):
        if one.sum() == 0:
            assert centroid.isnan().all()
        else:
            y, x = ndimage.center_of_mass(one.astype(np.float64))
            assert centroid.tolist() == pytest.approx([x + 0.5, y + 0.5], abs=1e-3)


@few
@given(st.integers(0, 12), st.floats(0, np.pi), st.floats(-500, 500), st.floats(-500, 500), st.randoms(use_true_random=False))
def test_points_on_a_line_are_ordered_from_above(number, angle, x, y, random):
    """Defect 7: least squares y = mx + c through a near-vertical spine is ill-conditioned."""
    assume(min(angle, np.pi - angle) > 1e-3)
    steps = np.cumsum([random.uniform(5, 50) for _ in range(number)])
    line = np.stack([x + steps * np.cos(angle), y + steps * np.sin(angle)], axis=1).reshape(-1, 2)
    shuffled = random.sample(range(number), number)
    order = principal_axis_order(line[shuffled])
    assert [shuffled[i] for i in order] == list(range(number))


@pytest.mark.parametrize("x", [0.0, 0.1, 1 / 3, 1234.567])
def test_vertical_and_horizontal_lines(x):
    """Defect 7: singular when all x agree."""
    for seed in range(20):
        shuffled = np.random.default_rng(seed).permutation(7)
        vertical = np.stack([np.full(7, x), 20.3 * np.arange(7)], axis=1)
        assert shuffled[principal_axis_order(vertical[shuffled])].tolist() == list(range(7))
        assert shuffled[principal_axis_order(vertical[shuffled, ::-1])].tolist() == list(range(7))  # from left to right


@few
@given(st.floats(-1.2, 1.2), st.floats(-0.8, 0.8), st.randoms(use_true_random=False))
def test_curved_spines_are_ordered_from_above(bend, tilt, random):
    angles = tilt + bend * np.linspace(-0.5, 0.5, 17)
    spine = np.cumsum(np.stack([np.sin(angles), np.cos(angles)], axis=1), axis=0) * 60
    shuffled = random.sample(range(17), 17)
    assert [shuffled[i] for i in principal_axis_order(spine[shuffled])] == list(range(17))


def test_few_points_and_equal_points_have_an_order():
    assert principal_axis_order([]).tolist() == []
    assert principal_axis_order([(3, 4)]).tolist() == [0]
    assert sorted(principal_axis_order([(3, 4)] * 4)) == [0, 1, 2, 3]


def test_local_spacings_average_the_steps_within_two_of_a_point():
    assert local_spacings([(0, 0), (0, 10), (0, 30), (0, 60), (0, 100)]).tolist() == [15, 20, 25, 30, 35]
    assert local_spacings([(0, 0), (0, 10), (0, 30), (0, 40)], [1, 2, 1]).tolist() == [10, 10, 10, 10]
    with pytest.raises(ValueError, match="at least two centroids"):
        local_spacings([(0, 0)])


def test_centroids_of_nothing_have_two_columns():
    assert centroids_of([]).shape == (0, 2)


@given(degrees=st.floats(-90, 90), length=st.floats(0.01, 1000), sign=st.sampled_from([-1, 1]))
def test_a_line_leans_alike_either_way(degrees, length, sign):
    assume(abs(degrees) < 89.9)
    along = sign * length * np.array([np.sin(np.radians(degrees)), np.cos(np.radians(degrees))])
    assert lean_of(along) == pytest.approx(degrees, abs=1e-6)


def test_no_direction_does_not_lean():
    assert lean_of((0.0, 0.0)) == 0.0 and lean_of((3.0, 0.0)) == 90.0 and lean_of((0.0, -2.0)) == 0.0


def test_a_spine_leans_as_its_neighbours_lie():
    assert local_leans([(0, 0), (0, 10), (10, 10)]) == pytest.approx([0, 45, 90])
    assert local_leans([(0, 0), (10, 10)]) == pytest.approx([45, 45])
