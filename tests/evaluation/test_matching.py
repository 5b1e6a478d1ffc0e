"""One-to-one matching of true and predicted vertebrae."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.evaluation.matching import Protocol, match_vertebrae
from spinefm.structures import Vertebra


def square(x, y, width=10, height=10):
    return Vertebra(np.ones((height, width), dtype=bool), (x, y), (x + width / 2, y + height / 2))


def test_each_true_vertebra_finds_its_own():
    matching = match_vertebrae([square(0, 0), square(0, 20)], [square(1, 20), square(0, 0), square(50, 50)])
    assert [(pair.truth, pair.predicted) for pair in matching.pairs] == [(0, 1), (1, 0)]
    assert [pair.dice for pair in matching.pairs] == pytest.approx([1.0, 0.9])
    assert matching.spurious == (2,)


def test_one_prediction_over_two_true_vertebrae_counts_once():
    """The released SpineFM notebook counts both."""
    truth = [square(0, 0), square(0, 10)]
    matching = match_vertebrae(truth, [square(0, 0, height=20)])
    assert len(matching.pairs) == 1
    assert matching.pairs[0].dice == pytest.approx(2 * 100 / 300)


def test_two_predictions_of_one_true_vertebra_count_once():
    matching = match_vertebrae([square(0, 0)], [square(1, 0), square(0, 0)])
    assert [(pair.truth, pair.predicted) for pair in matching.pairs] == [(0, 1)]
    assert matching.spurious == (0,)


def test_the_threshold_is_exclusive():
    truth, found = square(0, 0), square(6, 0)
    assert match_vertebrae([truth], [found], Protocol(min_dice=0.39)).pairs[0].dice == pytest.approx(0.4)
    assert match_vertebrae([truth], [found], Protocol(min_dice=0.4)).pairs == ()


def test_pairs_that_do_not_count_take_no_partner_away():
    """Summed over all pairs, 0.4 + 0.3 would beat the single 0.6."""
    truth = [square(0, 0), square(0, 14)]
    found = [square(0, 4), square(0, -7)]
    matching = match_vertebrae(truth, found, Protocol(min_dice=0.4))
    assert [(pair.truth, pair.predicted) for pair in matching.pairs] == [(0, 0)]


@pytest.mark.parametrize(("num_truth", "num_found"), [(0, 0), (2, 0), (0, 3)])
def test_nothing_to_match(num_truth, num_found):
    matching = match_vertebrae([square(0, 20 * i) for i in range(num_truth)], [square(0, 20 * i) for i in range(num_found)])
    assert matching.pairs == ()
    assert len(matching.spurious) == num_found


def test_an_empty_true_mask_matches_nothing():
    empty = Vertebra(np.zeros((1, 1), dtype=bool), (0, 0), (0.5, 0.5))
    assert match_vertebrae([empty], [empty, square(0, 0)]).pairs == ()


squares = st.lists(st.builds(square, st.integers(0, 30), st.integers(0, 30), st.integers(1, 20), st.integers(1, 20)), max_size=5)


@settings(max_examples=50, deadline=None)
@given(squares, squares)
def test_every_vertebra_stands_in_exactly_one_place(truth, found):
    matching = match_vertebrae(truth, found)
    assert len({pair.truth for pair in matching.pairs}) == len(matching.pairs)
    assert sorted([pair.predicted for pair in matching.pairs] + list(matching.spurious)) == list(range(len(found)))
    assert all(0.4 < pair.dice <= 1 for pair in matching.pairs)


@settings(max_examples=50, deadline=None)
@given(squares, squares)
def test_dice_is_that_of_full_size_masks(truth, found):
    def paint(vertebra):
        film = np.zeros((60, 60), dtype=bool)
        x0, y0, x1, y1 = vertebra.box
        film[y0:y1, x0:x1] = vertebra.mask
        return film

    for pair in match_vertebrae(truth, found).pairs:
        first, second = paint(truth[pair.truth]), paint(found[pair.predicted])
        assert pair.dice == pytest.approx(2 * np.sum(first & second) / (np.sum(first) + np.sum(second)))
