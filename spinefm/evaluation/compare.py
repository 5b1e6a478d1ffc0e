"""Two evaluations of the same films, film by film: `python -m spinefm.evaluation.compare <folder> <folder>`."""

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from scipy.stats import wilcoxon

from spinefm.evaluation.intervals import bootstrap_interval
from spinefm.evaluation.tables import ANGLE_SHORT_TITLES, SHORT_TITLES, format_value
from spinefm.running.failures import run_script

ROUNDING_PX = 0.01
"""By how much two centroids of the same annotation may differ in each coordinate."""

MEASURES: dict[str, Callable[[pd.DataFrame], float]] = {
    "identification_rate": lambda rows: rows[rows.true_x.notna()].identified.mean(),
    "labelled_identification_rate": lambda rows: rows[rows.true_level.notna()].labelled.mean(),
    "dice_identified": lambda rows: rows[rows.true_x.notna() & rows.identified].dice.mean(),
    "dice_all": lambda rows: rows[rows.true_x.notna()].dice.fillna(0.0).mean(),
    "false_positives_per_image": lambda rows: float(rows.true_x.isna().sum()),
}
"""What a film is worth, from its rows of `vertebrae.csv`."""

ANGLE_MEASURES: dict[str, Callable[[pd.DataFrame], "pd.Series[float]"]] = {
    "cobb_mae": lambda rows: rows.error_deg.where(rows.measured),
    "cobb_mae_all": lambda rows: rows.error_deg,
    "cobb_smape": lambda rows: rows.smape_percent.where(rows.complete),
    "cobb_smape_all": lambda rows: rows.smape_percent,
}
"""The same of all films whose Cobb angles are known, from `angles.csv`; empty where they are not measured. A film without a spine has
angles of 0 there."""


