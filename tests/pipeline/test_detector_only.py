"""The detector alone."""

from dataclasses import replace

import pytest

from spinefm.anatomy import levels_between
from spinefm.evaluation.evaluator import Evaluator
from spinefm.pipeline import DetectorOnlyPipeline
from spinefm.structures import Failure
from tests.oracles import CERVICAL, OracleClassifier, OracleDetector, SameClassifier, make_film

FILMS = [
    make_film("straight"),
    make_film("bent", CERVICAL, (260, 260), bend=-1.2, tilt=-0.4),
    make_film("lumbar", levels_between("T12", "S1"), (320, 210), bend=0.9),
]


def pipeline(films, choose=lambda vertebrae: vertebrae, **settings):
    return DetectorOnlyPipeline(OracleDetector(films, choose), OracleClassifier(films), **settings)


def test_a_perfect_detector_gives_perfect_spines():
    evaluator = Evaluator()
    for film, spine in zip(FILMS, pipeline(FILMS)(FILMS), strict=True):
        evaluator.update(film, spine)
        assert (spine.film_id, spine.size, spine.failure, spine.stops) == (film.film_id, film.size, None, {})
        assert [v.level for v in spine.vertebrae] == [v.level for v in film.vertebrae]
    metrics = evaluator.compute()
    assert metrics["dice_all"]["value"] == metrics["labelled_identification_rate"]["value"] == 1.0


def test_order_of_detections_does_not_matter():
    for found, expected in zip(pipeline(FILMS, lambda v: v[::-1])(FILMS), pipeline(FILMS)(FILMS), strict=True):
        assert [(v.level, v.box) for v in found.vertebrae] == [(v.level, v.box) for v in expected.vertebrae]


@pytest.mark.parametrize("number", [0, 1])
def test_too_few_detections_are_recorded(number):
    """Defect 2: nothing of the film before is used."""
    good, poor = make_film("good"), make_film("poor")
    spines = pipeline([good, poor], lambda v: v[:number] if v is poor.vertebrae else v)([good, poor])
    assert (spines[0].failure, len(spines[0].vertebrae)) == (None, 7)
    assert (spines[1].failure, spines[1].vertebrae) == (Failure.TOO_FEW_DETECTIONS, ())


def test_two_detections_are_enough():
    films = [make_film()]
    assert [v.level for v in pipeline(films, lambda v: v[:2])(films)[0].vertebrae] == ["C2", "C3"]


def shifted(vertebra, y):
    return replace(vertebra, origin=(vertebra.origin[0], vertebra.origin[1] + y), centroid=(vertebra.centroid[0], vertebra.centroid[1] + y))


def test_of_duplicates_the_more_confident_stays():
    film = make_film()
    twice = [*film.vertebrae, *(shifted(vertebra, 3) for vertebra in film.vertebrae)]
    assert [v.box for v in pipeline([film], lambda _: twice)([film])[0].vertebrae] == [v.box for v in film.vertebrae]
    worse_first = [*(shifted(vertebra, 3) for vertebra in film.vertebrae[:2]), *film.vertebrae]
    boxes = [v.box for v in pipeline([film], lambda _: worse_first)([film])[0].vertebrae]
    assert boxes == [v.box for v in (*worse_first[:2], *film.vertebrae[2:])]


def test_one_vertebra_found_twice_is_too_little():
    film = make_film()
    same = [film.vertebrae[0], shifted(film.vertebrae[0], 2)]
    assert pipeline([film], lambda _: same)([film])[0].failure is Failure.TOO_FEW_DETECTIONS


def test_confidence_is_detection_score_times_probability_of_the_level():
    film = make_film()
    scores = [0.99 - 0.01 * i for i in range(len(film.vertebrae))]
    unknown = DetectorOnlyPipeline(OracleDetector([film]), SameClassifier(0.0, 1.0))([film])[0].vertebrae
    assert {v.level for v in unknown} == {None} and [v.confidence for v in unknown] == pytest.approx(scores)
    named = DetectorOnlyPipeline(OracleDetector([film]), SameClassifier(0.0, 1.0), unknown_below=0.0)([film])[0].vertebrae
    assert None not in {v.level for v in named} and all(v.confidence < 0.1 for v in named)


@pytest.mark.parametrize("option", ["score_threshold", "max_overlap"])
def test_what_is_no_share_is_refused(option):
    with pytest.raises(ValueError, match=rf"`{option}` to be 0\.\.1, but got 60"):
        DetectorOnlyPipeline(OracleDetector([]), SameClassifier(0.0, 1.0), **{option: 60})


def test_no_films():
    assert pipeline(FILMS)([]) == []
