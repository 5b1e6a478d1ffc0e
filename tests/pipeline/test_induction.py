"""Walks along the spine: they end, say why, and find nothing twice, whatever the predictor says."""

from dataclasses import replace
from itertools import combinations
from zlib import crc32

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import max_pool2d

from spinefm.anatomy import levels_between
from spinefm.geometry.masks import mask_iou, mask_to_vertebra
from spinefm.geometry.patches import PatchRule, crop_mask
from spinefm.pipeline.examination import Examiner, Finding
from spinefm.pipeline.induction import walk_on
from spinefm.pipeline.walk import InductionRules, both_walks
from spinefm.pipeline.wavefront import Crew
from spinefm.structures import Direction, Failure, StopReason
from tests.oracles import (
    CERVICAL,
    Counting,
    DiscSegmenter,
    FunctionPredictor,
    OracleClassifier,
    OraclePredictor,
    OracleSegmenter,
    SameClassifier,
    answered,
    inductive_pipeline,
    make_film,
)

MIDDLE = levels_between("C4", "T3")
FILM = make_film(levels=MIDDLE)


def walk(film=FILM, base=slice(3, 6), predictor=None, segmenter=None, classifier=None, **rules):
    """The walks up and down from true vertebrae."""
    classifier = classifier or OracleClassifier([film])
    findings = []
    for vertebra in film.vertebrae[base]:
        name = vertebra.level if vertebra.level in classifier.classes else "vertebra"
        findings.append(Finding(vertebra, np.ones(len(classifier.classes)), name))
    walks = both_walks(film, findings, InductionRules(**{"terminals": classifier.terminals} | rules))
    examiner = Examiner(segmenter or OracleSegmenter([film]), classifier)
    predictor = predictor or OraclePredictor([film])
    answered(walk_on(walks, predictor.context), Crew(predictor, examiner))
    return walks


def indices(walk, film=FILM):
    """Which true vertebrae a walk found beyond its base case."""
    boxes = [vertebra.box for vertebra in film.vertebrae]
    return [boxes.index(finding.vertebra.box) for finding in walk.new_findings]


def straight(film_id, trail):
    return 2 * trail[-1] - trail[-2]


def test_up_and_down_from_the_base_case():
    up, down = walk()
    assert (up.direction, indices(up), up.base_length) == (Direction.UP, [2, 1, 0], 3)
    assert (down.direction, indices(down)) == (Direction.DOWN, [6])
    assert np.array_equal(up.centroids[:3], down.centroids[:3][::-1])


@pytest.mark.parametrize("point", [(np.nan, np.nan), (np.inf, 50), (-np.inf, 50), (50, -0.01), (-0.01, 50), (160, 50), (50, 240), (9e9, 1)])
def test_off_the_film_is_the_border(point):
    """Defect 6: no image-bounds check."""
    for w in walk(predictor=FunctionPredictor(lambda film_id, trail: point)):
        assert (w.stop, w.steps, w.new_findings) == (StopReason.BORDER, 0, [])


def test_an_empty_mask_ends_a_walk():
    """Defect 6: an empty mask raises IndexError."""
    for w in walk(predictor=FunctionPredictor(lambda film_id, trail: (1.0, 1.0))):
        assert (w.stop, w.steps, w.new_findings) == (StopReason.EMPTY_MASK, 1, [])


@pytest.mark.parametrize("earlier", [-1, -2, -3])
def test_coming_back_to_any_earlier_vertebra_is_overlap(earlier):
    for w in walk(predictor=FunctionPredictor(lambda film_id, trail: trail[earlier])):
        assert (w.stop, w.new_findings) == (StopReason.OVERLAP, [])


def test_a_predictor_that_stands_still_ends():
    """Defect 6: unbounded induction loop."""
    point = FILM.vertebrae[0].centroid
    up, down = walk(predictor=FunctionPredictor(lambda film_id, trail: point), max_steps=10**9)
    assert {up.stop, down.stop} == {StopReason.IRREGULAR_STEP}


