"""Levels of spines on films that are framed as others are."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.anatomy import LEVELS, levels_between
from spinefm.geometry.framing import Framing
from spinefm.pipeline import OraclePipeline
from spinefm.pipeline.framed import framing_evidence, framing_of
from spinefm.pipeline.labelling import assign_levels
from tests.oracles import (
    EXACT,
    OracleClassifier,
    OracleDetector,
    OraclePredictor,
    OracleSegmenter,
    SameClassifier,
    inductive_pipeline,
    make_film,
)

TRUNK = levels_between("T1", "L5")
ENDS = ("T1", "L5")
AS_KNOWN = Framing([(1.0, 1.0)] * 3)
HEIGHT = 180
"""Of a film of 17 vertebrae that are 10 pixels apart, the first and the last 10 pixels from its edges."""


def evidence(found, start=0):
    """Of so many of them, from that one on."""
    return framing_evidence(AS_KNOWN, ENDS, 10.0 * (1 + start + np.arange(found)), HEIGHT)


def likeliest(rows):
    return LEVELS[int(rows[len(rows) // 2].argmax())]


@pytest.mark.parametrize(("found", "start"), [(17, 0), (15, 1), (12, 0), (9, 8), (18, -1)])
def test_names_are_likeliest_where_the_spine_lies_as_known_though_some_is_not_found(found, start):
    rows = evidence(found, start)
    assert likeliest(rows) == TRUNK[start + found // 2] and rows.max() == 0
    assert not np.delete(rows, found // 2, axis=0).any()


def test_a_film_that_is_framed_otherwise_tells_nothing():
    rows = framing_evidence(AS_KNOWN, ENDS, 10.0 * (8 + np.arange(17)), 310)
    np.testing.assert_allclose(rows, 0, atol=1e-6)


def test_evidence_names_what_a_classifier_cannot():
    looks = np.tile([0.0, 1.0], (17, 1))
    unknown, named = (assign_levels(looks, ("background", "vertebra"), evidence=each) for each in (None, evidence(17)))
    assert unknown.levels == (None,) * 17 and named.levels == TRUNK


class OneTooLow(OracleClassifier):
    """Takes T1 to L4 for T2 to L5, and is nearly sure."""

    def classify(self, patches):
        exact = super().classify(patches)
        moved = exact.roll(1, -1)
        moved[:, :2] = exact[:, :2]
        return torch.where(exact[:, :1] > 0.5, exact, 0.1 * exact + 0.9 * moved)


def film_of(reader):
    """As the pipeline's classifier knows them, framed like all of its reader."""
    return replace(make_film("film", TRUNK, (600, 160)), reader=reader)


def framed_like(film, above=0, below=0):
    """What a classifier knows of `Ada`, whose films are framed like this one, but for so many spacings more above T1 and below L5."""
    y = [vertebra.centroid[1] for vertebra in film.vertebrae]
    return {"Ada": Framing([(2 * y[0] / (y[2] - y[0]) + above, 2 * (film.size[0] - y[-1]) / (y[-1] - y[-3]) + below)])}


def found_levels(film, pipeline=inductive_pipeline, **settings):
    classifier = OneTooLow([film], ("background", "vertebra", *TRUNK), terminals=ENDS)
    classifier.framings = framed_like(film)
    (spine,) = pipeline([film], classifier=classifier, **settings)([film])
    return tuple(vertebra.level for vertebra in spine.vertebrae)


def oracle_pipeline(films, classifier, oracle="none", **settings):
    parts = {"mask_rcnn": OracleDetector(films), "point_predictor": OraclePredictor(films), "sam_adapter": OracleSegmenter(films)}
    return OraclePipeline(oracle, resnet=classifier, **parts, **EXACT, **settings)


@pytest.mark.parametrize("pipeline", [inductive_pipeline, oracle_pipeline])
def test_levels_follow_the_framing_of_a_reader_who_is_known(pipeline):
    assert found_levels(film_of("Ada"), pipeline) == TRUNK


@pytest.mark.parametrize(("reader", "settings"), [(None, {}), ("Bob", {}), ("Ada", {"framing": "none"})])
def test_levels_are_what_the_classifier_sees_where_nothing_is_known_or_asked(reader, settings):
    assert found_levels(film_of(reader), **settings)[0] == "T2"


