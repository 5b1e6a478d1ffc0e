"""`films.csv`: what an annotation format has no place for – whose a film is, its view, its spacing, its split."""

import csv
from collections.abc import Collection, Mapping
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
        DataError: On an unknown column, a film in two rows, or a value that no film can have.
    """
    path, rows = root / NAME, dict[str, FilmRow]()
    for number, cells in enumerate(_cells(path) if path.is_file() else (), start=2):
        film_id, row = cells["film_id"] or "", _row(path, number, cells)
        if any(cells.values()) and rows.setdefault(film_id, row) is not row:
            raise DataError(Problem(path, "to have one row for each film", f"{film_id!r} again in line {number}", "Remove one."))
    return rows


def view_of(row: FilmRow, default: str) -> View:
    """The view that a row names, else the default.

    Raises:
        ValueError: If there is no such view.
    """
    if default not in [*View]:
        raise ValueError(f"Expected `dataset.view` to be one of {', '.join(View)}, but got {default!r}.")
    return row.view or View(default)


def check_rows(root: Path, table: Mapping[str, FilmRow], film_ids: Collection[str]) -> list[Problem]:
    """A problem if rows name no film, as when a spreadsheet program has taken the leading zeros of their ids for idle."""
    unused = sorted(set(table) - set(film_ids))
    if not unused:
        return []
    found = f"{len(unused)} other rows, such as {unused[0]!r}"
    return [Problem(root / NAME, "to name films that are annotated", found, "They are not used; correct their film_id.", fatal=False)]


def write_film_table(path: Path, rows: dict[str, FilmRow]) -> None:
    """Write a table that `read_film_table` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((film_id, *row) for film_id, row in rows.items())


def _cells(path: Path) -> list[dict[str, str | None]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns, cells = tuple(reader.fieldnames or ()), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(Problem(path, "to be a table in UTF-8", str(error), "Save it as `CSV UTF-8`.")) from error
    if "film_id" not in columns or not set(columns) <= set(COLUMNS):
        expected = f"to have the column film_id and any of {', '.join(COLUMNS[1:])}"
        raise DataError(Problem(path, expected, ", ".join(columns) or "no header", "Correct the header."))
    return cells


def _row(path: Path, number: int, cells: dict[str, str | None]) -> FilmRow:
    view, split, spacing = cells.get("view"), cells.get("split"), cells.get("spacing_mm")
    try:
        spacing_mm = float(spacing) if spacing else None
        if spacing_mm is not None and not 0 < spacing_mm < 10:
            raise ValueError(spacing_mm)
        return FilmRow(cells.get("patient_id") or None, View(view) if view else None, spacing_mm, _split(split))
    except ValueError as error:
        expected = f"to hold a view ({', '.join(View)}), a spacing in mm and a split ({', '.join(SPLITS)}), or nothing, in each row"
        raise DataError(Problem(path, expected, f"{view!r}, {spacing!r}, {split!r} in line {number}", "Correct the line.")) from error


def _split(name: str | None) -> Split | None:
    return SPLITS[[str(split) for split in SPLITS].index(name)] if name else None