def test_both_walks_together_find_nothing_twice():
    """Both predictors jump to the same vertebra, which neither walk alone has yet."""
    point = FILM.vertebrae[1].centroid
    up, down = walk(predictor=FunctionPredictor(lambda film_id, trail: point))
    assert (indices(up), indices(down)) == ([1], [])
    assert down.stop is StopReason.OVERLAP


@pytest.mark.parametrize(("share", "goes_on"), [(0.35, False), (0.45, True), (2.3, True), (2.7, False)])
def test_a_step_much_shorter_or_longer_than_the_last_ones_is_irregular(share, goes_on):
    """Discs so small that they hardly overlap with a vertebra."""
    predictor = FunctionPredictor(lambda film_id, trail: trail[-1] + share * (trail[-1] - trail[-2]))
    up, _ = walk(predictor=predictor, segmenter=DiscSegmenter(1), classifier=SameClassifier(0.1, 0.9), max_steps=1)
    assert (up.stop, len(up.new_findings)) == ((StopReason.MAX_STEPS, 1) if goes_on else (StopReason.IRREGULAR_STEP, 0))


def test_background_is_not_kept():
    up, down = walk(predictor=FunctionPredictor(straight), segmenter=DiscSegmenter(), classifier=SameClassifier(0.6, 0.4))
    assert {up.stop, down.stop} == {StopReason.BACKGROUND}
    assert up.new_findings == down.new_findings == []


def test_a_landmark_is_kept_and_ends_the_walk():
    """Beyond C2 a walk would find the base of the skull."""
    film = make_film(levels=("C1", *CERVICAL))
    up, down = walk(film)
    assert (up.stop, indices(up, film), up.findings[-1].name) == (StopReason.LANDMARK, [2, 1], "C2")
    assert down.stop is not StopReason.LANDMARK


def test_a_landmark_that_is_no_terminal_ends_nothing():
    film = make_film(levels=("C1", *CERVICAL))
    up, _ = walk(film, terminals=())
    assert indices(up, film) == [2, 1, 0]


@pytest.mark.parametrize(("levels", "base", "ended"), [(("C1", *CERVICAL), slice(1, 4), 0), (levels_between("L1", "S1"), slice(3, 6), 1)])
def test_a_base_case_that_ends_in_a_terminal_is_not_walked_beyond(levels, base, ended):
    film = make_film(levels=levels)
    ends = walk(film, base)[ended]
    goes_on = walk(film, base)[1 - ended]
    assert (ends.stop, ends.steps, ends.new_findings) == (StopReason.LANDMARK, 0, [])
    assert goes_on.new_findings


@pytest.mark.parametrize("max_steps", [0, 1, 2, 5])
def test_as_many_steps_as_allowed(max_steps):
    """Defect 6: unbounded induction loop."""
    film = make_film(levels=levels_between("T1", "L5"), size=(700, 120))
    for w in walk(film, slice(7, 10), max_steps=max_steps):
        assert (w.stop, w.steps, len(w.new_findings)) == (StopReason.MAX_STEPS, max_steps, max_steps)


def test_ended_walks_ask_no_component():
    calls = []
    film = make_film(levels=CERVICAL[:3])
    predictor = FunctionPredictor(lambda film_id, trail: calls.append(trail) or straight(film_id, trail))
    walk(film, slice(0, 3), predictor)
    assert all(trail[-1][1] > trail[0][1] for trail in calls)  # C2 ends the walk up before it begins


SPINE = make_film(levels=levels_between("T1", "L5"), size=(700, 120), bend=0.3)


class Counted(Counting, OracleSegmenter):
    pass


class CountedDiscs(Counting, DiscSegmenter):
    pass


