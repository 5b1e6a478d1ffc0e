"""`films.csv`: what an annotation format has no place for – whose a film is, its view, its spacing, its split."""

import csv
from pathlib import Path
from typing import NamedTuple

from spinefm.data.problems import DataError, Problem
from spinefm.data.splits import SPLITS
from spinefm.structures import Split, View

NAME = "films.csv"


class FilmRow(NamedTuple):
    """One film's row; None where the table says nothing.

    Attributes:
        patient_id: See `Radiograph`.
        view: See `Radiograph`.
        spacing_mm: See `Radiograph`.
        split: Which split it is published in.
    """

    patient_id: str | None = None
    view: View | None = None
    spacing_mm: float | None = None
    split: Split | None = None


COLUMNS = ("film_id", *FilmRow._fields)


def read_film_table(root: Path) -> dict[str, FilmRow]:
    """The rows of `<root>/films.csv` by film id; nothing where there is no such file.

    Raises:
        DataError: On an unknown column or a value that no film can have.
    """
    path = root / NAME
    if not path.is_file():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        columns = tuple(reader.fieldnames or ())
        if "film_id" not in columns or not set(columns) <= set(COLUMNS):
            expected = f"to have the column film_id and any of {', '.join(COLUMNS[1:])}"
            raise DataError(Problem(path, expected, ", ".join(columns) or "no header", "Correct the header."))
        return {row["film_id"]: _row(path, number, row) for number, row in enumerate(reader, start=2)}


def write_film_table(path: Path, rows: dict[str, FilmRow]) -> None:
    """Write a table that `read_film_table` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((film_id, *row) for film_id, row in rows.items())


def _row(path: Path, number: int, row: dict[str, str | None]) -> FilmRow:
    view, split, spacing = row.get("view"), row.get("split"), row.get("spacing_mm")
    try:
        spacing_mm = float(spacing) if spacing else None
        if spacing_mm is not None and not 0 < spacing_mm < 10:
            raise ValueError(spacing_mm)
        return FilmRow(row.get("patient_id") or None, View(view) if view else None, spacing_mm, _split(split))
    except ValueError as error:
        expected = f"to hold a view ({', '.join(View)}), a spacing in mm and a split ({', '.join(SPLITS)}), or nothing, in each row"
        raise DataError(Problem(path, expected, f"{view!r}, {spacing!r}, {split!r} in line {number}", "Correct the line.")) from error


def _split(name: str | None) -> Split | None:
    return SPLITS[[str(split) for split in SPLITS].index(name)] if name else None
