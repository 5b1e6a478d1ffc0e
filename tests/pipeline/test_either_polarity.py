"""Films of dark bone, read by a pipeline that knows bright bone only."""

from dataclasses import replace

import numpy as np
import pytest

from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.pipeline import EitherPolarity, SpinePipeline
from spinefm.structures import Failure, Spine


class Finds(SpinePipeline):
    """Finds what `in_bright` or `in_dark` gives of a film; notes the films it has looked at."""

    def __init__(self, in_bright, in_dark):
        self.in_bright, self.in_dark, self.calls = in_bright, in_dark, []

    def stream(self, films):
        for film in films:
            self.calls.append(film.film_id)
            found = (self.in_bright if is_bright(film) else self.in_dark)(film)
            yield Spine(film.film_id, film.size, found, None if found else Failure.TOO_FEW_DETECTIONS)


def is_bright(film):
    x0, y0, *_ = film.vertebrae[0].box
    return film.pixels[y0 + 2, x0 + 2] > 127


def sure_of(confidence, count=7):
    """The first true vertebrae, all of one confidence."""
    return lambda film: tuple(replace(vertebra, confidence=confidence) for vertebra in film.vertebrae[:count])


def nothing(film):
    return ()


STRAY = [(70, 20), (90, 20), (90, 32), (70, 32)]


def stray(film):
    """Something bright beside the dark spine, of which no pipeline is sure."""
    return (replace(polygon_to_vertebra(STRAY, film.size, "L1"), confidence=0.5),)


@pytest.fixture
def film(make_film):
    return make_film("bright")


@pytest.fixture
def dark(film):
    pixels = 255 - film.pixels
    pixels[20:32, 70:90] = 255
    return replace(film, film_id="dark", pixels=pixels)


def outcome(spine):
    return spine.film_id, len(spine.vertebrae), spine.failure, spine.turned_over


@pytest.mark.parametrize("in_dark", [nothing, sure_of(0.4), sure_of(1.0)])
def test_a_film_of_bright_bone_is_looked_at_once(film, in_dark):
    pipeline = Finds(sure_of(0.9), in_dark)
    (spine,) = EitherPolarity(pipeline)([film])
    assert outcome(spine) == ("bright", 7, None, False) and pipeline.calls == ["bright"]


@pytest.mark.parametrize("in_dark", [nothing, sure_of(0.4), sure_of(1.0)])
def test_a_doubtful_film_of_bright_bone_is_looked_at_again_and_stays_as_it_is(film, in_dark):
    """Vertebrae that are dark once the film is turned over speak for the film as it was."""
    pipeline = Finds(sure_of(0.3), in_dark)
    (spine,) = EitherPolarity(pipeline)([film])
    assert outcome(spine) == ("bright", 7, None, False) and pipeline.calls == ["bright", "bright"]


@pytest.mark.parametrize("in_dark", [nothing, sure_of(0.4), sure_of(0.8), stray])
def test_a_film_of_dark_bone_is_read_turned_over(dark, in_dark):
    pipeline, before = Finds(sure_of(0.9), in_dark), dark.pixels.copy()
    (spine,) = EitherPolarity(pipeline)([dark])
    assert outcome(spine) == ("dark", 7, None, True) and pipeline.calls == ["dark", "dark"]
    assert {vertebra.confidence for vertebra in spine.vertebrae} == {0.9}
    np.testing.assert_array_equal(dark.pixels, before)


def test_of_two_spines_that_are_alike_the_first_is_kept(dark):
    (spine,) = EitherPolarity(Finds(sure_of(0.9), sure_of(0.9)))([dark])
    assert outcome(spine) == ("dark", 7, None, False)


def test_a_spine_of_which_nobody_is_sure_is_no_reason_to_turn_a_film(dark):
    (spine,) = EitherPolarity(Finds(sure_of(0.3), nothing))([dark])
    assert outcome(spine) == ("dark", 0, Failure.TOO_FEW_DETECTIONS, False)


@pytest.mark.parametrize(("count", "turned_over"), [(1, False), (2, True)])
def test_bright_finds_give_way_to_far_better_ones_only(dark, count, turned_over):
    (spine,) = EitherPolarity(Finds(sure_of(0.9, count), stray))([dark])
    assert outcome(spine) == ("dark", count, None, turned_over)


def test_a_film_on_which_nothing_is_found_either_way_has_failed(film, dark):
    pipeline = Finds(nothing, nothing)
    spines = EitherPolarity(pipeline)([film, dark])
    assert [outcome(spine) for spine in spines] == [(name, 0, Failure.TOO_FEW_DETECTIONS, False) for name in ("bright", "dark")]
    assert pipeline.calls == ["bright", "bright", "dark", "dark"]


def test_films_do_not_depend_on_their_batch(film, dark):
    films = [film, dark, replace(film, film_id="bright too"), replace(dark, film_id="dark too")]
    pipeline = Finds(sure_of(0.9), stray)
    together = EitherPolarity(pipeline)(films)
    assert pipeline.calls == ["bright", "dark", "dark", "bright too", "dark too", "dark too"]
    alone = [spine for film in films for spine in EitherPolarity(Finds(sure_of(0.9), stray))([film])]
    assert [outcome(spine) for spine in together] == [outcome(spine) for spine in alone]
    assert [spine.turned_over for spine in together] == [False, True, False, True]


def test_no_film_is_no_spine():
    assert EitherPolarity(Finds(nothing, nothing))([]) == []