@pytest.mark.parametrize("lookahead", [2, 3, 30])
def test_looking_ahead_finds_the_same_in_fewer_calls(lookahead):
    plain, ahead = Counted([SPINE]), Counted([SPINE])
    one_by_one = walk(SPINE, slice(7, 10), segmenter=plain)
    together = walk(SPINE, slice(7, 10), segmenter=ahead, lookahead=lookahead)
    for first, second in zip(one_by_one, together, strict=True):
        assert (first.stop, first.steps, indices(first, SPINE)) == (second.stop, second.steps, indices(second, SPINE))
    assert ahead.calls <= plain.calls // lookahead + 2 < plain.calls


def test_what_was_predicted_from_a_wrong_place_is_done_again():
    """Predictions lie off the middle, and those from there further off: none but the first one counts."""
    drifting = FunctionPredictor(lambda film_id, trail: straight(film_id, trail) + (5, 4))
    plain, ahead = Counted([SPINE]), Counted([SPINE])
    one_by_one = walk(SPINE, slice(7, 10), drifting, plain)
    together = walk(SPINE, slice(7, 10), drifting, ahead, lookahead=3, tolerance=0.05)
    assert [indices(each, SPINE) for each in together] == [indices(each, SPINE) for each in one_by_one]
    assert ahead.calls == plain.calls and ahead.patches > 2 * plain.patches
    trusting = Counted([SPINE])
    walk(SPINE, slice(7, 10), drifting, trusting, lookahead=3, tolerance=10.0)
    assert trusting.calls < plain.calls


def test_looking_ahead_stops_at_the_border_and_at_the_last_step():
    for max_steps in (1, 2, 5, 25):
        alone = walk(SPINE, slice(7, 10), FunctionPredictor(straight), max_steps=max_steps)
        ahead = walk(SPINE, slice(7, 10), FunctionPredictor(straight), max_steps=max_steps, lookahead=4)
        assert [(each.stop, each.steps) for each in ahead] == [(each.stop, each.steps) for each in alone]


def test_certain_background_ends_a_walk_at_once():
    """However patient it is."""
    film, segmenter = make_film(levels=CERVICAL[:5], size=(700, 120)), Counted([FILM])
    segmenter.truth = OracleSegmenter([film]).truth
    examiner = Examiner(segmenter, OracleClassifier([film]), background_above=0.9)
    walks = both_walks(film, [Finding(v, np.ones(4), "vertebra") for v in film.vertebrae[1:4]], InductionRules(patience=2))
    answered(walk_on(walks, 3), Crew(OraclePredictor([film]), examiner))
    assert {each.stop for each in walks} <= {StopReason.BACKGROUND, StopReason.BORDER} and segmenter.patches == 2


def test_the_patch_follows_the_last_step():
    """A segmenter that sees a multiple of the spacing gets larger patches where vertebrae are further apart."""
    boxes = []
    segmenter = OracleSegmenter([FILM], 64, PatchRule(scale=2.0))
    segment = segmenter.segment
    segmenter.segment = lambda patches: (boxes.extend(patches.boxes), segment(patches))[1]
    walk(segmenter=segmenter)
    spacing = np.hypot(*np.subtract(FILM.vertebrae[4].centroid, FILM.vertebrae[3].centroid))
    assert boxes[0].side == round(2 * spacing)


class HaloSegmenter(OracleSegmenter):
    """Certain of the vertebra, and with a probability of 0.7 of what lies around it."""

    def logits(self, film_id, box):
        logits = super().logits(film_id, box)
        around = max_pool2d(logits[None], 21, 1, 10)[0] > 0
        return torch.where((logits < 0) & around, torch.tensor(0.7).logit(), logits)


def short(film_id, trail):
    """A third of the step that would be right: what stands there is the last vertebra again."""
    return trail[-1] + (trail[-1] - trail[-2]) / 3


@pytest.mark.parametrize("ahead", [{}, {"lookahead": 3}, {"lookahead": 3, "tolerance": 10.0}])
def test_a_walk_looks_once_more_beyond_what_it_already_had(ahead):
    up, down = walk(predictor=FunctionPredictor(short), reach=3.0, **ahead)
    assert (indices(up), indices(down)) == ([2, 1, 0], [6])
    # Two looks for each; beyond the last vertebra there is nothing but that one again.
    assert (up.stop, down.stop) == (StopReason.OVERLAP, StopReason.OVERLAP)


