"""The decisions of the released code, one by one, on components whose answers are known."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import max_pool2d

from spinefm.anatomy import levels_between
from spinefm.geometry.centroids import centroids_of, local_spacings, weighted_centroid
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.geometry.patches import PatchRule, paste_patch, patch_box
from spinefm.pipeline import OriginalPipeline
from spinefm.pipeline.original import blurred, least_squares_order
from spinefm.structures import Detections, Direction, Failure, Radiograph, StopReason, Vertebra
from tests.oracles import (
    CERVICAL,
    LANDMARKS,
    DiscSegmenter,
    FunctionPredictor,
    OracleClassifier,
    OracleDetector,
    OraclePredictor,
    OracleSegmenter,
    SameClassifier,
    make_film,
)

MIDDLE = levels_between("C4", "T3")
FILM = make_film(levels=MIDDLE)
UP, DOWN = Direction.UP, Direction.DOWN
SURE = 14.0
"""Logits of a segmenter whose padding weighs nothing: 38 400 pixels of probability 8e-7."""


def original(film=FILM, base=slice(3, 6), detector=None, classifier=None, predictor=None, segmenter=None, **settings):
    """The spine on a film, from true vertebrae as base case."""
    pipeline = OriginalPipeline(
        detector or OracleDetector([film], lambda vertebrae: vertebrae[base]),
        classifier or OracleClassifier([film]),
        predictor or OraclePredictor([film]),
        segmenter or OracleSegmenter([film], certainty=SURE),
        **settings,
    )
    return pipeline([film])[0]


def straight(film_id, trail):
    return 2 * trail[-1] - trail[-2]


def boxes(vertebrae):
    return [vertebra.box for vertebra in vertebrae]


class Detects:
    """The same, film for film."""

    def __init__(self, places, scores):
        square = np.ones((16, 16), dtype=bool)
        pairs = zip(places, scores, strict=True)
        self.found = Detections(tuple(Vertebra(square, (int(x - 8), int(y - 8)), (x, y), None, score) for (x, y), score in pairs))

    def detect(self, films):
        return [self.found for _ in films]


def base_of(places, scores, **settings):
    """Rows of the base case, from head to foot; discs stand wherever one looks."""
    film = Radiograph("film", np.zeros((260, 260), dtype=np.uint8))
    parts = {"classifier": SameClassifier(0.1, 0.9), "predictor": FunctionPredictor(straight), "segmenter": DiscSegmenter()}
    vertebrae = original(film, detector=Detects(places, scores), max_steps=0, **parts | settings).vertebrae
    return [(vertebra.box[1] + vertebra.box[3]) / 2 for vertebra in vertebrae]


LEANING = [(40.0 + y / 2, float(y)) for y in (20, 60, 100, 140, 180, 220)]


@pytest.mark.parametrize(
    ("scores", "rows"),
    [
        ([0.7, 0.8, 0.9, 0.9, 0.9, 0.8], [100, 140, 180]),
        ([0.9, 0.9, 0.8, 0.8, 0.9, 0.9], [20, 60, 100]),
        ([0.99, 0.6, 0.6, 0.9, 0.6, 0.99], [140, 180, 220]),
    ],
    ids=["best", "upper of equals", "mean"],
)
def test_three_neighbours_with_the_highest_mean_score(scores, rows):
    assert base_of(LEANING, scores) == rows


def test_the_order_of_detections_does_not_matter():
    assert base_of(LEANING[::-1], [0.9, 0.9, 0.9, 0.7, 0.7, 0.7]) == [140, 180, 220]


def test_neighbours_need_not_look_like_a_spine():
    """Every second vertebra of the upper half is overlooked."""
    places, scores = [(40.0 + y / 2, float(y)) for y in (20, 100, 180, 200, 220)], [0.9, 0.9, 0.9, 0.8, 0.8]
    assert base_of(places, scores) == [20, 100, 180]
    assert base_of(places, scores, base_case="regular") == [180, 200, 220]


def test_what_is_detected_twice_counts_twice():
    places, scores = [*LEANING, (50.0, 22.0)], [0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.9]
    assert base_of(places, scores) == [20, 22, 60]
    assert base_of(places, scores, base_case="principal_axis") == [20, 22, 60]
    assert base_of([(90.0, 20.0 * i) for i in (2, 2.1, 3, 4, 5)], [0.9, 0.8, 0.7, 0.7, 0.7], base_case="regular") == [40, 60, 80]


BOWED = [(50.0, 40.0), (70.0, 80.0), (80.0, 120.0), (70.0, 160.0), (50.0, 200.0)]


def test_the_line_is_that_of_least_squares():
    """Defect 7, reproduced: the line through a bowed, vertical spine lies across it, and so do the neighbours along it."""
    scores = [0.9, 0.9, 0.7, 0.7, 0.9]
    assert base_of(BOWED, scores) == [40, 200, 80]
    assert base_of(BOWED, scores, base_case="principal_axis") == [40, 80, 120]


def test_a_bowed_spine_is_lost_on_that_line():
    film = make_film(levels=levels_between("T12", "S1"), size=(320, 210), bend=0.9)
    found = {base_case: original(film, slice(2, 5), base_case=base_case).vertebrae for base_case in ("least_squares", "principal_axis")}
    assert boxes(found["least_squares"]) != boxes(film.vertebrae) == boxes(found["principal_axis"])


def test_where_there_is_no_such_line_the_principal_axis_stands_in():
    """Defect 7: singular when all x agree."""
    places = [(50.0, float(y)) for y in (160, 40, 120, 80)]
    assert base_of(places, [0.9, 0.7, 0.9, 0.9]) == [80, 120, 160]


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_order_along_the_line_of_numpy(number, seed):
    xy = np.random.default_rng(seed).uniform(0, 500, (number, 2))
    slope, _ = np.polyfit(*xy.T, 1)
    feet = (xy @ (1, slope))[least_squares_order(xy)] * slope  # y of each point's foot on the line, but for a constant
    assert (np.diff(feet) > -1e-6).all()


@pytest.mark.parametrize("points", [[], [(3.0, 4.0)], [(7.7, 9.0), (7.7, 1.0), (7.7, 5.0)], [(3.0, 4.0)] * 4])
def test_points_without_a_line_are_ordered_all_the_same(points):
    order = least_squares_order(points)
    assert sorted(order) == list(range(len(points)))
    assert [points[i][1] for i in order] == sorted(y for _, y in points)


def test_a_level_line_goes_from_left_to_right():
    assert least_squares_order([(9, 1), (1, 1), (5, 1)]).tolist() == [1, 2, 0]


@pytest.mark.parametrize("base_case", ["least_squares", "principal_axis", "regular"])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_too_few_detections_are_recorded_and_nothing_of_the_film_before_is_used(number, base_case):
    """Defect 2: the previous film's start points are reused silently."""
    films = [make_film("good"), make_film("poor")]
    detector = OracleDetector(films, lambda v: v[:number] if v is films[1].vertebrae else v)
    parts = detector, OracleClassifier(films), OraclePredictor(films), OracleSegmenter(films, certainty=SURE)
    good, poor = OriginalPipeline(*parts, base_case=base_case)(films)
    assert (good.failure, len(good.vertebrae)) == (None, 7)
    assert (poor.film_id, poor.failure, poor.vertebrae, poor.stops) == ("poor", Failure.TOO_FEW_DETECTIONS, (), {})