@pytest.mark.parametrize("reader", [None, "Bob", "Ada"])
def test_a_film_can_be_taken_as_framed_like_anybodys(reader):
    assert found_levels(film_of(reader), framing="any") == TRUNK


def test_anybodys_framing_is_that_of_all_together():
    own = {"Ada": Framing([(1, 2), (1, 3)]), "Ben": Framing([(4, 5)])}
    assert framing_of(own, "own", "Ben") is own["Ben"] and framing_of(own, "own", None) is framing_of(own, "none", "Ben") is None
    assert framing_of(own, "any", "Ben").known.tolist() == [[1, 2], [1, 3], [4, 5]]


def test_a_framing_that_is_none_is_refused():
    with pytest.raises(ValueError, match="Expected `framing` to be one of own, any, none, but got `anyy`"):
        inductive_pipeline([film_of("Ada")], framing="anyy")


def test_where_nobodys_framing_is_known_that_is_said(caplog):
    film = film_of("Ada")
    (spine,) = inductive_pipeline([film], framing="any")([film])
    assert spine.vertebrae and "`framing=any` changes nothing" in caplog.text


def test_framing_tells_names_and_not_what_belongs_to_the_spine():
    """The classifier is in doubt of all but the base case; what the framing names otherwise is no background."""
    film = film_of("Ada")
    classifier = OracleClassifier([film], ("background", "vertebra", *TRUNK), terminals=ENDS, certainty=0.6)
    classifier.framings = framed_like(film, above=1, below=-1)
    told, untold = (inductive_pipeline([film], classifier=classifier, framing=framing)([film])[0] for framing in ("own", "none"))
    assert tuple(vertebra.level for vertebra in untold.vertebrae) == TRUNK
    levels = [vertebra.level for vertebra in told.vertebrae]
    assert len(levels) == len(TRUNK) and levels[8] == TRUNK[7]


class Doubting(OneTooLow):
    """And takes L5, beyond what it calls L5, rather for background."""

    background = 0.6

    def classify(self, patches):
        is_last = OracleClassifier.classify(self, patches)[:, -1:] > 0.5
        row = torch.tensor([self.background, *[0.0] * len(TRUNK), 1 - self.background])
        return torch.where(is_last, row, super().classify(patches))


@pytest.mark.parametrize(("background", "whose", "last"), [(0.6, "own", "L5"), (0.95, "own", "L4"), (0.6, "none", "L5")])
def test_what_is_named_last_but_one_goes_on_to_the_last(background, whose, last):
    film = film_of("Ada")
    classifier = Doubting([film], ("background", "vertebra", *TRUNK), terminals=ENDS)
    classifier.background, classifier.framings = background, framed_like(film)
    (spine,) = inductive_pipeline([film], classifier=classifier, framing=whose, patience=2, anomaly_rate=0)([film])
    assert spine.vertebrae[-1].level == last and len(spine.vertebrae) == 17 - (background == 0.95 or whose == "none")


def test_the_true_classes_are_not_spoken_against():
    film = film_of("Ada")
    classifier = OracleClassifier([film], ("background", "vertebra", *ENDS), terminals=ENDS)
    classifier.framings = framed_like(film, above=1, below=-1)
    (spine,) = oracle_pipeline([film], classifier, "resnet")([film])
    assert tuple(vertebra.level for vertebra in spine.vertebrae) == TRUNK


@pytest.mark.parametrize("crop", [True, False])
def test_where_the_spine_lies_is_measured_on_the_whole_film(crop):
    levels = TRUNK[1:-1]
    film = replace(make_film("film", levels, (600, 160)), reader="Ada")
    wide = replace(film, pixels=np.pad(film.pixels, ((400, 400), (300, 300))), vertebrae=tuple(v.moved(300, 400) for v in film.vertebrae))
    classifier = SameClassifier(0.0, 1.0)
    classifier.terminals, classifier.framings = ENDS, framed_like(wide, above=-1, below=-1)
    parts = {"mask_rcnn": None, "point_predictor": OraclePredictor([film]), "sam_adapter": OracleSegmenter([film])}
    pipeline = OraclePipeline(["mask_rcnn", "point_predictor", "sam_adapter"], resnet=classifier, **parts, **EXACT, crop=crop)
    (spine,) = pipeline([wide])
    assert tuple(vertebra.level for vertebra in spine.vertebrae) == levels
    (unknown,) = pipeline([replace(wide, reader=None)])
    assert {vertebra.level for vertebra in unknown.vertebrae} == {None}
