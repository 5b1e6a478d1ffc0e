"""Tables over all films of an inference: what was found on each, and every curve."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spinefm.files.atomic import atomic_path
from spinefm.measurements.curves import LEAST_CURVE_DEG
from spinefm.structures import Failure

SUMMARY, MEASUREMENTS = "summary.csv", "measurements.csv"

OF_FILMS = ("film_id", "view", "vertebrae", "unknown_levels", "first", "last", "mean_confidence", "least_confidence", "doubts", "dark_bone",
           "stop_up", "stop_down", "failure")  # fmt: skip
"""Columns of `SUMMARY`."""
OF_CURVES = ("film_id", "view", "upper", "lower", "apex", "angle_deg", "direction", "remark")
"""Columns of `MEASUREMENTS`."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class FilmRows:
    """What the tables say of one film.

    Attributes:
        summary: Its row of `summary.csv`.
        curves: Its rows of `measurements.csv`: one per curve, and one per reason why something was left out; at least one.
    """

    summary: Row
    curves: Sequence[Row]

    @classmethod
    def of(cls, content: Row) -> "FilmRows":
        """The rows of a film, by what its `<id>.json` says; see `spine_to_dict`."""
        known = {key: content[key] for key in ("film_id", "view")}
        return cls(known | _summary(content), [{**known, **row} for row in _curves(content)])

    @property
    def failure(self) -> str | None:
        """Why nothing was found, as a sentence; None where something was."""
        name = self.summary["failure"]
        return Failure(name).sentence if name else None

    @classmethod
    def of_failure(cls, film_id: str, reason: str) -> "FilmRows":
        """The rows of a film that could not be used."""
        return cls({"film_id": film_id, "failure": reason}, [{"film_id": film_id, "remark": reason}])


def _summary(content: Row) -> dict[str, Any]:
    confidences = [vertebra["confidence"] for vertebra in content["vertebrae"]]
    levels = [vertebra["level"] for vertebra in content["vertebrae"]]
    found = {"first": levels[0], "last": levels[-1]} if levels else {}
    sure = {"mean_confidence": round(float(np.mean(confidences)), 4), "least_confidence": min(confidences)} if levels else {}
    stops = {f"stop_{direction}": reason for direction, reason in content["stops"].items()}
    number = {"vertebrae": len(levels), "unknown_levels": levels.count(None), "dark_bone": content["dark_bone"]}
    return {**number, **found, **sure, **stops, "doubts": "; ".join(content["doubts"]), "failure": content["failure"]}


def _curves(content: Row) -> list[Row]:
    failed = [Failure(content["failure"]).sentence] if content["failure"] else []
    none = [] if content["curves"] else [f"No curve of at least {LEAST_CURVE_DEG:g} degrees."]
    remarks = [*failed, *content["measurements_left_out"]] or none
    return [*content["curves"], *({"remark": remark} for remark in remarks)]


def write_tables(folder: str | Path, films: Sequence[str], found: Iterable[FilmRows], failures: Mapping[str, str]) -> None:
    """Write `summary.csv` and `measurements.csv`, each whole or not at all.

    Args:
        folder: Made if absent.
        films: Ids of all films, in the order in which they are to stand.
        found: Of films, in any order.
        failures: Why films failed, by id; those of which nothing was found get rows with the reason.
    """
    known = {str(rows.summary["film_id"]): rows for rows in found}
    unread = {film_id: FilmRows.of_failure(film_id, reason) for film_id, reason in failures.items() if film_id not in known}
    ordered = [rows for film_id in films if (rows := (known | unread).get(film_id))]
    _write(Path(folder) / SUMMARY, OF_FILMS, [rows.summary for rows in ordered])
    _write(Path(folder) / MEASUREMENTS, OF_CURVES, [row for rows in ordered for row in rows.curves])


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