def test_longer_context_starts_from_a_longer_base_case():
    predictor = OraclePredictor([FILM], context=4)
    assert original(base=slice(1, 5), predictor=predictor).failure is None
    assert original(base=slice(1, 4), predictor=predictor).failure is Failure.TOO_FEW_DETECTIONS


def test_a_base_case_without_a_mask_is_a_failure():
    """Where the released code raises IndexError."""
    spine = original(detector=Detects([(80.0, 20.0), (80.0, 60.0), (1.0, 100.0)], [0.9] * 3))
    assert (spine.failure, spine.vertebrae) == (Failure.BASE_CASE_REJECTED, ())


FILMS = [
    make_film("leaning", tilt=0.2),
    make_film("odd", CERVICAL, (241, 155), bend=0.5, tilt=0.1),
    make_film("bent", CERVICAL, (260, 260), bend=-1.2, tilt=-0.4),
    make_film("lumbar", levels_between("T12", "S1"), (320, 210), bend=0.4, tilt=-0.3),
    make_film("lying", levels_between("T12", "S1"), (120, 330), tilt=1.45),
]


@pytest.mark.parametrize("film", FILMS, ids=lambda film: film.film_id)
def test_perfect_components_give_a_perfect_spine(film):
    spine = original(film, slice(2, 5))
    assert (spine.film_id, spine.size, spine.failure, set(spine.stops)) == (film.film_id, film.size, None, {UP, DOWN})
    assert [v.level for v in spine.vertebrae] == [v.level for v in film.vertebrae]
    for found, true in zip(spine.vertebrae, film.vertebrae, strict=True):
        assert np.array_equal(paste_mask(found, film.size), paste_mask(true, film.size))
        assert found.centroid == pytest.approx(true.centroid, abs=0.1)


