"""The levels of the spine, their order, regions and neighbours."""

from collections.abc import Collection

LEVELS: tuple[str, ...] = (
    *(f"C{i}" for i in range(1, 8)),
    *(f"T{i}" for i in range(1, 14)),
    *(f"L{i}" for i in range(1, 7)),
    "S1",
)
"""All levels from head to foot, the supernumerary T13 and L6 among them."""

BACKGROUND, VERTEBRA = "background", "vertebra"
"""Classes of a patch that are no level: nothing there, and a vertebra whose level has no class of its own."""

REGIONS: dict[str, str] = {"C": "cervical", "T": "thoracic", "L": "lumbar", "S": "sacral"}

AROUND_ABSENT: dict[str, tuple[str, str]] = {"T12": ("T11", "L1"), "L5": ("L4", "S1")}
"""Usual levels that a spine may lack, each with its neighbours, which then follow each other."""

_INDEX = {level: index for index, level in enumerate(LEVELS)}
_USUAL = tuple(level for level in LEVELS if level not in ("T13", "L6"))


def check_level(level: str) -> str:
    """Return `level` unchanged.

    Raises:
        ValueError: If it is not one of `LEVELS`.
    """
    if level not in _INDEX:
        raise ValueError(f"Expected a level between C1 and S1 (such as C7, T12, L5), but got {level!r}. Correct it.")
    return level


def level_index(level: str) -> int:
    """Position of `level` in `LEVELS`, 0 at the head; ValueError if unknown."""
    return _INDEX[check_level(level)]


def levels_between(first: str, last: str) -> tuple[str, ...]:
    """The usual levels from `first` to `last`, both included, without T13 and L6.

    Raises:
        ValueError: If an end is unknown or supernumerary, or `last` stands above `first`.
    """
    start, stop = level_index(first), level_index(last)
    if first not in _USUAL or last not in _USUAL or start > stop:
        raise ValueError(f"Expected usual levels from head to foot, but got {first} to {last}. Give an upper and a lower end.")
    return tuple(level for level in _USUAL if start <= _INDEX[level] <= stop)


def region(level: str) -> str:
    """ "cervical", "thoracic", "lumbar" or "sacral"."""
    return REGIONS[check_level(level)[0]]


def order_with(levels: Collection[str]) -> tuple[str, ...]:
    """The usual levels from head to foot, and T13 and L6 where they are among `levels`: what stands next to what in such a spine."""
    return tuple(level for level in LEVELS if level in _USUAL or level in levels)


def steps_between(upper: str | None, lower: str | None) -> int:
    """How many vertebrae further down `lower` lies than `upper`, the one before it in a list: more than 1 where some are left out.

    1 where a level is unknown, and where the one between them may not exist: T12 of T11 and L1, L5 of L4 and S1.
    """
    if upper is None or lower is None or (upper, lower) in AROUND_ABSENT.values():
        return 1
    order = order_with((upper, lower))
    return max(order.index(lower) - order.index(upper), 1)


def absent_levels(levels: Collection[str]) -> set[str]:
    """The usual levels that a spine of all these levels lacks: both neighbours are there."""
    return {level for level, neighbours in AROUND_ABSENT.items() if level not in levels and all(each in levels for each in neighbours)}


def is_usual_step(upper: str, lower: str) -> bool:
    """Whether `lower` directly follows `upper` in a spine without a missing or an extra vertebra."""
    return lower in _USUAL and upper in _USUAL and _USUAL.index(lower) == _USUAL.index(upper) + 1