@pytest.mark.parametrize("reach", [40.0, 9e9])
def test_a_farther_look_that_finds_nothing_leaves_the_first_ones_reason(reach):
    for w in walk(predictor=FunctionPredictor(short), reach=reach):
        assert (w.stop, w.new_findings) == (StopReason.OVERLAP, [])


@pytest.mark.parametrize(("reach", "found"), [(1.0, []), (1.5, [5, 6, 7])])
def test_one_mask_over_two_vertebrae_does_not_end_a_walk(reach, found):
    film = make_film(levels=levels_between("T3", "T10"))
    third, fourth = film.vertebrae[3:5]
    whole = np.zeros(film.size, dtype=bool)
    whole[third.box[1] : fourth.box[3], third.box[0] : fourth.box[2]] = True  # the disc between them, too
    both = mask_to_vertebra(whole)

    class Merging(OracleSegmenter):
        def logits(self, film_id, box):
            merges = self.truth.vertebra_in(film_id, box) is third
            return self.certainty * (2 * crop_mask(both, box, self.input_size) - 1) if merges else super().logits(film_id, box)

    step = 0.9 * (np.array(fourth.centroid) - third.centroid)  # from between the two it falls on the second
    predictor, classifier = FunctionPredictor(lambda film_id, trail: trail[-1] + step), SameClassifier(0.1, 0.9)
    _, down = walk(film, slice(0, 3), predictor, Merging([film], 96), classifier, reach=reach)
    assert down.new_findings[0].vertebra.area == both.area
    boxes = [vertebra.box for vertebra in film.vertebrae]
    assert [boxes.index(finding.vertebra.box) for finding in down.new_findings[1:]] == found


@pytest.mark.parametrize(("reach", "steps"), [(1.0, 1), (1.2, 2)])
def test_what_is_found_again_then_ends_it(reach, steps):
    for w in walk(predictor=FunctionPredictor(short), reach=reach):
        assert (w.stop, w.steps, w.new_findings) == (StopReason.OVERLAP, steps, [])


def swerving(degrees, after):
    """Right but for the step beyond one vertebra of SPINE, which it turns."""
    right, (cos, sin) = OraclePredictor([SPINE]), (np.cos(np.radians(degrees)), np.sin(np.radians(degrees)))

    def predict(film_id, trail):
        step = np.array(right.next_point(film_id, torch.from_numpy(trail))) - trail[-1]
        turned = np.allclose(trail[-1], SPINE.vertebrae[after].centroid, atol=2)
        return trail[-1] + (np.array([[cos, -sin], [sin, cos]]) @ step if turned else step)

    return FunctionPredictor(predict)


@pytest.mark.parametrize("segmenter", [None, DiscSegmenter(2)], ids=["no mask", "background"])
@pytest.mark.parametrize("lookahead", [1, 3])
@pytest.mark.parametrize(("turn", "swing", "found"), [(50, 0, 2), (50, 20, 2), (50, 45, 7), (-50, 45, 7), (45, 90, 7), (15, 0, 7)])
def test_a_walk_that_leaves_the_spine_looks_aside(turn, swing, found, lookahead, segmenter):
    _, down = walk(SPINE, slice(7, 10), swerving(turn, after=11), segmenter, swing=swing, lookahead=lookahead)
    assert len(down.new_findings) == found