class RingSegmenter(OracleSegmenter):
    """Sure of the vertebra, and with a given probability of the ten pixels around it."""

    def __init__(self, probability, radius=10):
        super().__init__([FILM], 64, certainty=SURE)
        self.ring, self.radius = torch.tensor(probability).logit(), radius

    def logits(self, film_id, box):
        logits = super().logits(film_id, box)
        around = max_pool2d(logits[None], 2 * self.radius + 1, 1, self.radius)[0] > 0
        return torch.where((logits < 0) & around, self.ring, logits)


def area(spine):
    return sum(vertebra.mask.sum() for vertebra in spine.vertebrae)


def test_masks_are_cut_at_a_probability_of_nine_tenths():
    true = area(original())
    assert area(original(segmenter=RingSegmenter(0.89, 1))) == true
    assert area(original(segmenter=RingSegmenter(0.91, 1))) > 1.05 * true
    assert area(original(segmenter=RingSegmenter(0.89, 1), mask_threshold=0.88)) > 1.05 * true


class MaskSegmenter(OracleSegmenter):
    """A frame and a block beside it in every patch."""

    def logits(self, film_id, box):
        logits = torch.full((64, 64), -SURE)
        logits[22:42, 22:36] = SURE
        logits[28:36, 26:32] = -SURE
        logits[28:34, 40:44] = SURE
        return logits


def test_all_of_a_mask_is_kept():
    parts = {"segmenter": MaskSegmenter([FILM]), "max_steps": 0}
    assert {v.mask.sum() for v in original(**parts).vertebrae} == {20 * 14 - 8 * 6 + 6 * 4}
    assert {v.mask.sum() for v in original(**parts, largest_part=True).vertebrae} == {20 * 14}


class HalfSegmenter(DiscSegmenter):
    """Four logits: the left half of each patch, of 32 pixels, is vertebra."""

    def segment(self, patches):
        return torch.tensor([[SURE, -SURE], [SURE, -SURE]]).repeat(len(patches.boxes), 1, 1)


def test_logits_are_upsampled_to_their_nearest():
    parts = {"segmenter": HalfSegmenter(), "max_steps": 0}
    assert {v.mask.shape for v in original(**parts).vertebrae} == {(32, 16)}
    assert {v.mask.shape[1] for v in original(**parts, upsampling="bilinear").vertebrae} == {15}


def refined(vertebra, segmenter, weigh_padding):
    """Where a point on a true vertebra moves, by the film made in full."""
    box = patch_box(vertebra.centroid, 64)
    patch = segmenter.logits("film", box).double()
    film = paste_patch(patch[None], box, *FILM.size, fill=float(patch.min())).sigmoid()
    if not weigh_padding:
        film[0, paste_patch(torch.ones_like(patch)[None], box, *FILM.size)[0] == 0] = 0
    return weighted_centroid(film)[0].tolist()


