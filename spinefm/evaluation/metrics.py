"""From matched films to the numbers of a table.

Policy for the empty case: a metric without anything to measure is None, never nan, 0 or 1, and a failed film stays in every
denominator with all its vertebrae missed.
"""

from collections.abc import Callable, Iterable, Sequence
from statistics import fmean
from typing import Any

from spinefm.anatomy import LEVELS
from spinefm.evaluation.records import FilmRecord, VertebraRecord
from spinefm.structures import View

UNKNOWN_LEVEL = "unknown"
"""Key of annotated vertebrae without a level in `per_level`."""

Rows = Sequence[VertebraRecord]


def mean(values: Iterable[float]) -> float | None:
    """Mean that does not depend on the order of `values`; None for none."""
    known = list(values)
    return fmean(known) if known else None


def identification_rate(rows: Rows) -> float | None:
    """Share of true vertebrae with a matched prediction, 0..1."""
    return mean(float(row.identified) for row in rows if row.is_true)


def labelled_identification_rate(rows: Rows) -> float | None:
    """Share of true vertebrae with a matched prediction of the same level, 0..1; without those whose true level is unknown."""
    return mean(float(row.labelled) for row in rows if row.is_true and row.true_level is not None)


def dice_identified(rows: Rows) -> float | None:
    """Mean Dice over identified vertebrae, 0..1. Source: the Dice of arXiv:2411.00326."""
    return mean(row.dice for row in rows if row.dice is not None)


def dice_all(rows: Rows) -> float | None:
    """Mean Dice over all true vertebrae, 0..1; a missed one counts 0."""
    return mean(row.dice or 0.0 for row in rows if row.is_true)


def false_positives_per_image(films: Sequence[FilmRecord]) -> float | None:
    """Mean number of predictions per film that match no true vertebra."""
    return mean(float(film.num_false_positives) for film in films)


VERTEBRA_METRICS: dict[str, Callable[[Rows], float | None]] = {
    "identification_rate": identification_rate,
    "labelled_identification_rate": labelled_identification_rate,
    "dice_identified": dice_identified,
    "dice_all": dice_all,
}


def compute_metrics(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """All metrics of a set of films, in a fixed order; counts as numbers, metrics as `{"value": v}`, undefined ones as `{"value": None}`.

    Returns:
        The headline (four vertebra metrics, `false_positives_per_image`, `num_images`, `num_vertebrae`, `num_failures`),
        `per_level` {level: {num, four vertebra metrics}} from head to foot, and `per_view` {view: headline}.
    """
    views = [view for view in View if any(film.view == view for film in films)]
    return {
        **headline(films),
        "per_level": _per_level(_rows(films)),
        "per_view": {view.value: headline([film for film in films if film.view == view]) for view in views},
    }


def headline(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """The metrics of a set of films without any breakdown; see `compute_metrics`."""
    return {
        **_vertebra_metrics(_rows(films)),
        "false_positives_per_image": {"value": false_positives_per_image(films)},
        "num_images": len(films),
        "num_vertebrae": sum(len(film.true_vertebrae) for film in films),
        "num_failures": sum(film.failure is not None for film in films),
    }


def _rows(films: Sequence[FilmRecord]) -> list[VertebraRecord]:
    return [row for film in films for row in film.vertebrae]


def _vertebra_metrics(rows: Rows) -> dict[str, Any]:
    return {name: {"value": metric(rows)} for name, metric in VERTEBRA_METRICS.items()}


def _per_level(rows: Rows) -> dict[str, Any]:
    """Grouped by the TRUE level: a mislabelled vertebra counts against the level it is, not the one it was called."""
    groups: dict[str, list[VertebraRecord]] = {level: [] for level in (*LEVELS, UNKNOWN_LEVEL)}
    for row in rows:
        if row.is_true:
            groups[row.true_level or UNKNOWN_LEVEL].append(row)
    return {level: {"num": len(group), **_vertebra_metrics(group)} for level, group in groups.items() if group}
