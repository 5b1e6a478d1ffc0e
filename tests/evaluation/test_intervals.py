"""Intervals: by hand, and how often they hold what they promise on simulated data."""

import numpy as np
import pytest

from spinefm.evaluation.intervals import bootstrap_interval


def test_groups_that_are_alike_cannot_tell():
    assert bootstrap_interval([3.0, 6.0, 1.5], [2, 4, 1]) is None
    assert bootstrap_interval([0.3, 0.1 + 0.1 + 0.1], [3, 3]) is None


@pytest.mark.parametrize(("sums", "counts"), [([], []), ([1.0], [2]), ([1.0, 0.0], [2, 0]), ([0.0, 0.0], [0, 0])])
def test_fewer_than_two_groups_have_no_interval(sums, counts):
    assert bootstrap_interval(sums, counts) is None


def test_a_group_without_anything_changes_nothing():
    assert bootstrap_interval([1.0, 0.0, 3.0], [2, 0, 3]) == bootstrap_interval([1.0, 3.0], [2, 3])


def test_the_order_of_groups_changes_nothing_and_the_seed_little():
    rng = np.random.default_rng(0)
    sums, counts = rng.random(30).tolist(), [1] * 30
    interval = bootstrap_interval(sums, counts)
    assert bootstrap_interval(sums[::-1], counts) == interval
    assert bootstrap_interval(sums, counts, seed=1) == pytest.approx(interval, abs=0.02)


def test_it_is_the_normal_one_for_many_groups():
    values = np.random.default_rng(1).normal(2.0, 1.0, 400)
    error = 1.96 * values.std() / np.sqrt(400)
    assert bootstrap_interval(values.tolist(), [1] * 400) == pytest.approx([values.mean() - error, values.mean() + error], abs=0.02)


def test_95_of_100_intervals_hold_the_truth():
    """Forty patients with up to four films; whether a film is right depends on the patient. 300 experiments, so 95 % +- 2.5 %."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(300):
        counts = rng.integers(1, 5, 40)
        sums = rng.binomial(counts, rng.beta(8, 2, 40))
        low, high = bootstrap_interval(sums.tolist(), counts.tolist())
        held += low <= 0.8 <= high
    assert 0.91 <= held / 300 <= 0.985


@pytest.mark.parametrize(("truth", "patients"), [("rate", 15), ("rate", 46), ("rare", 46)])
def test_near_0_and_1_the_intervals_that_there_are_hold_the_truth(truth, patients):
    """One film in twenty fails, or has a false positive; where none of them did there is no interval."""
    rng, held, given_ones = np.random.default_rng(3), 0, 0
    for _ in range(100):
        failed = rng.random(patients) < 0.05
        sums, counts, mean = (11.0 - 5 * failed, 11, 1 - 0.05 * 5 / 11) if truth == "rate" else (1.0 * failed, 1, 0.05)
        if interval := bootstrap_interval(sums.tolist(), [counts] * patients):
            given_ones, held = given_ones + 1, held + (interval[0] <= mean <= interval[1])
    assert given_ones > 40 and held / given_ones >= 0.9