@pytest.mark.parametrize("weigh_padding", [True, False])
def test_points_move_to_the_centroid_of_the_padded_film_and_the_trail_is_theirs(weigh_padding):
    """Defect 8, reproduced: with a padding logit of -6 the background of the film weighs in."""
    segmenter, trails = OracleSegmenter([FILM], certainty=6.0), []
    predictor = FunctionPredictor(lambda film_id, trail: trails.append(trail) or FILM.vertebrae[2 if len(trails) == 1 else 6].centroid)
    settings = {} if weigh_padding else {"weigh_padding": False}
    spine = original(predictor=predictor, segmenter=segmenter, max_steps=1, **settings)
    expected = [refined(vertebra, segmenter, weigh_padding) for vertebra in FILM.vertebrae[2:]]
    assert np.allclose(centroids_of(spine.vertebrae), expected, atol=1e-6)
    assert np.allclose(trails, [expected[3:0:-1], expected[1:4]], atol=1e-4)
    assert boxes(spine.vertebrae) == boxes(FILM.vertebrae[2:])
    pull = np.hypot(*np.subtract(expected[0], FILM.vertebrae[2].centroid))
    assert pull > 1 if weigh_padding else pull < 0.2


def test_a_new_point_is_segmented_where_predicted_and_classified_where_refined():
    classifier, segmenter, seen = OracleClassifier([FILM]), OracleSegmenter([FILM], certainty=SURE), []
    classify, segment = classifier.classify, segmenter.segment
    classifier.classify = lambda patches: (seen.append(patches.boxes[0]), classify(patches))[1]
    segmenter.segment = lambda patches: (seen.append(patches.boxes[0]), segment(patches))[1]
    off = FunctionPredictor(lambda film_id, trail: straight(film_id, trail) + (5, 4))
    spine = original(classifier=classifier, segmenter=segmenter, predictor=off, max_steps=1)
    steps = np.linalg.norm(np.diff(centroids_of(spine.vertebrae[1:4]), axis=0), axis=1)
    predicted = straight(None, centroids_of(spine.vertebrae[3:0:-1])) + (5, 4)
    assert seen[6:8] == [patch_box(predicted, 64), patch_box(spine.vertebrae[0].centroid, 3.2 * steps.mean())]
    spacings = local_spacings(centroids_of(FILM.vertebrae[3:6]))
    assert seen[1:6:2] == [patch_box(v.centroid, 3.2 * s) for v, s in zip(spine.vertebrae[1:4], spacings, strict=True)]


def test_only_the_previous_mask_may_not_be_found_again():
    """Back to the last but one, and to and fro until the steps are used up."""
    predictor = FunctionPredictor(lambda film_id, trail: trail[-2])
    spine = original(predictor=predictor, max_steps=4)
    assert (spine.stops, len(spine.vertebrae)) == ({UP: StopReason.MAX_STEPS, DOWN: StopReason.MAX_STEPS}, 3 + 2 * 4)
    spine = original(predictor=predictor, max_steps=4, overlap_reach=2)
    assert (spine.stops, len(spine.vertebrae)) == ({UP: StopReason.OVERLAP, DOWN: StopReason.OVERLAP}, 3)


def test_standing_still_is_overlap_and_the_new_mask_is_dropped():
    spine = original(predictor=FunctionPredictor(lambda film_id, trail: trail[-1]))
    assert (spine.stops, boxes(spine.vertebrae)) == ({UP: StopReason.OVERLAP, DOWN: StopReason.OVERLAP}, boxes(FILM.vertebrae[3:6]))