@dataclass(frozen=True)
class Comparison:
    """One metric of two evaluations, as means over the films in which both measure it; None where there is none.

    Attributes:
        first: Of the first evaluation.
        second: Of the second.
        difference: Second minus first.
        ci95: Its 95 % bootstrap interval by patient; None for fewer than two patients, and where all differ alike.
        p_value: Of Wilcoxon's signed-rank test over patients' mean differences, two-sided; None where no patient differs. Films of one
            patient are not independent.
        higher: On how many films the second is higher.
        lower: And lower.
    """

    first: float | None
    second: float | None
    difference: float | None
    ci95: list[float] | None
    p_value: float | None
    higher: int
    lower: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was written of an evaluation.

    Attributes:
        vertebrae: Content of `vertebrae.csv`.
        angles: Of `angles.csv`; None where no Cobb angles are known.
        protocol: By which was counted, as in `results.json`; None where an older version did not write it.
    """

    vertebrae: pd.DataFrame
    angles: pd.DataFrame | None = None
    protocol: Mapping[str, Any] | None = None


def compare(first: Evaluation, second: Evaluation) -> dict[str, Comparison]:
    """Compare two evaluations, metric by metric; films in which one of them has nothing to measure are left out of a metric.

    Returns:
        By `MEASURES`, but for false positives where they are free, and by `ANGLE_MEASURES` where both have angles.

    Raises:
        ValueError: If they are of different films or annotations, or were counted in two ways.
    """
    if first.protocol and second.protocol and first.protocol != second.protocol:
        remedy = "Give both the same `evaluation=`."
        raise ValueError(f"Expected two evaluations by one protocol, but got {dict(first.protocol)} and {dict(second.protocol)}. {remedy}")
    tables = first.vertebrae, second.vertebrae
    if difference := set(tables[0].film_id) ^ set(tables[1].film_id):
        raise ValueError(f"Expected two evaluations of the same films, but only one has {sorted(difference)[:5]}. Evaluate the same split.")
    if others := _annotated_otherwise(*tables):
        remedy = "Evaluate both on the same annotation, by the same reader."
        raise ValueError(f"Expected two evaluations by one truth, but got other true vertebrae on {others[:5]}. {remedy}")
    patients = tables[0].groupby("film_id").patient_id.first()
    protocols = [each.protocol for each in (first, second) if each.protocol]
    free = set() if all(each["count_spurious"] for each in protocols) else {"false_positives_per_image"}
    measures = {name: measure for name, measure in MEASURES.items() if name not in free}
    found = {name: _compare(_by_film(tables[0], measure), _by_film(tables[1], measure), patients) for name, measure in measures.items()}
    if first.angles is None or second.angles is None:
        return found
    angles = first.angles.set_index("film_id"), second.angles.set_index("film_id")
    return found | {name: _compare(measure(angles[0]), measure(angles[1]), patients) for name, measure in ANGLE_MEASURES.items()}


def _annotated_otherwise(first: pd.DataFrame, second: pd.DataFrame) -> list[str]:
    """The films whose true vertebrae differ."""
    of_films = dict(list(second.groupby("film_id")))
    return [str(film_id) for film_id, its in first.groupby("film_id") if not _is_same_truth(its, of_films[film_id])]


def _is_same_truth(*of_film: pd.DataFrame) -> bool:
    first, second = (rows[rows.true_x.notna()] for rows in of_film)
    same_levels = first.true_level.fillna("").tolist() == second.true_level.fillna("").tolist()
    return same_levels and np.allclose(first[["true_x", "true_y"]], second[["true_x", "true_y"]], rtol=0, atol=ROUNDING_PX)


def _by_film(rows: pd.DataFrame, measure: Callable[[pd.DataFrame], float]) -> "pd.Series[float]":
    return pd.Series({film_id: measure(its) for film_id, its in rows.groupby("film_id")})


def _compare(first: "pd.Series[float]", second: "pd.Series[float]", patients: "pd.Series[str]") -> Comparison:
    # Rounded, so that equal differences of rates are ties.
    differences = (second - first).dropna().round(9)
    both = differences.index
    groups = differences.groupby(patients[both])
    of_patients = groups.mean().round(9)
    return Comparison(
        first=_mean(first[both]),
        second=_mean(second[both]),
        difference=_mean(differences),
        ci95=bootstrap_interval(groups.sum().tolist(), groups.size().tolist()),
        p_value=float(wilcoxon(of_patients).pvalue) if of_patients.any() else None,
        higher=int((differences > 0).sum()),
        lower=int((differences < 0).sum()),
    )


def _mean(values: "pd.Series[float]") -> float | None:
    return float(values.mean()) if len(values) else None


def format_difference(one: Comparison) -> str:
    """A difference as a person reads it, and its interval in a second line."""
    if one.difference is None:
        return "–"
    interval = "" if one.ci95 is None else "\n" + " to ".join(f"{end:+.3f}" for end in one.ci95)
    return f"{one.difference:+.3f}{interval}"


def comparison_table(found: dict[str, Comparison], first: str, second: str) -> Table:
    """For the terminal."""
    table = Table("mean over films", first, second, "difference\n(95 %)", "Wilcoxon\np", "films\nhigher", "films\nlower", show_lines=True)
    for name, one in found.items():
        p_value = "–" if one.p_value is None else f"{one.p_value:.2g}"
        values = (format_value(name, one.first), format_value(name, one.second), format_difference(one))
        table.add_row((SHORT_TITLES | ANGLE_SHORT_TITLES)[name], *values, p_value, str(one.higher), str(one.lower))
    return table


def read_evaluation(folder: Path) -> Evaluation:
    """What evaluate.py wrote of a pipeline.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is of an older version.
    """
    path = folder / "vertebrae.csv"
    if not path.is_file():
        found = f"it has no `{path.name}`" if folder.is_dir() else "there is no such folder"
        raise FileNotFoundError(f"Expected an evaluation of a pipeline in `{folder}`, but {found}. Give the `output` of evaluate.py.")
    angles = folder / "angles.csv"
    vertebrae, results = _read_csv(path, "patient_id"), folder / "results.json"
    protocol = json.loads(results.read_text(encoding="utf-8")).get("protocol") if results.is_file() else None
    return Evaluation(vertebrae, _read_csv(angles, "error_deg") if angles.is_file() else None, protocol)


def _read_csv(path: Path, newest: str) -> pd.DataFrame:
    """A table that has the column that was added to it last."""
    texts = {"film_id": str, "patient_id": str, "true_level": str, "predicted_level": str}
    # A patient may be called NA.
    rows = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
    if newest not in rows:
        raise ValueError(f"Expected `{newest}` in `{path}`, but it is of an older version. Evaluate again.")
    return rows


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(prog="python -m spinefm.evaluation.compare", description="Compare two evaluations of the same films.")
    parser.add_argument("first", type=Path, help="output folder of evaluate.py")
    parser.add_argument("second", type=Path, help="likewise; differences are second minus first")
    options = parser.parse_args()
    found = compare(read_evaluation(options.first), read_evaluation(options.second))
    Console().print(comparison_table(found, options.first.name, options.second.name))


if __name__ == "__main__":
    run_script(main)
