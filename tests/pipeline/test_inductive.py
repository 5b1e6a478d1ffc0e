"""The whole pipeline on oracles: what perfect components give, and what becomes of a film without enough to start from."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.anatomy import levels_between
from spinefm.evaluation.evaluator import Evaluator
from spinefm.geometry.patches import PatchRule
from spinefm.structures import Direction, Failure, StopReason, View
from tests.oracles import (
    ALL_LEVELS,
    CERVICAL,
    OracleClassifier,
    OracleDetector,
    OraclePredictor,
    OracleSegmenter,
    SameClassifier,
    inductive_pipeline,
    make_film,
)

LUMBAR = levels_between("T12", "S1")
WHOLE = levels_between("T1", "L5")

FILMS = [
    make_film("straight", CERVICAL),
    make_film("odd", CERVICAL, (241, 155), bend=0.5, tilt=0.1),
    make_film("bent", CERVICAL, (260, 260), bend=-1.2, tilt=-0.4),
    make_film("lumbar", LUMBAR, (320, 210), bend=0.9, view=View.LATERAL_LUMBAR),
    make_film("lying", LUMBAR, (120, 330), tilt=1.45, view=View.LATERAL_LUMBAR),
    make_film("long", ("C2", "C3", "C4", *levels_between("C5", "L3")), (700, 200), bend=0.3, view=View.AP_SPINE),
]


def evaluate(films, spines):
    evaluator = Evaluator()
    for film, spine in zip(films, spines, strict=True):
        evaluator.update(film, spine)
    return {name: result["value"] for name, result in evaluator.compute().items() if isinstance(result, dict) and "value" in result}


def replace_centroids(vertebrae, shift):
    """The same masks with centroids `shift` pixels too far to the right."""
    return [replace(vertebra, centroid=(vertebra.centroid[0] + shift, vertebra.centroid[1])) for vertebra in vertebrae]


def content(spine):
    """All of a spine, comparable."""
    parts = [(v.level, v.origin, v.centroid, v.confidence, v.mask.tobytes()) for v in spine.vertebrae]
    return spine.film_id, spine.size, spine.failure, spine.stops, parts


def test_perfect_components_give_perfect_spines():
    spines = inductive_pipeline(FILMS)(FILMS)
    found = evaluate(FILMS, spines)
    perfect = dict.fromkeys(
        ("identification_rate", "labelled_identification_rate", "dice_identified", "dice_all", "all_correct_films"), 1.0
    )
    assert {key: found[key] for key in perfect} == perfect
    assert {found[key] for key in ("false_positives_per_image", "hd95_px", "shifted_films")} == {0.0}
    for film, spine in zip(FILMS, spines, strict=True):
        assert [v.level for v in spine.vertebrae] == [v.level for v in film.vertebrae]
        assert (spine.film_id, spine.size, spine.failure) == (film.film_id, film.size, None)
        assert set(spine.stops) == {Direction.UP, Direction.DOWN}


@pytest.mark.parametrize("input_size", [256, 331])
def test_resized_patches_keep_nearly_every_pixel(input_size):
    segmenter = OracleSegmenter(FILMS, input_size, PatchRule(scale=3.2))
    metrics = evaluate(FILMS, inductive_pipeline(FILMS, segmenter=segmenter)(FILMS))
    assert metrics["dice_identified"] > 0.99
    assert metrics["labelled_identification_rate"] == 1.0


@pytest.mark.parametrize("refinements", [1, 2])
def test_refinement_keeps_a_perfect_mask(refinements):
    metrics = evaluate(FILMS, inductive_pipeline(FILMS, refinements=refinements)(FILMS))
    assert metrics["dice_all"] == 1.0


def test_refinement_completes_a_mask_that_the_first_patch_cut():
    """A vertebra is about 29 pixels wide here, a patch 34."""
    film = make_film()
    off = replace_centroids(film.vertebrae[2:5], 5)
    pipelines = [
        inductive_pipeline([film], OracleDetector([film], lambda _: off), segmenter=OracleSegmenter([film], 34), refinements=number)
        for number in (0, 1)
    ]
    rough, refined = (evaluate([film], pipeline([film]))["dice_all"] for pipeline in pipelines)
    assert rough < refined == 1.0


def test_whole_spine_named_by_a_classifier_of_all_levels():
    films = [make_film("scoliosis", WHOLE, (600, 200), bend=1.0, view=View.AP_SPINE)]
    classifier = OracleClassifier(films, ALL_LEVELS, terminals=())
    spines = inductive_pipeline(films, classifier=classifier)(films)
    assert evaluate(films, spines)["labelled_identification_rate"] == 1.0
    assert evaluate(films, spines)["dice_all"] == 1.0


def test_levels_stand_on_masks_and_are_unknown_without_a_landmark():
    """Defect 11: no level is ever assigned to a mask."""
    known, unknown = make_film("known", CERVICAL), make_film("unknown", levels_between("C3", "C7"))
    spines = inductive_pipeline([known, unknown])([known, unknown])
    assert [v.level for v in spines[0].vertebrae] == list(CERVICAL)
    assert [v.level for v in spines[1].vertebrae] == [None] * 5


@pytest.mark.parametrize("classes", [("background", "vertebra", "S1", "C2"), ("C2", "background", "S1", "vertebra")])
def test_classes_are_known_by_name(classes):
    """Defect 3: C2 and S1 are classes 2 and 3 in one file, 3 and 2 in another."""
    expected = inductive_pipeline(FILMS)(FILMS)
    found = inductive_pipeline(FILMS, classifier=OracleClassifier(FILMS, classes))(FILMS)
    for one, other in zip(expected, found, strict=True):
        assert [(v.level, v.box) for v in one.vertebrae] == [(v.level, v.box) for v in other.vertebrae]


@pytest.mark.parametrize("number", [0, 1, 2])
def test_too_few_detections_are_recorded_and_nothing_of_the_film_before_is_used(number):
    """Defect 2: with fewer than three confident detections the previous image's start points are reused silently."""
    good, poor = make_film("good"), make_film("poor", bend=0.4)
    detector = OracleDetector([good, poor])
    detector.choose = lambda vertebrae: vertebrae[:number] if vertebrae is poor.vertebrae else vertebrae
    pipeline = inductive_pipeline([good, poor], detector=detector)
    alone = pipeline([good])
    for spines in (pipeline([good, poor]), [*alone, *pipeline([poor])]):
        assert content(spines[0]) == content(alone[0])
        assert content(spines[1]) == ("poor", poor.size, Failure.TOO_FEW_DETECTIONS, {}, [])
    assert evaluate([good, poor], spines)["identification_rate"] == 0.5


