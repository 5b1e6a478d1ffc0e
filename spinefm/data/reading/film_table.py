"""`films.csv`: what an annotation format has no place for – whose a film is, its view, its spacing, its split, its reader."""

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from spinefm.data.film_source import FilmSource, film_named, known_view
from spinefm.data.problems import DataError, Problem, Report
from spinefm.structures import SPLITS, Split, View

NAME = "films.csv"


class FilmRow(NamedTuple):
    """One film's row; None where the table says nothing.

    Attributes:
        patient_id: See `Radiograph`.
        view: See `Radiograph`.
        spacing_mm: See `Radiograph`.
        split: Which split it is published in.
        reader: See `Radiograph`.
    """

    patient_id: str | None = None
    view: View | None = None
    spacing_mm: float | None = None
    split: Split | None = None
    reader: str | None = None


COLUMNS = ("film_id", *FilmRow._fields)


def read_film_table(root: Path, film_ids: Collection[str], report: Report) -> dict[str, FilmRow]:
    """What `<root>/films.csv` says of each film, by its id; nothing where it has no row for it, or there is no such file.

    Args:
        root: Folder of the data set.
        film_ids: The films that are there.
        report: Takes what does not fit.

    Raises:
        DataError: On another header, a film in two rows, a row that is too long, or a value that no film can have.
    """
    path, table = root / NAME, dict.fromkeys(film_ids, FilmRow())
    rows, others = dict[str, FilmRow](), list[str]()
    for number, cells in _cells(path) if path.is_file() else ():
        film_id, row = film_named(cells["film_id"], table), _row(path, number, cells)
        if film_id is None:
            others.append(cells["film_id"])
        elif rows.setdefault(film_id, row) is not row:
            raise DataError(Problem(path, "to have one row for each film", f"{film_id!r} again in line {number}", "Remove one."))
    table |= rows
    for problem in (*_unused(path, others), *_without_patient(path, table)):
        report(problem)
    return table


def table_source(row: FilmRow, film_id: str, image: Path, view: str, annotations: tuple[Path, ...] = (), content: str = "") -> FilmSource:
    """A film with what the table says of it.

    Args:
        row: From `read_film_table`.
        film_id: See `FilmSource`.
        image: See `FilmSource`.
        view: View where the table does not tell.
        annotations: See `FilmSource`.
        content: `row` of `FilmSource`.

    Raises:
        ValueError: If there is no such view.
    """
    otherwise = known_view(view, "dataset.view")
    return FilmSource(
        film_id, image, row.patient_id or film_id, row.view or otherwise, annotations, content,
        split=row.split, spacing_mm=row.spacing_mm, reader=row.reader,
    )  # fmt: skip


def write_film_table(path: Path, rows: dict[str, FilmRow]) -> None:
    """Write a table that `read_film_table` reads."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((film_id, *row) for film_id, row in rows.items())


def _cells(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Line and cells of each row, by column; rows without any are left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            columns = reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
            rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(Problem(path, "to be a table in UTF-8", str(error), "Save it as `CSV UTF-8`.")) from error
    if "film_id" not in columns or Counter(columns) - Counter(COLUMNS):
        expected = f"to have the column film_id and any of {', '.join(COLUMNS[1:])}, each once"
        raise DataError(Problem(path, expected, ", ".join(columns) or "no header", "Correct the header."))
    cells = ((number, _stripped(path, number, row)) for number, row in rows)
    return [(number, row) for number, row in cells if any(row.values())]


def _stripped(path: Path, number: int, row: dict[Any, Any]) -> dict[str, str]:
    """Spreadsheet programs leave blanks behind, and "anna " would be another patient; what lies beyond the columns has to be empty."""
    beyond = [cell.strip() for cell in row.pop(None, [])]
    cells = {column: cell.strip() for column, cell in row.items()}
    if any(beyond):
        expected, found = f"to have {len(cells)} cells in each row", f"{', '.join([*cells.values(), *beyond])} in line {number}"
        raise DataError(Problem(path, expected, found, "Put a cell that holds a comma into quotes."))
    return cells


def _unused(path: Path, names: Sequence[str]) -> Iterator[Problem]:
    """A note of rows that name no film, as when a spreadsheet program has taken the leading zeros of their ids for idle."""
    if names:
        found, remedy = f"{len(names)} other rows, such as {min(names)!r}", "They are not used; correct their film_id."
        yield Problem(path, "to name films that are annotated", found, remedy, fatal=False)


def _without_patient(path: Path, table: Mapping[str, FilmRow]) -> Iterator[Problem]:
    """A note of films without a patient where others have one, lest films of one patient go to two splits unnoticed."""
    film_ids = [film_id for film_id, row in table.items() if row.patient_id is None]
    if 0 < len(film_ids) < len(table):
        found, remedy = f"{len(film_ids)} films without one, such as {film_ids[0]!r}", "Each counts as another patient; add theirs."
        yield Problem(path, "to give every film a patient_id", found, remedy, fatal=False)


def _row(path: Path, number: int, cells: dict[str, str]) -> FilmRow:
    view, split, spacing = cells.get("view"), cells.get("split"), cells.get("spacing_mm")
    try:
        spacing_mm = float(spacing) if spacing else None
        if spacing_mm is not None and not 0 < spacing_mm < 10:
            raise ValueError(spacing_mm)
        patient_id, reader = (cells.get(column) or None for column in ("patient_id", "reader"))
        return FilmRow(patient_id, View(view) if view else None, spacing_mm, _split(split), reader)
    except ValueError as error:
        expected = f"to hold a view ({', '.join(View)}), a spacing in mm and a split ({', '.join(SPLITS)}), or nothing, in each row"
        raise DataError(Problem(path, expected, f"{view!r}, {spacing!r}, {split!r} in line {number}", "Correct the line.")) from error


def _split(name: str | None) -> Split | None:
    return SPLITS[[str(split) for split in SPLITS].index(name)] if name else None
