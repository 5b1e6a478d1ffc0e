"""What evaluation remembers of a film on which some vertebrae are annotated by points alone."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.evaluation.records import found_by_centroid, record_film
from spinefm.structures import CENTROID, Landmark, Radiograph, Spine, Vertebra

SIZE = (120, 60)


def square(y, level=None, x=20):
    return Vertebra(np.ones((10, 10), dtype=bool), (x, y), (x + 5.0, y + 5.0), level)


FILM = Radiograph(
    "film",
    np.zeros(SIZE, dtype=np.uint8),
    (square(20, "C3"), square(40, "C4")),
    landmarks=(
        Landmark("C2", CENTROID, (25.0, 5.0)),
        Landmark("C2", "bottom left", (20.0, 12.0)),
        Landmark("C7", "top right", (30.0, 100.0)),
    ),
)


def levels(film, *found):
    record = record_film(film, Spine("film", SIZE, found))
    return [(row.true_level, row.predicted_level) for row in record.vertebrae], record.num_false_positives


def test_a_prediction_on_the_centroid_of_a_landmark_has_no_row():
    assert levels(FILM, square(0, "C2"), square(20, "C3"), square(40, "C4")) == ([("C3", "C3"), ("C4", "C4")], 0)
    assert levels(FILM, square(0, None), square(20, "C3")) == ([("C3", "C3"), ("C4", None)], 0)


def test_a_prediction_there_that_is_called_something_else_is_wrong():
    film = FILM, square(0, "C3"), square(20, "C3"), square(40, "C4")
    assert levels(*film) == ([("C3", "C3"), ("C4", "C4"), (None, "C3")], 1)


@pytest.mark.parametrize("elsewhere", [square(70), square(0, x=45), square(8), square(95)])
def test_a_prediction_elsewhere_is_a_false_positive(elsewhere):
    """Also on a landmark's corner, where nobody says what the vertebra covers."""
    rows, spurious = levels(FILM, square(0, "C2"), square(20, "C3"), elsewhere)
    assert rows == [("C3", "C3"), ("C4", None), (None, None)] and spurious == 1


def test_a_prediction_below_both_ends_of_an_endplate_has_no_row():
    ends = (Landmark("S1", "top left", (20.0, 70.0)), Landmark("S1", "top right", (30.0, 70.5)))
    film = replace(FILM, landmarks=ends)
    assert levels(film, square(40, "C4"), square(70, "S1")) == ([("C3", None), ("C4", "C4")], 0)
    assert levels(film, square(40, "C4"), square(73, "S1"))[1] == 1 and levels(film, square(40, "C4"), square(70, "S1", x=25))[1] == 1


def test_one_prediction_is_excused_for_each_landmark_level_the_nearest():
    for found in ([square(1, "C2"), square(3)], [square(3), square(1, "C2")]):
        rows, spurious = levels(FILM, *found)
        assert rows == [("C3", None), ("C4", None), (None, None)] and spurious == 1
    ends = (Landmark("S1", "top left", (20.0, 70.0)), Landmark("S1", "top right", (30.0, 70.0)))
    film = replace(FILM, landmarks=FILM.landmarks + ends)
    assert levels(film, square(1, "C2"), square(2, "C1"), square(70, "S1"), square(69))[1] == 2


@pytest.mark.parametrize(("side", "spurious"), [(15, 0), (16, 1)])
def test_a_prediction_that_is_too_large_is_not_excused(side, spurious):
    """One mask over the whole neck covers C2 as well."""
    blob = Vertebra(np.ones((side, side), dtype=bool), (18, 0), (18 + side / 2, side / 2), "C2")
    assert levels(FILM, blob)[1] == spurious
    assert levels(FILM, blob, square(3))[1] == 1


def test_a_prediction_that_matches_a_true_vertebra_counts_wherever_landmarks_are():
    film = replace(FILM, landmarks=(Landmark("C2", CENTROID, (25.0, 25.0)),))
    assert levels(film, square(20, "C3"), square(40, "C4")) == ([("C3", "C3"), ("C4", "C4")], 0)


def test_without_landmarks_every_unmatched_prediction_has_a_row():
    film = replace(FILM, landmarks=())
    assert levels(film, square(0, "C2"), square(20, "C3"), square(40, "C4")) == ([("C3", "C3"), ("C4", "C4"), (None, "C2")], 1)


def test_a_film_of_landmarks_alone_cannot_be_evaluated():
    with pytest.raises(ValueError, match=r"`film` to be annotated, but it has no vertebrae.*infer\.py"):
        record_film(replace(FILM, vertebrae=()), Spine("film", SIZE))


def by_centroid(*found, film=FILM):
    return found_by_centroid(film, found)


def test_the_right_level_by_centroids():
    """Vertebrae are 20 apart, so that near is within 10."""
    assert by_centroid(square(20, "C3"), square(40, "C4")) == [True, True]
    assert by_centroid(square(29, "C3"), square(40, "C4")) == [True, True]
    assert by_centroid(square(20, "C4"), square(40, "C3")) == [False, False]
    assert by_centroid(square(20, None), square(40, "C4")) == [False, True]
    assert by_centroid() == [False, False]
    assert by_centroid(square(20, "C3", x=31), square(40, "C4")) == [False, True]  # beside it, too far away


def test_near_is_within_20_mm_where_the_spacing_is_known():
    for spacing, near in ((1.0, True), (2.0, False)):
        assert by_centroid(square(20, "C3", x=35), film=replace(FILM, spacing_mm=spacing))[0] is near


def test_nearer_to_another_vertebra_is_not_found():
    close = replace(FILM, vertebrae=(square(20, "C3"), square(24, "C4")), spacing_mm=0.1)
    assert by_centroid(square(23, "C3"), film=close) == [False, False]


def test_of_two_predictions_of_one_level_the_more_confident_counts():
    sure, unsure = replace(square(20, "C3"), confidence=0.9), replace(square(40, "C3"), confidence=0.2)
    assert by_centroid(unsure, sure)[0] is by_centroid(sure, unsure)[0] is True


def test_unknown_true_levels_are_not_asked_for_and_one_vertebra_is_enough():
    film = replace(FILM, vertebrae=(square(20, None), square(40, "C4")))
    assert by_centroid(square(40, "C4"), film=film) == [None, True]
    alone = replace(FILM, vertebrae=(square(20, "C3"),))
    assert by_centroid(square(20, "C3"), film=alone) == [True] and by_centroid(square(80, "C3"), film=alone) == [False]


def test_a_landmarks_centroid_may_be_the_nearest():
    """Everything is called one level too low; 20 mm reach over several vertebrae."""
    film = replace(FILM, spacing_mm=0.5)
    assert by_centroid(square(0, "C3"), square(20, "C4"), film=film) == [False, False]