@pytest.mark.parametrize(
    ("probability", "settings", "stop"),
    [
        (0.62, {}, StopReason.MAX_STEPS),
        (0.625, {}, StopReason.OVERLAP),
        (0.625, {"overlap_logit": 0.6}, StopReason.MAX_STEPS),
        (0.62, {"overlap_logit": 0.4}, StopReason.OVERLAP),
        (0.625, {"max_overlap": 0.4}, StopReason.MAX_STEPS),
    ],
)
def test_overlap_is_that_of_masks_cut_at_a_logit_of_one_half(probability, settings, stop):
    """Defect 4, reproduced: neighbours overlap by what has a probability of 0.62, though their masks, cut at 0.9, lie apart."""
    spine = original(segmenter=RingSegmenter(probability), max_steps=1, **settings)
    assert spine.stops == {UP: stop, DOWN: stop}
    assert boxes(spine.vertebrae) == boxes(FILM.vertebrae[3:6] if stop is StopReason.OVERLAP else FILM.vertebrae[2:7])


@pytest.mark.parametrize(("reach", "stop"), [(7, StopReason.MAX_STEPS), (6, StopReason.OVERLAP)])
def test_an_overlap_of_a_tenth_is_too_much(reach, stop):
    """Squares of 14 pixels, one to the side of the other: 2 of 26 columns in common are 0.08, 3 of 25 are 0.12."""
    logits = torch.full((32, 32), -SURE)
    logits[9:23, 9:23] = SURE
    segmenter = DiscSegmenter()
    segmenter.disc = logits
    to_the_side = FunctionPredictor(lambda film_id, trail: trail[-1] + (5 + reach, 0))
    spine = original(segmenter=segmenter, classifier=SameClassifier(0.1, 0.9), predictor=to_the_side, max_steps=1)
    assert spine.stops == {UP: stop, DOWN: stop}


class Calls(OracleClassifier):
    """Calls some levels something else."""

    def __init__(self, film, **names):
        super().__init__([film])
        self.names = names

    def name(self, film_id, box):
        vertebra = self.truth.vertebra_in(film_id, box)
        return self.names.get(vertebra.level if vertebra else None) or super().name(film_id, box)


def test_background_ends_a_walk_and_is_dropped():
    spine = original(classifier=Calls(FILM, C5="background"))
    assert (spine.stops[UP], boxes(spine.vertebrae)) == (StopReason.BACKGROUND, boxes(FILM.vertebrae[2:]))


def test_a_landmark_ends_a_walk_and_is_kept():
    spine = original(classifier=Calls(FILM, C5="C2"))
    assert (spine.stops[UP], boxes(spine.vertebrae)) == (StopReason.LANDMARK, boxes(FILM.vertebrae[1:]))


def test_a_landmark_that_is_no_terminal_ends_nothing():
    classifier = Calls(FILM, C5="C2")
    classifier.terminals = ()
    assert boxes(original(classifier=classifier).vertebrae) == boxes(FILM.vertebrae)


@pytest.mark.parametrize("name", ["background", "C2", "S1"])
def test_nobody_asks_what_the_base_case_is(name):
    """It is kept and walked beyond, whatever the classifier would say, also by the labelling."""
    names = dict.fromkeys(("C7", "T1", "T2"), name)
    assert boxes(original(classifier=Calls(FILM, **names)).vertebrae) == boxes(FILM.vertebrae)


@pytest.mark.parametrize("point", [(np.nan, np.nan), (np.inf, 50), (50, -0.01), (-0.01, 50), (160, 50), (50, 240)])
def test_off_the_film_is_the_border(point):
    """Defect 6, mended: no image-bounds check."""
    spine = original(predictor=FunctionPredictor(lambda film_id, trail: point))
    assert (spine.stops, len(spine.vertebrae)) == ({UP: StopReason.BORDER, DOWN: StopReason.BORDER}, 3)


def test_an_empty_mask_ends_a_walk():
    """Defect 6, mended: IndexError."""
    spine = original(predictor=FunctionPredictor(lambda film_id, trail: (1.0, 1.0)))
    assert (spine.stops, len(spine.vertebrae)) == ({UP: StopReason.EMPTY_MASK, DOWN: StopReason.EMPTY_MASK}, 3)


