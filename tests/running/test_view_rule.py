"""Which view a film is taken as."""

import pytest

from spinefm.running.view_rule import ViewRule
from spinefm.structures import View

AP, LATERAL = "ap_spine", "lateral_cervical"


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
    rule = ViewRule.of(None).learned(trained)
    assert rule.view_of(View.UNKNOWN) == view and rule.view_of(View.LATERAL_LUMBAR) == View.LATERAL_LUMBAR


def test_what_is_chosen_goes_before():
    rule = ViewRule.of(LATERAL).learned([[AP]])
    assert rule.view_of(View.UNKNOWN) == rule.view_of(View.AP_SPINE) == View.LATERAL_CERVICAL
    with pytest.raises(ValueError, match=r"one of lateral_cervical, .* but got `front`"):
        ViewRule.of("front")
