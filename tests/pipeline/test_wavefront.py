"""Procedures run together: in order, in full batches, no more at once than there is room for."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spinefm.pipeline.examination import Examiner, Place
from spinefm.pipeline.wavefront import Crew, Examine, Predict, run_wavefront
from tests.oracles import OracleClassifier, OraclePredictor, OracleSegmenter, make_film


class Counting(Crew):
    """Counts the questions of each call, and how many procedures are under way."""

    def answer(self, kind, questions):
        CALLS.append((kind.__name__, len(questions)))
        return [(kind.__name__, question) for question in questions]


CALLS = []
CREW = Counting(None, None)


@pytest.fixture(autouse=True)
def no_calls():
    CALLS.clear()


def procedure(number, rounds, log=None):
    """Asks so many times to examine and predict; gives its number."""
    if log is not None:
        log.append(number)
    for step in range(rounds):
        assert (yield Examine((number, step))) == ("Examine", Examine((number, step)))
        assert (yield Predict(number, (step,))) == ("Predict", Predict(number, (step,)))
    return number


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 5), max_size=12), st.integers(1, 5))
def test_each_gets_its_own_answers_and_they_come_out_in_order(lengths, capacity):
    procedures = (procedure(number, rounds) for number, rounds in enumerate(lengths))
    assert list(run_wavefront(procedures, CREW, capacity)) == list(range(len(lengths)))


def test_a_new_one_enters_when_another_is_done():
    lengths = [1, 4, 1, 1, 1, 4, 1]
    list(run_wavefront((procedure(number, rounds) for number, rounds in enumerate(lengths)), CREW, 2))
    sizes = [size for kind, size in CALLS if kind == "Examine"]
    assert sum(sizes) == sum(lengths)
    # Both places are taken until only the last long one is left; in fixed groups of two it would have been ten calls.
    assert sizes == [2] * 5 + [1] * 3


def test_predictions_of_predictions_keep_nobody_waiting():
    def asks(number, predictions):
        for _ in range(3):
            for step in range(predictions):
                yield Predict(number, (step,))
            yield Examine((number,))
        return number

    assert list(run_wavefront((asks(number, number) for number in range(1, 4)), CREW, 3)) == [1, 2, 3]
    assert [size for kind, size in CALLS if kind == "Examine"] == [3, 3, 3]


@pytest.mark.parametrize("capacity", [1, 3])
def test_no_more_are_taken_than_there_is_room_for(capacity):
    taken = []
    # The first takes longest, so that all others wait for it.
    running = run_wavefront((procedure(number, 30 if number == 0 else 1, taken) for number in range(40)), CREW, capacity)
    assert next(running) == 0
    assert len(taken) == (2 * capacity if capacity > 1 else 1)
    assert list(running) == list(range(1, 40))


def test_results_come_before_the_last_film_is_read():
    taken = []
    running = run_wavefront((procedure(number, 1, taken) for number in range(100)), CREW, 4)
    assert next(running) == 0 and len(taken) <= 8


def test_nothing_to_do():
    assert list(run_wavefront([], CREW, 4)) == [] and CALLS == []


@pytest.fixture
def crew():
    films = [make_film("a"), make_film("b")]
    return films, Crew(OraclePredictor(films), Examiner(OracleSegmenter(films), OracleClassifier(films)))


def test_questions_of_several_films_are_answered_in_one_call_each(crew):
    (first, second), crew = crew
    trails = [np.array([v.centroid for v in film.vertebrae[:3]]) for film in (first, second)]
    backwards = trails[1][::-1]
    alone = [crew.predict([question])[0] for question in (Predict(first, trails[:1]), Predict(second, [trails[1], backwards]))]
    assert crew.predict([Predict(first, trails[:1]), Predict(second, [trails[1], backwards])]) == alone
    assert [len(points) for points in alone] == [1, 2]
    assert alone[0][0] == pytest.approx(first.vertebrae[3].centroid)
    places = [Place(film, film.vertebrae[i].centroid, 20.0) for film, i in ((first, 0), (first, 1), (second, 2))]
    found = crew.examine([Examine(places[:2]), Examine([]), Examine(places[2:])])
    assert [[finding.vertebra.box for finding in each] for each in found] == [
        [first.vertebrae[0].box, first.vertebrae[1].box],
        [],
        [second.vertebrae[2].box],
    ]
