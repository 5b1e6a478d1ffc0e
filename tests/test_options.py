"""Options: which there are, of which type, in which range."""

from collections.abc import Sequence
from typing import Literal

import pytest
from omegaconf import OmegaConf

from spinefm.options import check_options, check_section, check_shares


class Taker:
    def __init__(
        self,
        part: object,
        count: int = 1,
        share: float = 0.5,
        side: int | None = None,
        fast: bool = True,
        names: str | Sequence[str] = (),
        way: Literal["short", "long"] = "short",
        bits: Literal[16, 32, "mixed"] | None = None,
        limits: object = None,
    ) -> None: ...


class Open:
    def __init__(self, count: int = 1, **others: object) -> None: ...


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"count": 3, "share": 0.1, "side": 4, "fast": False, "names": "a"},
        {"share": 1, "side": None, "names": ("a", "b")},
        {"names": OmegaConf.create(["a", "b"])},
        {"way": "short", "limits": object()},
        {"bits": 16},
        {"bits": "mixed"},
    ],
)
def test_options_of_their_types_pass(options):
    check_options(Taker, options)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("count", None, "a whole number, but got `null`"),
        ("count", 1.5, "a whole number, but got `1.5`"),
        ("count", True, "a whole number, but got `True`"),
        ("share", "half", "a number, but got `half`"),
        ("side", 1.5, "a whole number or null, but got `1.5`"),
        ("fast", 1, "true or false, but got `1`"),
        ("names", 7, "a name or a list, but got `7`"),
        ("way", 7, "a name, but got `7`"),
        ("bits", 0.5, "a whole number or a name or null, but got `0.5`"),
    ],
)
def test_an_option_of_another_type_is_refused(name, value, said):
    with pytest.raises(ValueError, match=rf"^Expected `{name}` to be {said}\.$"):
        check_options(Taker, {name: value})


@pytest.mark.parametrize("name", ["cuont", "part"])
def test_an_option_that_is_none_is_refused(name):
    known = "count, share, side, fast, names, way, bits, limits"
    with pytest.raises(ValueError, match=rf"^Expected options of Taker to be some of {known}, but got `{name}`\.$"):
        check_options(Taker, {name: 1})


def test_what_is_handed_on_is_left_to_who_gets_it():
    check_options(Open, {"cuont": 1})
    with pytest.raises(ValueError, match="`count` to be a whole number"):
        check_options(Open, {"count": "many"})


def test_a_section_has_options_and_what_is_for_hydra():
    check_section(Taker, OmegaConf.create({"_target_": "a.Taker", "_convert_": "all", "count": 3}))
    for option in ({"cuont": 1}, {"count": "many"}):
        with pytest.raises(ValueError, match=rf"`{next(iter(option))}`"):
            check_section(Taker, OmegaConf.create({"_target_": "a.Taker", **option}))


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_shares_are_0_to_1(value):
    check_shares(low=0, high=1)
    with pytest.raises(ValueError, match=rf"^Expected `share` to be 0\.\.1, but got {value}\.$"):
        check_shares(share=value)