@pytest.mark.parametrize(("max_steps", "reason", "steps"), [(1, StopReason.MAX_STEPS, 1), (9, StopReason.BACKGROUND, 4)])
def test_looking_aside_in_vain_costs_four_places_once(max_steps, reason, steps):
    """Below the last vertebra, where a walk sees background until its patience ends."""
    film = replace(SPINE, vertebrae=SPINE.vertebrae[:8])
    seen = []
    for swing in (0, 45):
        counted = CountedDiscs(2)
        _, down = walk(film, slice(5, 8), FunctionPredictor(straight), counted, patience=3, max_steps=max_steps, swing=swing)
        assert (down.stop, down.steps, down.new_findings) == (reason, steps, [])
        seen.append(counted.patches)
    assert seen[1] - seen[0] == 4


class Aside(SameClassifier):
    """Vertebrae everywhere but on a vertical line."""

    def __init__(self, line):
        super().__init__(0.1, 0.9)
        self.line = line

    def classify(self, patches):
        aside = torch.tensor([abs(box.x + box.side / 2 - self.line) > 5 for box in patches.boxes])
        return torch.where(aside[:, None], self.probabilities, self.probabilities.flip(0))


@pytest.mark.parametrize("side", [-1, 1])
def test_aside_a_walk_takes_the_surest_vertebra(side):
    film = make_film(levels=levels_between("T1", "L5"), size=(700, 120))
    line = film.vertebrae[0].centroid[0]

    class SurerOnOneSide(DiscSegmenter):
        def segment(self, patches):
            sure = torch.tensor([1.0 if side * (box.x + box.side / 2 - line) > 0 else 0.5 for box in patches.boxes])
            return sure[:, None, None] * super().segment(patches)

    _, down = walk(film, slice(7, 10), FunctionPredictor(straight), SurerOnOneSide(2), Aside(line), swing=45, max_steps=1)
    assert np.sign(down.centroids[-1, 0] - line) == side and len(down.new_findings) == 1


def test_overlap_is_that_of_the_masks_themselves():
    """Defect 4: the overlap rule cuts at a probability of 0.62 while the masks are cut at 0.9."""
    films = [make_film()]
    pipeline = inductive_pipeline(films, segmenter=HaloSegmenter(films), mask_threshold=0.9)
    assert [v.box for v in pipeline(films)[0].vertebrae] == [v.box for v in films[0].vertebrae]
    pipeline = inductive_pipeline(films, segmenter=HaloSegmenter(films), mask_threshold=0.5)
    assert pipeline(films)[0].failure is Failure.BASE_CASE_REJECTED


def test_the_centroid_is_that_of_the_mask():
    """Defect 8: the padding around the patch pulls the centroid; here the next step starts off the middle of its patch."""
    predictor = FunctionPredictor(lambda film_id, trail: straight(film_id, trail) + (5, 4))
    up, down = walk(predictor=predictor)
    for finding in [*up.new_findings, *down.new_findings]:
        true = next(v for v in FILM.vertebrae if v.box == finding.vertebra.box)
        assert finding.vertebra.centroid == pytest.approx(true.centroid, abs=1e-3)
    assert (indices(up), indices(down)) == ([2, 1, 0], [6])


@pytest.mark.parametrize("size", [(240, 160), (241, 161)])
def test_a_perfectly_vertical_spine(size):
    """Defect 7: least squares through points whose x all agree is singular."""
    film = make_film(levels=CERVICAL, size=size)
    assert len({round(v.centroid[0], 6) for v in film.vertebrae}) == 1
    spine = inductive_pipeline([film], predictor=FunctionPredictor(straight))([film])[0]
    assert [v.box for v in spine.vertebrae] == [v.box for v in film.vertebrae]


TRIO = [make_film("a", MIDDLE), make_film("b", CERVICAL, (200, 260), bend=1.0, tilt=0.6), make_film("c", MIDDLE, (240, 161), bend=-0.6)]
BY_ID = {film.film_id: film for film in TRIO}


def random_point(seed, film_id, trail, low, high):
    """A point that depends on nothing but its arguments."""
    rng = np.random.default_rng([seed, crc32(film_id.encode()), crc32(trail.tobytes())])
    return rng.uniform(low, high, 2)


