"""Where induction starts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.pipeline.base_case import base_cases
from spinefm.structures import Detections, Vertebra


def detections(places, scores=None):
    """16 x 16 squares centred on (x, y): vertebrae 20 pixels apart."""
    mask, scores = np.ones((16, 16), dtype=bool), scores or [0.9] * len(places)
    return Detections(tuple(Vertebra(mask, (int(x - 8), int(y - 8)), (x, y), None, s) for (x, y), s in zip(places, scores, strict=True)))


def rows(run):
    return [vertebra.centroid[1] for vertebra in run]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_too_few_detections_make_no_base_case(number):
    """Defect 2: the previous film's start points are reused; there is nothing here to remember them."""
    assert base_cases(detections([(50.0, 20.0 * i) for i in range(9)]))
    assert base_cases(detections([(50.0, 20.0 * i) for i in range(number)])) == []


@pytest.mark.parametrize("length", [2, 3, 4])
def test_every_run_once_from_head_to_foot(length):
    runs = base_cases(detections([(50.0, 20.0 * i) for i in (3, 0, 4, 2, 1)]), length)
    assert sorted(map(rows, runs)) == [[20.0 * (s + i) for i in range(length)] for s in range(6 - length)]


def test_best_scores_first_and_the_upper_of_equals():
    places = [(50.0, 20.0 * i) for i in range(6)]
    assert rows(base_cases(detections(places, [0.7, 0.7, 0.7, 0.9, 0.9, 0.9]))[0]) == [60, 80, 100]
    assert [rows(run)[0] for run in base_cases(detections(places))] == [0, 20, 40, 60]


def test_even_gaps_before_scores():
    """One vertebra is overlooked between the third and the fourth; runs over the hole come last in spite of their scores."""
    places = [(50.0, float(y)) for y in (0, 20, 40, 80, 100, 120)]
    runs = [rows(run) for run in base_cases(detections(places, [0.7, 0.7, 0.9, 0.9, 0.8, 0.8]))]
    assert runs[:2] == [[80, 100, 120], [0, 20, 40]]
    assert runs[2:] == [[40, 80, 100], [20, 40, 80]]


def test_even_but_long_gaps_come_last():
    """Every second vertebra of the upper half is overlooked."""
    runs = base_cases(detections([(50.0, float(y)) for y in (0, 40, 80, 100, 120, 140, 160)], [0.9, 0.9, 0.9, *[0.7] * 4]))
    assert rows(runs[0]) == [80, 100, 120]
    assert rows(runs[3]) == [0, 40, 80]


def test_even_but_short_gaps_come_last():
    """Parts of one vertebra: 9 pixels apart, and 16 long."""
    runs = base_cases(detections([(50.0, float(y)) for y in (0, 9, 18, 60, 80, 100)], [0.9, 0.9, 0.9, 0.7, 0.7, 0.7]))
    assert rows(runs[0]) == [60, 80, 100]
    assert [0, 9, 18] in map(rows, runs)


def test_of_too_many_detections_the_most_confident_are_looked_at():
    """Among 30 there are 4060 runs of three."""
    places = [*((200.0, 20.0 * i) for i in range(25)), *((50.0, 20.0 * i) for i in range(5))]
    runs = base_cases(detections(places, [*(0.5 + 0.001 * i for i in range(25)), *[0.9] * 5]))
    assert [rows(run) for run in runs[:3]] == [[0, 20, 40], [20, 40, 60], [40, 60, 80]]
    assert {vertebra.centroid[0] for run in runs[:3] for vertebra in run} == {50}
    assert min(vertebra.confidence for run in runs for vertebra in run) == 0.506


def test_of_a_vertebra_found_twice_the_more_confident_stays():
    runs = [rows(run) for run in base_cases(detections([(50.0, float(y)) for y in (0, 2, 22, 42, 62)], [0.8, 0.9, 0.9, 0.7, 0.7]))]
    assert runs == [[2, 22, 42], [22, 42, 62]]


def test_three_equal_places_are_one_vertebra():
    assert base_cases(detections([(50.0, 50.0)] * 3)) == []


def test_false_detections_between_true_ones_do_no_harm():
    places = [(50.0, 0.0), (20.0, 10.0), (50.0, 20.0), (80.0, 31.0), (50.0, 40.0)]
    assert rows(base_cases(detections(places, [0.7, 0.9, 0.7, 0.9, 0.7]))[0]) == [0, 20, 40]


def test_a_run_turns_no_corner():
    runs = base_cases(detections([(50.0, 0.0), (50.0, 20.0), (70.0, 20.0), (50.0, 40.0)], [0.7, 0.9, 0.9, 0.7]))
    assert [v.centroid for v in runs[0]] == [(50, 0), (50, 20), (50, 40)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.6, 1), min_size=3, max_size=12), st.floats(-1.2, 1.2), st.randoms(use_true_random=False))
def test_order_of_detections_does_not_matter(scores, tilt, random):
    """Defect 7: at a `tilt` of 0 all x agree, and y = mx + c has no solution."""
    places = [(500 + 20 * i * np.sin(tilt), 20 * i * np.cos(tilt)) for i in range(len(scores))]
    shuffled = random.sample(list(zip(places, scores, strict=True)), len(scores))
    runs = base_cases(detections(places, scores))
    again = base_cases(detections(*map(list, zip(*shuffled, strict=True))))
    assert [run[0].centroid for run in again] == [run[0].centroid for run in runs]
    assert all(rows(run) == sorted(rows(run)) for run in runs)
    assert len(runs) == len(scores) - 2