@pytest.mark.parametrize("max_steps", [0, 1, 2])
def test_as_many_steps_as_allowed(max_steps):
    """Defect 6, mended: unbounded induction loop."""
    film = make_film(levels=levels_between("T1", "L5"), size=(700, 120))
    spine = original(film, slice(7, 10), max_steps=max_steps)
    assert spine.stops == {UP: StopReason.MAX_STEPS, DOWN: StopReason.MAX_STEPS}
    assert boxes(spine.vertebrae) == boxes(film.vertebrae[7 - max_steps : 10 + max_steps])


def test_two_classes_name_no_level_and_are_trusted_no_less():
    """Defect 11: no level is ever assigned to a mask. With four classes this project's labelling does it."""
    spine = original(classifier=SameClassifier(0.1, 0.9), segmenter=OracleSegmenter([FILM], certainty=SURE), unknown_below=0.5)
    assert {v.level for v in spine.vertebrae} == {None}
    assert [v.confidence for v in spine.vertebrae] == pytest.approx([0.9] * len(FILM.vertebrae))


def test_confidence_is_that_of_mask_vertebra_and_level_together():
    film = make_film()
    sure = original(film, slice(2, 5))
    doubtful = original(film, slice(2, 5), segmenter=OracleSegmenter([film], certainty=3.0), weigh_padding=False)
    assert [v.level for v in sure.vertebrae] == [v.level for v in doubtful.vertebrae] == list(CERVICAL)
    ratio = float(torch.tensor(3.0).sigmoid())
    assert [v.confidence for v in doubtful.vertebrae] == pytest.approx([ratio * v.confidence for v in sure.vertebrae], rel=1e-3)
    background = (1 - 0.95) / (len(LANDMARKS) - 1)
    assert all(0.7 < v.confidence < 1 - background for v in sure.vertebrae)
    named_less_surely = original(film, slice(2, 5), anomaly_rate=0.2)
    assert named_less_surely.vertebrae[-1].confidence < sure.vertebrae[-1].confidence


def test_blurred_as_by_opencv_on_the_whole_film():
    """At the border too, and masks that are narrow or full of holes."""
    rng = np.random.default_rng(0)
    for origin, shape in [((40, 50), (30, 20)), ((0, 3), (25, 25)), ((70, 90), (30, 10)), ((30, 30), (60, 40)), ((60, 0), (20, 5))]:
        mask = rng.random(shape) < 0.8
        vertebra = replace(mask_to_vertebra(mask, origin, level="C3", confidence=0.7), centroid=(1.0, 2.0))
        full = cv2.GaussianBlur(paste_mask(vertebra, (120, 80)).astype(np.float64), (15, 15), 20) > 0.5
        found = blurred(vertebra, (120, 80))
        if not full.any():
            assert found is None
            continue
        assert np.array_equal(paste_mask(found, (120, 80)), full)
        assert (found.centroid, found.level, found.confidence) == ((1.0, 2.0), "C3", 0.7)


def test_masks_are_blurred_on_demand_and_after_the_walk():
    plain, smooth = original(), original(blur=True)
    assert boxes(plain.vertebrae) == boxes(FILM.vertebrae)
    assert (plain.stops, [v.level for v in plain.vertebrae]) == (smooth.stops, [v.level for v in smooth.vertebrae])
    for vertebra, blunt in zip(plain.vertebrae, smooth.vertebrae, strict=True):
        full = cv2.GaussianBlur(paste_mask(vertebra, FILM.size).astype(np.float64), (15, 15), 20) > 0.5
        assert np.array_equal(paste_mask(blunt, FILM.size), full)
        assert (blunt.centroid, blunt.confidence) == (vertebra.centroid, vertebra.confidence)


def test_a_mask_that_blurs_away_is_dropped_and_counted_all_the_same():
    film = make_film()
    segmenter = OracleSegmenter([film], certainty=SURE)
    whole = segmenter.logits
    sliver = film.vertebrae[4].centroid

    def logits(film_id, box):
        found = whole(film_id, box)
        if abs(box.y + 32 - sliver[1]) < 8:
            found[:31], found[33:] = -SURE, -SURE
        return found

    segmenter.logits = logits
    spine = original(film, slice(1, 4), segmenter=segmenter, blur=True)
    assert [v.level for v in spine.vertebrae] == ["C2", "C3", "C4", "C5", "C7", "T1"]