def test_three_detections_are_enough():
    films = [make_film()]
    spine = inductive_pipeline(films, detector=OracleDetector(films, lambda vertebrae: vertebrae[2:5]))(films)[0]
    assert [v.level for v in spine.vertebrae] == list(CERVICAL)


def test_no_films():
    assert inductive_pipeline(FILMS)([]) == []


def test_batch_and_its_order_do_not_matter():
    pipeline = inductive_pipeline(FILMS)
    alone = {film.film_id: content(pipeline([film])[0]) for film in FILMS}
    for batch in (FILMS, FILMS[::-1], FILMS[1:4] * 2):
        assert [content(spine) for spine in pipeline(batch)] == [alone[film.film_id] for film in batch]


def test_annotations_are_not_looked_at():
    film = make_film()
    pipeline = inductive_pipeline([film])
    stripped = type(film)(film.film_id, film.pixels)
    assert content(pipeline([stripped])[0]) == content(pipeline([film])[0])


def test_stops_say_landmark_at_landmarks_and_border_or_empty_elsewhere():
    spines = {spine.film_id: spine for spine in inductive_pipeline(FILMS, patience=0)(FILMS)}
    assert spines["straight"].stops[Direction.UP] is StopReason.LANDMARK
    assert spines["straight"].stops[Direction.DOWN] in (StopReason.BORDER, StopReason.EMPTY_MASK)
    assert spines["lumbar"].stops[Direction.DOWN] is StopReason.LANDMARK


class NotThere(OracleClassifier):
    """Calls some levels background, on all films or on one."""

    def __init__(self, films, levels, only=None):
        super().__init__(films)
        self.levels, self.only = levels, only

    def name(self, film_id, box):
        vertebra = self.truth.vertebra_in(film_id, box)
        denied = vertebra is not None and vertebra.level in self.levels and self.only in (None, film_id)
        return "background" if denied else super().name(film_id, box)


def test_a_rejected_base_case_falls_back_on_the_next():
    film = make_film(levels=levels_between("C2", "T3"))
    spine = inductive_pipeline([film], classifier=NotThere([film], ["C3"]), patience=0)([film])[0]
    assert [v.box for v in spine.vertebrae] == [v.box for v in film.vertebrae[2:]]
    assert spine.stops[Direction.UP] is StopReason.BACKGROUND


@pytest.mark.parametrize(("attempts", "failure"), [(2, Failure.BASE_CASE_REJECTED), (3, None)])
def test_as_many_base_cases_are_tried_as_asked(attempts, failure):
    film = make_film(levels=levels_between("C2", "T3"))
    pipeline = inductive_pipeline([film], classifier=NotThere([film], ["C3"]), base_attempts=attempts)
    assert pipeline([film])[0].failure is failure


def test_films_of_one_batch_fall_back_separately():
    films = [make_film(name, levels_between("C2", "T3")) for name in "abc"]
    spines = inductive_pipeline(films, classifier=NotThere(films, ["C3"], only="b"), patience=0)(films)
    assert [len(spine.vertebrae) for spine in spines] == [9, 7, 9]


