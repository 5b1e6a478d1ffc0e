"""The annotation in the place of components."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.evaluation.evaluator import Evaluator
from spinefm.geometry.masks import mask_dice
from spinefm.geometry.patches import PatchRule
from spinefm.pipeline import EitherPolarity, OraclePipeline
from spinefm.pipeline.examination import Place
from spinefm.structures import CENTROID, Detections, Failure, Landmark, Radiograph, Trails, Vertebra
from tests.oracles import CERVICAL, EXACT, DiscSegmenter, FunctionPredictor, SameClassifier, make_film

FILMS = [make_film("a", CERVICAL), make_film("b", CERVICAL, (300, 200), bend=0.6), make_film("c", ("C1", *CERVICAL), (280, 170), tilt=0.2)]
CLASSES = ("background", "vertebra", "C2", "T1")
EVERYTHING = ["mask_rcnn", "resnet", "point_predictor", "sam_adapter"]


class Blind:
    """Detects nothing."""

    def detect(self, films):
        return [Detections(())] * len(films)


def hopeless():
    """Components that are wrong about everything."""
    return {
        "mask_rcnn": Blind(),
        "resnet": SameClassifier(0.9, 0.1, 0.0, 0.0, classes=CLASSES),
        "point_predictor": FunctionPredictor(lambda film_id, trail: (1.0, 1.0)),
        "sam_adapter": DiscSegmenter(radius=1, patch_rule=PatchRule(scale=3.2)),
    }


def evaluated(pipeline, films=FILMS):
    evaluator = Evaluator()
    for film, spine in zip(films, pipeline(films), strict=True):
        evaluator.update(film, spine)
    return {key: entry["value"] for key, entry in evaluator.compute().items() if isinstance(entry, dict) and "value" in entry}


def test_with_everything_true_everything_is_right():
    results = evaluated(OraclePipeline(EVERYTHING, **hopeless(), **EXACT))
    assert results["identification_rate"] == results["labelled_identification_rate"] == results["all_correct_films"] == 1.0
    assert results["dice_identified"] > 0.98 and results["false_positives_per_image"] == 0


@pytest.mark.parametrize("missing", EVERYTHING)
def test_each_component_is_needed(missing):
    """All but one are true: what is left shows what the one that is hopeless costs."""
    results = evaluated(OraclePipeline([name for name in EVERYTHING if name != missing], **hopeless()))
    assert results["all_correct_films"] == 0.0


def test_none_replaces_none():
    parts = hopeless()
    pipeline = OraclePipeline("none", **parts, **EXACT)
    assert [pipeline.detector, pipeline.classifier, pipeline.crew.predictor, pipeline.crew.examiner.segmenter] == [
        parts[name] for name in ("mask_rcnn", "resnet", "point_predictor", "sam_adapter")
    ]
    assert pipeline(FILMS)[0].failure is Failure.TOO_FEW_DETECTIONS


def test_one_name_replaces_one():
    pipeline = OraclePipeline("mask_rcnn", **hopeless(), max_steps=3)
    assert pipeline(FILMS)[0].failure is Failure.BASE_CASE_REJECTED and pipeline.rules.max_steps == 3


def test_the_other_polarity_is_looked_at_as_ever():
    spines = EitherPolarity(OraclePipeline(EVERYTHING, **hopeless()))(FILMS)
    assert [len(spine.vertebrae) for spine in spines] == [len(film.vertebrae) for film in FILMS]


def test_films_are_forgotten_once_they_are_done():
    pipeline, kept = OraclePipeline(EVERYTHING, **hopeless(), films_at_once=1), []
    films = [replace(FILMS[0], film_id=str(number)) for number in range(9)]
    for _ in pipeline.stream(films):
        kept.append(len(pipeline.truth.films))
    assert max(kept) <= 2 and not pipeline.truth.films


def test_an_unknown_component_is_named():
    with pytest.raises(ValueError, match=r"Expected `oracle` to be none or of \['mask_rcnn', .*\], but got \['unet'\]"):
        OraclePipeline("unet", **hopeless())


def test_films_have_to_be_annotated():
    film = Radiograph("bare", np.zeros((50, 50), dtype=np.uint8))
    with pytest.raises(ValueError, match=r"annotated films for `pipeline=oracle`, but `bare` is not"):
        OraclePipeline("resnet", **hopeless())([film])


def test_a_landmark_without_a_mask_has_its_class():
    """C2 of CSXA: a centroid, and nothing to draw."""
    film = replace(FILMS[0], vertebrae=FILMS[0].vertebrae[1:], landmarks=(Landmark("C2", CENTROID, FILMS[0].vertebrae[0].centroid),))
    pipeline = OraclePipeline(EVERYTHING, **hopeless())
    pipeline.truth.learn(film)
    x, y = film.landmarks[0].point
    assert pipeline.truth.level_at("a", (x, y)) == "C2" and pipeline.truth.vertebra_at("a", (x, y)) is None
    assert pipeline.truth.level_at("a", (x + 60, y)) is None


@pytest.mark.parametrize("order", [1, -1])
def test_points_go_straight_on_beyond_either_end(order):
    pipeline = OraclePipeline("point_predictor", **hopeless())
    pipeline.truth.learn(FILMS[0])
    trail = np.array([vertebra.centroid for vertebra in FILMS[0].vertebrae])[::order].copy()
    for _ in range(3):
        (following,) = pipeline.crew.predictor.predict_next(Trails(torch.from_numpy(trail[None, -3:]), torch.zeros(1, 2), ("a",))).numpy()
        assert following == pytest.approx(2 * trail[-1] - trail[-2], abs=1e-3)
        trail = np.vstack([trail, following])


@pytest.mark.parametrize("names", [EVERYTHING, ["mask_rcnn", "resnet", "sam_adapter"]], ids=len)
def test_a_landmark_without_a_mask_does_not_end_a_walk(names):
    """Levels are counted from it."""
    films = [
        replace(film, vertebrae=film.vertebrae[1:], landmarks=(Landmark("C2", CENTROID, film.vertebrae[0].centroid),)) for film in FILMS[:2]
    ]
    parts = hopeless() | {"sam_adapter": DiscSegmenter(radius=8, patch_rule=PatchRule(scale=3.2))}
    parts["point_predictor"] = FunctionPredictor(lambda film_id, trail: tuple(2 * trail[-1] - trail[-2]))
    assert evaluated(OraclePipeline(names, **parts), films)["labelled_identification_rate"] == 1.0


def test_masks_of_large_vertebrae_are_nearly_exact():
    mask = np.hypot(*(np.mgrid[:281, :301] - np.array([[[140]], [[150]]]))) < 130
    film = Radiograph("large", np.zeros((1200, 1100), dtype=np.uint8), (Vertebra(mask, (400, 500), (550.5, 640.5), "C3"),))
    pipeline = OraclePipeline(EVERYTHING, **hopeless() | {"sam_adapter": DiscSegmenter(patch_rule=PatchRule(pixels=900))})
    pipeline.truth.learn(film)
    (found,) = pipeline.crew.examiner.examine([Place(film, (552.0, 640.0), 300.0)])
    assert mask_dice(found.vertebra, film.vertebrae[0]) > 0.99 and found.name == "vertebra"


def test_an_unknown_true_level_is_a_vertebra():
    film = replace(FILMS[0], vertebrae=tuple(replace(vertebra, level=None) for vertebra in FILMS[0].vertebrae))
    pipeline = OraclePipeline(EVERYTHING, **hopeless())
    (spine,) = pipeline([film])
    assert len(spine.vertebrae) == len(film.vertebrae)
