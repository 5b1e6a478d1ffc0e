"""The whole film at once, levels by counting."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spinefm.anatomy import levels_between
from spinefm.data.views.film_masks import vertebra_labels
from spinefm.evaluation.evaluator import Evaluator
from spinefm.geometry.letterbox import Letterbox
from spinefm.geometry.masks import mask_dice, mask_to_vertebra
from spinefm.geometry.separation import drawn_apart
from spinefm.pipeline import EitherPolarity, WholeFilmPipeline
from spinefm.pipeline.whole_film import on_film
from spinefm.structures import Failure
from tests.oracles import CERVICAL, make_film

FILMS = [
    make_film("straight", size=(480, 320)),
    make_film("bent", CERVICAL, (520, 520), bend=-1.2, tilt=-0.4),
    make_film("long", levels_between("C2", "L5"), (1200, 300), bend=0.5),
]


class Oracle:
    """Draws the true vertebrae of films, in a frame of another size."""

    def __init__(self, films, margin=1, frame=(480, 320), certainty=0.9):
        self.films, self.margin, self.frame, self.certainty = {film.film_id: film for film in films}, margin, frame, certainty

    def segment_films(self, films):
        return [self.draw(self.films[film.film_id]) for film in films]

    def draw(self, film):
        letterbox = Letterbox(film.size, self.frame)
        mask = drawn_apart(letterbox.labels(vertebra_labels(film)), self.margin)
        return letterbox.without_bars(torch.from_numpy(self.certainty * mask.astype(np.float32)))


def pipeline(films, levels=("C2", "T1"), **options):
    return WholeFilmPipeline(Oracle(films), levels=levels, **options)


def test_a_perfect_network_gives_nearly_perfect_spines():
    evaluator = Evaluator()
    for film, spine in zip(FILMS, pipeline(FILMS, ("C2", "L5"))(FILMS), strict=True):
        evaluator.update(film, spine)
        assert (spine.film_id, spine.size, spine.failure, spine.stops) == (film.film_id, film.size, None, {})
        assert [v.level for v in spine.vertebrae] == [v.level for v in film.vertebrae]
        assert all(v.confidence == pytest.approx(0.9) for v in spine.vertebrae)
    metrics = evaluator.compute()
    assert metrics["labelled_identification_rate"]["value"] == 1.0 and metrics["false_positives_per_image"]["value"] == 0.0
    assert metrics["dice_all"]["value"] > 0.95


def test_what_lies_beyond_the_last_level_has_none():
    spine = pipeline(FILMS[:1], ("T12", "L3"))(FILMS[:1])[0]
    assert [v.level for v in spine.vertebrae] == ["T12", "L1", "L2", "L3", None, None, None]


def test_without_levels_nothing_is_named():
    assert {v.level for v in pipeline(FILMS[:1], None)(FILMS[:1])[0].vertebrae} == {None}


@pytest.mark.parametrize("levels", [("L5", "T1"), ("T1", "X9")])
def test_levels_that_are_none_are_refused(levels):
    with pytest.raises(ValueError, match="Expected"):
        pipeline(FILMS, levels)


def test_two_levels_are_wanted():
    with pytest.raises(ValueError, match=r"Expected `levels` to be an upper and a lower end, but got \['C1', 'T1', 'S1'\]"):
        pipeline(FILMS, ["C1", "T1", "S1"])


def test_specks_are_dropped():
    film = FILMS[0]
    speck = mask_to_vertebra(np.ones((8, 8), dtype=bool), (4, 4))
    dirty = replace(film, vertebrae=(speck, *film.vertebrae))
    assert len(pipeline([dirty])([film])[0].vertebrae) == 7
    assert len(pipeline([dirty], min_area_share=0.0)([film])[0].vertebrae) == 8


def test_a_film_on_which_nothing_is_found_is_recorded():
    """And nothing of the film before is used."""
    empty = make_film("empty", levels=("C2",))
    spines = pipeline([FILMS[0], replace(empty, vertebrae=())])([FILMS[0], empty])
    assert (spines[0].failure, len(spines[0].vertebrae)) == (None, 7)
    assert (spines[1].failure, spines[1].vertebrae) == (Failure.TOO_FEW_DETECTIONS, ())


def test_the_threshold_decides():
    film = FILMS[0]
    assert pipeline([film], mask_threshold=0.95)([film])[0].failure is Failure.TOO_FEW_DETECTIONS


def test_a_film_can_be_looked_at_turned_over():
    film = replace(FILMS[0], pixels=np.where(vertebra_labels(FILMS[0]) > 0, 200, 50).astype(np.uint8))
    (spine,) = EitherPolarity(pipeline([film]))([film])
    assert len(spine.vertebrae) == 7 and not spine.turned_over


@pytest.mark.parametrize("size", [(480, 320), (960, 640), (1501, 1003), (240, 160)])
def test_a_mask_of_a_map_lies_on_the_film_where_it_lies_on_the_map(size):
    small = np.zeros((480, 320), dtype=bool)
    small[100:140, 60:120] = True
    found = on_film(mask_to_vertebra(small, confidence=0.7), small.shape, size)
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    rows, columns = y * 480 / size[0], x * 320 / size[1]
    true = mask_to_vertebra((rows >= 100) & (rows < 140) & (columns >= 60) & (columns < 120))
    assert mask_dice(found, true) > 0.99 and found.confidence == 0.7
    assert found.centroid == pytest.approx(true.centroid, abs=0.5)


def test_less_than_a_pixel_is_nothing():
    small = np.zeros((480, 320), dtype=bool)
    small[3, 3] = True
    assert on_film(mask_to_vertebra(small), small.shape, (30, 20)) is None


def test_no_films():
    assert pipeline(FILMS)([]) == []