def predictors():
    """Strategy for predictors that do what they like."""
    constant = st.tuples(st.floats(-50, 300), st.floats(-50, 300)).map(lambda point: lambda film_id, trail: point)
    random = st.integers(0, 2**31).map(lambda seed: lambda film_id, trail: random_point(seed, film_id, trail, -20, 260))
    noisy = st.integers(0, 2**31).map(
        lambda seed: lambda film_id, trail: straight(film_id, trail) + random_point(seed, film_id, trail, -25, 25)
    )
    sometimes_nan = st.integers(0, 2**31).map(
        lambda seed: lambda film_id, trail: np.where(random_point(seed, film_id, trail, 0, 1) < 0.2, np.nan, straight(film_id, trail))
    )
    jumping = st.integers(0, 2**31).map(
        lambda seed: lambda film_id, trail: BY_ID[film_id].vertebrae[int(random_point(seed, film_id, trail, 0, 7)[0])].centroid
    )
    return st.one_of(constant, random, noisy, sometimes_nan, jumping).map(FunctionPredictor)


def any_pipeline(predictor, discs, max_overlap=0.1, **settings):
    """Either sees true vertebrae only, or a vertebra everywhere."""
    if not discs:
        return inductive_pipeline(TRIO, predictor=predictor, max_steps=12, max_overlap=max_overlap, **settings)
    settings |= {"segmenter": DiscSegmenter(), "classifier": SameClassifier(0.1, 0.9)}
    return inductive_pipeline(TRIO, predictor=predictor, max_steps=12, max_overlap=max_overlap, **settings)


@settings(max_examples=50, deadline=None)
@given(predictors(), st.booleans(), st.sampled_from([0.0, 0.1, 0.3]), st.integers(1, 3), st.sampled_from([0.0, 45.0]))
def test_whatever_the_predictor_says(predictor, discs, max_overlap, lookahead, swing):
    """Defect 6: every walk ends with a reason, on the film, within its steps, without finding anything twice."""
    for spine in any_pipeline(predictor, discs, max_overlap, lookahead=lookahead, swing=swing)(TRIO):
        assert spine.failure is None
        assert set(spine.stops) == set(Direction)
        assert 3 <= len(spine.vertebrae) <= 3 + 2 * 12
        assert all(mask_iou(a, b) <= max_overlap for a, b in combinations(spine.vertebrae, 2))
        for vertebra in spine.vertebrae:
            x0, y0, x1, y1 = vertebra.box
            assert 0 <= x0 < x1 <= spine.size[1]
            assert 0 <= y0 < y1 <= spine.size[0]


@settings(max_examples=20, deadline=None)
@given(predictors(), st.booleans(), st.permutations(TRIO), st.sampled_from([1, 3]))
def test_a_spine_does_not_depend_on_its_neighbours(predictor, discs, batch, lookahead):
    pipeline = any_pipeline(predictor, discs, lookahead=lookahead)

    def content(spine):
        return spine.film_id, spine.stops, [(v.level, v.origin, v.centroid, v.confidence, v.mask.tobytes()) for v in spine.vertebrae]

    alone = {film.film_id: content(pipeline([film])[0]) for film in TRIO}
    for films in (batch, batch[:2], [*batch, batch[0]]):  # one film twice, too
        assert [content(spine) for spine in pipeline(films)] == [alone[film.film_id] for film in films]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(TRIO))
def test_findings_stand_in_the_order_of_the_spine(seed, film):
    """A predictor that errs by up to a fifth of a step still finds every vertebra, each below the one before."""
    steps = np.linalg.norm(np.diff([v.centroid for v in film.vertebrae], axis=0), axis=1)
    error = 0.2 * steps.min() / np.sqrt(2)
    predictor = FunctionPredictor(lambda film_id, trail: straight(film_id, trail) + random_point(seed, film_id, trail, -error, error))
    spine = inductive_pipeline([film], predictor=predictor)([film])[0]
    assert [v.box for v in spine.vertebrae] == [v.box for v in film.vertebrae]
