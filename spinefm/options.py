"""What options may be."""

from collections.abc import Mapping, Sequence
from inspect import Parameter, signature
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

KINDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a name",
    Sequence: "a list",
    NoneType: "null",
}
"""Types that are checked, in words; options of other types are not, and what has no default beside is a part and no option."""


def check_shares(**options: float) -> None:
    """Make sure that options are shares, probabilities or overlaps.

    Raises:
        ValueError: If one is not 0..1.
    """
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise ValueError(f"Expected `{name}` to be 0..1, but got {value}.")


def check_options(taker: type, options: Mapping[str, Any]) -> None:
    """Make sure that a class has these options and each is of its type, which else only shows where it is used.

    Args:
        taker: The class; of what its constructor hands on as `**`, nothing is known here.
        options: For its constructor.

    Raises:
        ValueError: If there is no such option, or it is of another type.
    """
    parameters = signature(taker).parameters
    checked = ((name, _kinds(each.annotation), each.default) for name, each in parameters.items())
    kinds = {name: its for name, its, default in checked if its or default is not Parameter.empty}
    hands_on = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in parameters.values())
    for name, value in options.items():
        if name not in kinds and not hands_on:
            raise ValueError(f"Expected options of {taker.__name__} to be some of {', '.join(kinds)}, but got `{name}`.")
        if (allowed := kinds.get(name)) and not any(_is_a(value, kind) for kind in allowed):
            found = "null" if value is None else value
            raise ValueError(f"Expected `{name}` to be {' or '.join(KINDS[kind] for kind in allowed)}, but got `{found}`.")


def check_section(taker: type, section: Mapping[Any, Any]) -> None:
    """The same of a section of the config; what begins with `_` is for Hydra, which calls the class."""
    check_options(taker, {name: value for name, value in section.items() if not name.startswith("_")})


def _kinds(annotation: Any) -> list[Any]:
    """Which of `KINDS` an argument may be; empty if it may be anything else."""
    alternatives = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kinds = dict.fromkeys(kind for each in alternatives for kind in _types(each))
    return list(kinds) if all(kind in KINDS for kind in kinds) else []


def _types(annotation: Any) -> list[Any]:
    origin = get_origin(annotation)
    return [type(value) for value in get_args(annotation)] if origin is Literal else [origin or annotation]


def _is_a(value: Any, kind: Any) -> bool:
    """For Python, but not for who writes an option, true is a number and a name is a list of letters."""
    if isinstance(value, bool | str):
        return kind is type(value)
    return isinstance(value, int | float if kind is float else kind)
