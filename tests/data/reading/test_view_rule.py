"""Which view a film is taken as."""

from pathlib import Path

import pytest

from spinefm.data.problems import DataError
from spinefm.data.reading.view_rule import ViewRule, may_be
from spinefm.structures import View

AP, LATERAL = "ap_spine", "lateral_cervical"
FILM = Path("a.dcm")


@pytest.mark.parametrize(
    ("trained", "view"),
    [
        ([[AP], [AP]], View.AP_SPINE),
        ([[AP], [LATERAL]], View.UNKNOWN),
        ([[AP], None], View.UNKNOWN),
        ([[AP, LATERAL]] * 2, View.UNKNOWN),
        ([["unknown"]], View.UNKNOWN),
        ([["a view of a later version"]], View.UNKNOWN),
        ([[]], View.UNKNOWN),
        ([], View.UNKNOWN),
    ],
    ids=str,
)
def test_a_film_that_does_not_tell_is_as_all_films_of_the_training(trained, view):
    assert ViewRule.of(None).learned(trained).view_of(FILM, View.UNKNOWN) == view


@pytest.mark.parametrize("told", [View.AP_SPINE, View.LATERAL_LUMBAR, View.LATERAL])
def test_networks_that_know_several_views_refuse_none(told):
    assert ViewRule.of(None).learned([[AP, LATERAL]]).view_of(FILM, told) == told


@pytest.mark.parametrize(("only", "told"), [(AP, View.LATERAL), (AP, View.LATERAL_LUMBAR), (LATERAL, View.AP_SPINE)])
def test_networks_that_know_one_view_refuse_others(only, told):
    with pytest.raises(DataError, match=rf"a\.dcm` to be a film of the view {only}, .* found {told}\. Use .* `view={only}` if"):
        ViewRule.of(None).learned([[only]]).view_of(FILM, told)


def test_a_lateral_film_is_of_the_part_that_the_networks_know():
    assert ViewRule.of(None).learned([[LATERAL]]).view_of(FILM, View.LATERAL) == LATERAL


@pytest.mark.parametrize(
    ("told", "view", "may"),
    [
        (View.UNKNOWN, View.AP_SPINE, True),
        (View.AP_SPINE, View.AP_SPINE, True),
        (View.LATERAL, View.LATERAL_LUMBAR, True),
        (View.LATERAL, View.AP_SPINE, False),
        (View.LATERAL_CERVICAL, View.LATERAL_LUMBAR, False),
    ],
)
def test_which_view_a_film_may_be_of(told, view, may):
    assert may_be(told, view) == may


def test_what_is_chosen_goes_before(caplog):
    rule = ViewRule.of(LATERAL).learned([[LATERAL]])
    assert not caplog.text
    rule = ViewRule.of(LATERAL).learned([[AP]])
    assert f"were `{AP}`: on films of `view={LATERAL}` results are nothing to go by" in caplog.text
    assert rule.view_of(FILM, View.UNKNOWN) == rule.view_of(FILM, View.AP_SPINE) == View.LATERAL_CERVICAL
    with pytest.raises(ValueError, match=r"one of lateral_cervical, .* but got `front`"):
        ViewRule.of("front")
