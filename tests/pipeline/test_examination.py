"""What is asked of segmenter and classifier, and in what order."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.geometry.patches import PatchRule
from spinefm.pipeline.examination import Examiner, Place, class_of, cut_patches, patch_overlap, places_along
from spinefm.structures import StopReason
from tests.oracles import DiscSegmenter, OracleClassifier, OracleSegmenter, SameClassifier, make_film

FILM = make_film()
PLACES = places_along(FILM, FILM.vertebrae)
BESIDE = Place(FILM, (3.0, 3.0), 30.0)


class Scarce(OracleSegmenter):
    """Runs out of memory beyond three patches."""

    def segment(self, patches):
        self.sizes = [*getattr(self, "sizes", []), len(patches.boxes)]
        if len(patches.boxes) > 3:
            raise torch.OutOfMemoryError
        return super().segment(patches)


class Recording(OracleSegmenter):
    """Notes the boxes that it segments."""

    def segment(self, patches):
        self.seen = [*getattr(self, "seen", []), *patches.boxes]
        return super().segment(patches)


def boxes(findings):
    return [finding if isinstance(finding, StopReason) else finding.vertebra.box for finding in findings]


def test_findings_are_the_same_with_little_memory():
    plenty = Examiner(OracleSegmenter([FILM]), OracleClassifier([FILM]))
    scarce = Examiner(Scarce([FILM]), OracleClassifier([FILM]))
    assert boxes(scarce.examine(PLACES)) == boxes(plenty.examine(PLACES)) == [v.box for v in FILM.vertebrae]
    assert scarce.segmenter.sizes == [7, 3, 3, 1]
    scarce.examine(PLACES[:5])
    assert scarce.segmenter.sizes[4:] == [3, 2]


def test_certain_background_is_not_segmented():
    segmenter = Recording([FILM])
    examiner = Examiner(segmenter, OracleClassifier([FILM], certainty=0.95), background_above=0.9)
    findings = examiner.examine([PLACES[0], BESIDE, PLACES[1]])
    assert boxes(findings) == [FILM.vertebrae[0].box, StopReason.BACKGROUND, FILM.vertebrae[1].box]
    assert len(segmenter.seen) == 2
    assert examiner.examine([BESIDE]) == [StopReason.BACKGROUND] and len(segmenter.seen) == 2


def test_background_that_is_less_certain_is_segmented():
    segmenter = Recording([FILM])
    examiner = Examiner(segmenter, OracleClassifier([FILM], certainty=0.95), background_above=0.96)
    assert examiner.examine([BESIDE]) == [StopReason.EMPTY_MASK] and len(segmenter.seen) == 1


def beside(place, spacings):
    return replace(place, centre=(place.centre[0] + spacings * place.spacing, place.centre[1]))


def test_only_what_lies_off_the_middle_of_its_patch_is_segmented_again():
    """And only until it lies there."""
    places = [PLACES[0], beside(PLACES[1], 0.2), beside(PLACES[2], 0.04)]
    for tolerance, again in ((0.1, [1]), (0.3, []), (0.01, [1, 2])):
        segmenter = Recording([FILM])
        findings = Examiner(segmenter, OracleClassifier([FILM]), refinements=3, tolerance=tolerance).examine(places)
        assert boxes(findings) == [v.box for v in FILM.vertebrae[:3]]
        assert segmenter.seen[3:] == list(cut_patches([PLACES[i] for i in again], segmenter).boxes if again else [])


def test_no_refinement_segments_once():
    segmenter = Recording([FILM])
    Examiner(segmenter, OracleClassifier([FILM]), tolerance=0.0).examine([beside(PLACES[1], 0.2)])
    assert len(segmenter.seen) == 1


def test_what_a_second_look_does_not_find_stays_as_the_first_saw_it():
    class Once(Recording):
        def segment(self, patches):
            logits = super().segment(patches)
            return logits if len(self.seen) == 1 else torch.full_like(logits, -6.0)

    segmenter = Once([FILM])
    findings = Examiner(segmenter, OracleClassifier([FILM]), refinements=3).examine([beside(PLACES[1], 0.2)])
    assert boxes(findings) == [FILM.vertebrae[1].box] and len(segmenter.seen) == 2


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("refinements", -1, "0, but got -1"),
        ("tolerance", -0.1, "0 spacings, but got -0.1"),
        ("tolerance", math.nan, "0 spacings, but got nan"),
    ],
)
def test_options_out_of_range_are_refused(option, value, expected):
    with pytest.raises(ValueError, match=rf"^Expected `{option}` to be at least {expected}\.$"):
        Examiner(OracleSegmenter([FILM]), OracleClassifier([FILM]), **{option: value})


@pytest.mark.parametrize("background_above", [None, 0.5])
def test_nowhere_to_look(background_above):
    assert Examiner(DiscSegmenter(), SameClassifier(0.6, 0.4), background_above=background_above).examine([]) == []


def test_patches_are_cut_where_the_network_is():
    segmenter = OracleSegmenter([FILM])
    segmenter.device = torch.device("meta")
    patches = cut_patches(PLACES, segmenter)
    assert patches.pixels.device.type == "meta" and patches.pixels.shape == (7, 1, 64, 64)


def test_a_patch_is_the_film_in_0_to_1():
    film = make_film()
    film.pixels[:] = np.random.default_rng(0).integers(0, 256, film.size)
    patches = cut_patches(places_along(film, film.vertebrae), OracleSegmenter([film]))
    box = patches.boxes[3]
    inside = film.pixels[box.y : box.y + box.side, box.x : box.x + box.side]
    assert np.array_equal(np.uint8(np.round(255 * patches.pixels[3, 0].numpy())), inside)


@pytest.mark.parametrize(
    ("probabilities", "name"),
    [
        ((0.4, 0.0, 0.3, 0.3), "L4"),
        ((0.51, 0.0, 0.0, 0.49), "background"),
        ((0.5, 0.3, 0.1, 0.1), "vertebra"),
        ((0.1, 0.2, 0.3, 0.4), "L5"),
    ],
)
def test_levels_share_what_speaks_against_background(probabilities, name):
    assert class_of(np.array(probabilities), ("background", "vertebra", "L4", "L5")) == name


def test_a_patch_asks_for_the_hand_that_annotated_its_film():
    films = [FILM, replace(FILM, reader="second")]
    patches = cut_patches([replace(PLACES[0], film=film) for film in films], OracleSegmenter([FILM]))
    assert patches.readers == (None, "second")
    assert patches.select([1]).readers == ("second",)


@pytest.mark.parametrize(("rule", "overlap"), [(PatchRule(4.0), 4.0), (PatchRule(0.5), 1.0), (PatchRule(pixels=90), 2.7)])
def test_as_many_patches_show_a_vertebra_as_they_have_spacings(rule, overlap):
    network = SameClassifier(0.2, 0.8)
    network.patch_rule = rule
    assert patch_overlap(network, FILM.vertebrae) == pytest.approx(overlap, rel=0.05)
