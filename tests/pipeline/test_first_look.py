"""Films that show more than a spine."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.geometry.patches import PatchRule
from spinefm.pipeline import DetectorOnlyPipeline, OraclePipeline
from spinefm.pipeline.first_look import around_spine, first_look
from spinefm.structures import Detections
from tests.oracles import EXACT, DiscSegmenter, FunctionPredictor, SameClassifier, make_film

THORACIC = tuple(f"T{number}" for number in range(1, 13))
ABOVE, LEFT = 150, 120
"""More of the body on either side of a film, pixels."""


def shows_more(film):
    vertebrae = tuple(vertebra.moved(LEFT, ABOVE) for vertebra in film.vertebrae)
    return replace(film, film_id="wide", pixels=np.pad(film.pixels, ((ABOVE, ABOVE), (LEFT, LEFT)), constant_values=9), vertebrae=vertebrae)


@pytest.fixture
def narrow():
    return make_film("narrow", THORACIC, (300, 120))


@pytest.fixture
def wide(narrow):
    return shows_more(narrow)


def around(film, margin):
    boxes = np.array([vertebra.box for vertebra in film.vertebrae])
    return (*(boxes[:, :2].min(0) - margin), *(boxes[:, 2:].max(0) + margin))


def spacing(film):
    return np.median(np.diff([vertebra.centroid[1] for vertebra in film.vertebrae]))


def test_what_is_looked_at_lies_two_spacings_around_what_is_detected(wide):
    part = around_spine(Detections(wide.vertebrae), wide.size)
    assert np.allclose(part, around(wide, 2 * spacing(wide)), atol=2)


def test_what_is_detected_twice_changes_nothing(wide):
    twice = Detections(tuple(vertebra for vertebra in wide.vertebrae for _ in range(2)))
    assert around_spine(twice, wide.size) == around_spine(Detections(wide.vertebrae), wide.size)


def test_nine_vertebrae_are_enough(wide):
    assert (
        around_spine(Detections(wide.vertebrae[:9]), wide.size)[3] < around_spine(Detections(wide.vertebrae), wide.size)[3] < wide.size[0]
    )


def test_a_stray_detection_makes_the_part_larger(wide):
    stray = wide.vertebrae[0].moved(100 - wide.vertebrae[0].box[0], 0)
    usual, larger = (around_spine(Detections(found), wide.size) for found in (wide.vertebrae, (*wide.vertebrae, stray)))
    assert 0 <= larger[0] < usual[0] and larger[1:] == usual[1:]


@pytest.mark.parametrize("number", [0, 1, 8])
def test_a_film_on_which_little_is_detected_stays_whole(wide, number):
    assert around_spine(Detections(wide.vertebrae[:number]), wide.size) == (0, 0, *wide.size[::-1])


class Counting:
    """Detects what is annotated; notes the sizes of the films."""

    def __init__(self):
        self.sizes = []

    def detect(self, films):
        self.sizes += [film.size for film in films]
        return [Detections(tuple(replace(vertebra, level=None) for vertebra in film.vertebrae)) for film in films]


def test_a_film_that_shows_little_else_stays_whole_and_is_looked_at_once(narrow):
    detector = Counting()
    look = first_look(narrow, detector)
    assert look.film is narrow and look.part == (0, 0, 120, 300)
    assert detector.sizes == [narrow.size] and len(look.detections.vertebrae) == len(THORACIC)


def test_a_film_is_looked_at_again_where_the_spine_is(wide):
    detector = Counting()
    look = first_look(wide, detector)
    x0, y0, x1, y1 = look.part
    assert look.film.size == (y1 - y0, x1 - x0) and detector.sizes == [wide.size, look.film.size]
    assert look.detections.vertebrae[0].box == wide.vertebrae[0].moved(-x0, -y0).box


def test_a_film_stays_whole_where_that_is_asked_for(wide):
    detector = Counting()
    assert first_look(wide, detector, crop=False).film is wide and detector.sizes == [wide.size]


class LosesThem(Counting):
    """Detects eight at most on any film but the first."""

    def detect(self, films):
        found = super().detect(films)
        return found if len(self.sizes) == 1 else [Detections(each.vertebrae[:8] * 2) for each in found]


def test_a_film_stays_whole_where_fewer_are_found_nearer_though_each_twice(wide):
    look = first_look(wide, LosesThem())
    assert look.film is wide and look.part == (0, 0, *wide.size[::-1]) and len(look.detections.vertebrae) == len(THORACIC)


def boxes(spine):
    return [(vertebra.level, vertebra.box) for vertebra in spine.vertebrae]


CLASSES = ("background", "vertebra", "T1", "T12")


def oracle(detector, **options):
    parts = {
        "mask_rcnn": detector,
        "resnet": SameClassifier(0.9, 0.1, 0.0, 0.0, classes=CLASSES),
        "point_predictor": FunctionPredictor(lambda film_id, trail: (1.0, 1.0)),
        "sam_adapter": DiscSegmenter(radius=1, patch_rule=PatchRule(scale=3.2)),
    }
    return OraclePipeline(["resnet", "point_predictor", "sam_adapter"], **parts, **EXACT, **options)


def detector_only(detector, **options):
    return DetectorOnlyPipeline(detector, SameClassifier(0.0, 1.0, 0.0, 0.0, classes=CLASSES), **options)


@pytest.mark.parametrize("pipeline", [oracle, detector_only])
def test_either_pipeline_sees_a_film_whole_if_told_so(wide, pipeline):
    cropping, whole = Counting(), Counting()
    pipeline(cropping)([wide]), pipeline(whole, crop=False)([wide])
    assert len(cropping.sizes) == 2 and whole.sizes == [wide.size]


def test_what_induction_finds_lies_on_the_whole_film(wide, narrow):
    pipeline = oracle(Counting())
    for film, spine in zip((wide, narrow), pipeline([wide, narrow]), strict=True):
        assert spine.size == film.size and boxes(spine) == boxes(film)


def test_what_the_detector_alone_finds_lies_on_the_whole_film(wide):
    detector = Counting()
    (spine,) = detector_only(detector)([wide])
    assert len(detector.sizes) == 2 and spine.size == wide.size
    assert [box for _, box in boxes(spine)] == [box for _, box in boxes(wide)]
