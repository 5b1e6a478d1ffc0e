"""Spines that stand upright for the segmenter, and masks that lie as the vertebrae do."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.geometry.masks import mask_iou, polygon_to_vertebra
from spinefm.geometry.patches import PatchRule
from spinefm.pipeline.examination import Place, cut_patches
from spinefm.pipeline.oracle import OraclePipeline
from spinefm.pipeline.postprocess import patch_vertebra
from spinefm.pipeline.upright import UprightSegmenter
from spinefm.structures import CENTROID, Landmark, Radiograph
from tests.oracles import BrightSegmenter, OracleClassifier, OraclePredictor, OracleSegmenter, inductive_pipeline, make_film

CENTRE = (120.0, 90.0)


def leaning_film(lean):
    """A film with one vertebra, 40 x 16 pixels, across a spine that leans by so many degrees."""
    angle = np.radians(lean)
    along, across = np.array([np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), -np.sin(angle)])
    corners = [CENTRE + across * x + along * y for x, y in ((-20, -8), (20, -8), (20, 8), (-20, 8))]
    vertebra = polygon_to_vertebra(np.array(corners), (180, 240))
    pixels = np.zeros((180, 240), dtype=np.uint8)
    x0, y0, x1, y1 = vertebra.box
    pixels[y0:y1, x0:x1][vertebra.mask] = 255
    return Radiograph("film", pixels, (vertebra,))


def found(segmenter, film, lean):
    patches = cut_patches([Place(film, CENTRE, 20.0, lean)], segmenter)
    return patch_vertebra(segmenter.segment(patches)[0], patches.boxes[0], film.size)


@pytest.mark.parametrize("lean", [-70.0, -35.0, 0.0, 20.0, 60.0])
def test_a_vertebra_is_seen_level_and_drawn_as_it_lies(lean):
    film, segmenter = leaning_film(lean), BrightSegmenter()
    vertebra = found(UprightSegmenter(segmenter), film, lean)
    assert mask_iou(vertebra, film.vertebrae[0]) > 0.9
    np.testing.assert_allclose(vertebra.centroid, CENTRE, atol=0.5)
    (seen,) = segmenter.seen
    rows, columns = np.nonzero(seen.pixels[0, 0].numpy() > 0.5)
    # The patch has 80 pixels of the film, brought to 64.
    assert abs(np.ptp(rows) + 1 - 16 * 0.8) <= 2 and abs(np.ptp(columns) + 1 - 40 * 0.8) <= 2


def test_upright_spines_are_segmented_as_before():
    film, segmenter = leaning_film(12.0), BrightSegmenter()
    patches = cut_patches([Place(film, CENTRE, 20.0)], UprightSegmenter(segmenter))
    wide = UprightSegmenter(segmenter).segment(patches)
    plain = segmenter.segment(cut_patches([Place(film, CENTRE, 20.0)], segmenter))
    assert wide.shape == (1, 48, 48) and plain.shape == (1, 32, 32)
    torch.testing.assert_close(wide[:, 8:-8, 8:-8], plain, rtol=0, atol=0.5)
    assert (wide[:, :8] < -6).all() and (wide[:, :, -8:] < -6).all()


@pytest.mark.parametrize(("rule", "side"), [(PatchRule(scale=4.0), 80), (PatchRule(pixels=100), 100)])
def test_the_segmenter_is_shown_patches_of_its_own_size(rule, side):
    film, segmenter = leaning_film(0.0), BrightSegmenter(patch_rule=rule)
    found(UprightSegmenter(segmenter), film, 30.0)
    (seen,) = segmenter.seen
    (box,) = seen.boxes
    assert box.side == side and seen.pixels.shape == (1, 1, 64, 64) and seen.leans == (0.0,)
    assert (box.x + box.side / 2, box.y + box.side / 2) == CENTRE


def test_patches_that_lean_differently_do_not_disturb_each_other():
    film, segmenter = leaning_film(25.0), UprightSegmenter(BrightSegmenter())
    places = [Place(film, CENTRE, 20.0, lean) for lean in (25.0, -40.0, 0.0)]
    together = segmenter.segment(cut_patches(places, segmenter))
    for place, logits in zip(places, together, strict=True):
        torch.testing.assert_close(segmenter.segment(cut_patches([place], segmenter))[0], logits)


class Noting(OracleSegmenter):
    """Notes where, and how leaning, the patches lie that it segments."""

    def segment(self, patches):
        self.seen = [*getattr(self, "seen", []), *zip(patches.boxes, patches.leans, strict=True)]
        return super().segment(patches)


LEANING = make_film(bend=0.7, tilt=0.3)


def test_walks_tell_how_the_spine_leans():
    segmenter = Noting([LEANING])
    (spine,) = inductive_pipeline([LEANING], segmenter=segmenter)([LEANING])
    assert len(spine.vertebrae) == len(LEANING.vertebrae)
    centroids = np.array([vertebra.centroid for vertebra in LEANING.vertebrae])
    steps = np.diff(centroids, axis=0)
    slopes, middles = np.degrees(np.arctan2(steps[:, 0], steps[:, 1])), centroids[:-1] + steps / 2
    assert slopes.min() > 0 and np.ptp(slopes) > 25
    for box, lean in segmenter.seen:
        near = np.argsort(np.linalg.norm(middles - (box.x + box.side / 2, box.y + box.side / 2), axis=1))[:2]
        assert slopes[near].min() - 5 < lean < slopes[near].max() + 5


def test_only_an_upright_pipeline_turns_patches():
    plain, upright = Noting([LEANING]), Noting([LEANING])
    for segmenter, option in ((plain, False), (upright, True)):
        next(iter(inductive_pipeline([LEANING], segmenter=segmenter, upright=option).stream([LEANING])))
    assert all(lean > 0 for _, lean in plain.seen) and all(lean == 0 for _, lean in upright.seen)
    assert {box.side for box, _ in upright.seen} == {box.side for box, _ in plain.seen}


def test_patches_have_to_be_quartered():
    with pytest.raises(ValueError, match=r"a multiple of 4 pixels along a side, but it has 30\. Set `pipeline\.upright=false`"):
        UprightSegmenter(BrightSegmenter(input_size=30))


def test_true_masks_need_no_turning():
    parts = {"mask_rcnn": None, "resnet": OracleClassifier([LEANING]), "point_predictor": OraclePredictor([LEANING])}
    pipeline = OraclePipeline(["mask_rcnn", "sam_adapter"], upright=True, sam_adapter=OracleSegmenter([LEANING]), **parts)
    (spine,) = pipeline([LEANING])
    ious = [mask_iou(mine, replace(true, level=None)) for mine, true in zip(spine.vertebrae, LEANING.vertebrae, strict=True)]
    assert min(ious) > 0.98


def test_what_has_no_true_mask_is_drawn_upright():
    first, *others = LEANING.vertebrae
    film = replace(LEANING, vertebrae=tuple(others), landmarks=(Landmark(first.level, CENTROID, first.centroid),))
    segmenter = Noting([LEANING])
    pipeline = OraclePipeline(
        ["mask_rcnn", "resnet", "point_predictor", "sam_adapter"], upright=True, sam_adapter=segmenter,
        mask_rcnn=None, resnet=OracleClassifier([LEANING]), point_predictor=OraclePredictor([LEANING]),
    )  # fmt: skip
    pipeline([film])
    middles = np.array([(box.x + box.side / 2, box.y + box.side / 2) for box, _ in segmenter.seen])
    assert all(lean == 0 for _, lean in segmenter.seen) and np.linalg.norm(middles - first.centroid, axis=1).min() < 10