@pytest.mark.parametrize(("patience", "found"), [(0, 4), (1, 9), (2, 9)])
def test_patience_walks_through_a_wrong_background(patience, found):
    film = make_film(levels=levels_between("C2", "T3"))
    detector = OracleDetector([film], lambda vertebrae: vertebrae[:3])
    spine = inductive_pipeline([film], detector=detector, classifier=NotThere([film], ["C6"]), patience=patience)([film])[0]
    assert len(spine.vertebrae) == found


def test_what_patience_found_beyond_the_spine_is_dropped():
    film = make_film(levels=levels_between("C2", "T3"))
    detector = OracleDetector([film], lambda vertebrae: vertebrae[:3])
    spine = inductive_pipeline([film], detector=detector, classifier=NotThere([film], ["T1", "T2", "T3"]), patience=2)([film])[0]
    assert [v.level for v in spine.vertebrae] == list(levels_between("C2", "C7"))


def test_what_patience_found_beyond_the_terminals_is_dropped():
    """T12 and S1 are vertebrae, and seen as what they are."""
    film = make_film(levels=levels_between("T12", "S1"))
    classifier = OracleClassifier([film], ALL_LEVELS, terminals=("L1", "L5"))
    spine = inductive_pipeline([film], OracleDetector([film], lambda vertebrae: vertebrae[2:5]), classifier)([film])[0]
    assert [v.level for v in spine.vertebrae] == list(levels_between("L1", "L5"))
    assert [v.box for v in spine.vertebrae] == [v.box for v in film.vertebrae[1:-1]]


def test_all_base_cases_rejected():
    film = make_film()
    spine = inductive_pipeline([film], classifier=NotThere([film], CERVICAL))([film])[0]
    assert (spine.failure, spine.vertebrae, spine.stops) == (Failure.BASE_CASE_REJECTED, (), {})


def test_one_vertebra_detected_twice_is_no_base_case():
    """The detections lie apart, but the segmenter draws the same mask for both."""
    film = make_film()
    first, second = film.vertebrae[2:4]
    above = (first.origin[0], first.origin[1] - first.mask.shape[0])
    shifted = type(first)(first.mask, above, (first.centroid[0], first.centroid[1] - 4))
    detector = OracleDetector([film], lambda vertebrae: (shifted, first, second))
    spine = inductive_pipeline([film], detector=detector)([film])[0]
    assert (spine.failure, spine.vertebrae) == (Failure.BASE_CASE_REJECTED, ())


def test_longer_context_starts_from_a_longer_base_case():
    film = make_film()
    detector = OracleDetector([film], lambda vertebrae: vertebrae[1:5])
    spine = inductive_pipeline([film], detector=detector, predictor=OraclePredictor([film], context=4))([film])[0]
    assert len(spine.vertebrae) == len(CERVICAL)
    detector.choose = lambda vertebrae: vertebrae[1:4]
    spine = inductive_pipeline([film], detector=detector, predictor=OraclePredictor([film], context=4))([film])[0]
    assert spine.failure is Failure.TOO_FEW_DETECTIONS


def test_every_film_is_examined_in_the_same_calls():
    """As many calls of a network for a batch as for its longest film."""

    def calls(films):
        segmenter, sizes = OracleSegmenter(FILMS), []
        segment = segmenter.segment
        segmenter.segment = lambda patches: (sizes.append(len(patches.boxes)), segment(patches))[1]
        inductive_pipeline(FILMS, segmenter=segmenter)(films)
        return len(sizes), max(sizes)

    short, long = calls(FILMS[:1]), calls(FILMS[-1:])
    together = calls([FILMS[0], FILMS[-1]])
    assert together[0] == max(short[0], long[0])
    assert together[1] == 6


def test_no_level_is_no_reason_to_trust_a_mask_less():
    """Nor to take a film of bright bone for one of dark bone."""
    film = make_film()
    spine = inductive_pipeline([film], classifier=SameClassifier(0.1, 0.9))([film])[0]
    assert {v.level for v in spine.vertebrae} == {None} and min(v.confidence for v in spine.vertebrae) > 0.6


def test_confidence_is_that_of_mask_vertebra_and_level_together():
    film = make_film()
    sure = inductive_pipeline([film])([film])[0]
    assert all(0.7 < v.confidence <= 1 for v in sure.vertebrae)
    doubtful = inductive_pipeline([film], segmenter=OracleSegmenter([film], certainty=1.0))([film])[0]
    ratio = torch.tensor(1.0).sigmoid() / torch.tensor(6.0).sigmoid()
    expected = [v.confidence * float(ratio) for v in sure.vertebrae]
    assert np.allclose([v.confidence for v in doubtful.vertebrae], expected)
    unsure = inductive_pipeline([film], classifier=SameClassifier(0.2, 0.8))([film])[0]
    certain = inductive_pipeline([film], classifier=SameClassifier(0.0, 1.0))([film])[0]
    assert np.allclose([v.confidence for v in unsure.vertebrae], [0.8 * v.confidence for v in certain.vertebrae], rtol=0.05)