def test_one_film_and_one_patch_at_a_time():
    sizes = []

    def counted(function, count):
        return lambda items: (sizes.append(count(items)), function(items))[1]

    detector, classifier = OracleDetector(FILMS), OracleClassifier(FILMS)
    predictor, segmenter = OraclePredictor(FILMS), OracleSegmenter(FILMS, certainty=SURE)
    detector.detect = counted(detector.detect, len)
    predictor.predict_next = counted(predictor.predict_next, lambda trails: len(trails.film_ids))
    classifier.classify = counted(classifier.classify, lambda patches: len(patches.boxes))
    segmenter.segment = counted(segmenter.segment, lambda patches: len(patches.boxes))
    pipeline = OriginalPipeline(detector, classifier, predictor, segmenter)
    together = pipeline(FILMS)
    assert len(sizes) > 60 and set(sizes) == {1}
    alone = [pipeline([film])[0] for film in FILMS[::-1]][::-1]
    for one, other in zip(together, alone, strict=True):
        assert (one.film_id, one.stops) == (other.film_id, other.stops)
        assert [(v.box, v.centroid, v.confidence) for v in one.vertebrae] == [(v.box, v.centroid, v.confidence) for v in other.vertebrae]
    assert pipeline([]) == []


def test_a_patch_follows_the_last_two_steps():
    """For a segmenter that sees a multiple of the spacing; here the steps grow."""
    segmenter, sides = DiscSegmenter(patch_rule=PatchRule(scale=1.0)), []
    segmenter.disc = segmenter.disc * SURE / 6
    segment = segmenter.segment
    segmenter.segment = lambda patches: (sides.append(patches.boxes[0].side), segment(patches))[1]
    detector = Detects([(410.0, 430.0), (450.0, 450.0), (490.0, 470.0)], [0.9] * 3)
    growing = FunctionPredictor(lambda film_id, trail: trail[-1] + 1.2 * (trail[-1] - trail[-2]))
    film = Radiograph("film", np.zeros((900, 900), dtype=np.uint8))
    parts = {"detector": detector, "predictor": growing, "segmenter": segmenter, "classifier": SameClassifier(0.1, 0.9)}
    spine = original(film, max_steps=3, **parts)
    steps = np.linalg.norm(np.diff(centroids_of(spine.vertebrae), axis=0), axis=1)
    assert len(steps) == 2 + 2 * 3
    assert sides[3:6] == [2 * round((steps[i] + steps[i + 1]) / 4) for i in (3, 2, 1)]
    assert sides[6:] == [2 * round((steps[i] + steps[i + 1]) / 4) for i in (3, 4, 5)]


def test_the_predictor_knows_the_film():
    predictor, seen = OraclePredictor([FILM]), []
    predict_next = predictor.predict_next
    predictor.predict_next = lambda trails: (seen.append((trails.film_ids, trails.sizes.tolist())), predict_next(trails))[1]
    original(predictor=predictor)
    assert seen[0] == seen[-1] == (("film",), [[160.0, 240.0]])


@pytest.mark.parametrize(
    ("decision", "said"),
    [
        ({"base_case": "best"}, r"`base_case` to be least_squares, principal_axis or regular, but got `best`"),
        ({"upsampling": "cubic"}, r"`upsampling` to be nearest or bilinear, but got `cubic`"),
        ({"mask_threshold": 2.2}, r"`mask_threshold` to be 0\.\.1, but got 2\.2"),
        ({"overlap_reach": 0}, r"`overlap_reach` to be at least 1, but got 0"),
    ],
)
def test_a_decision_that_is_none_is_refused(decision, said):
    with pytest.raises(ValueError, match=f"Expected {said}"):
        original(**decision)
