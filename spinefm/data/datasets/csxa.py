"""CSXA (Ran et al., Sci Data 2024): lateral cervical films with the corners of C3..C7 and three points of C2.

Two layouts are read: the publisher's, and the one that the original SpineFM made of it.
"""

from dataclasses import replace
from pathlib import Path
from typing import Unpack

import pandas as pd
from rich.console import Console

from spinefm.data.datasets.labelme import read_labelme, read_shapes
from spinefm.data.film_source import FilmSource, check_folder, safe_id, stamp
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.data.outcomes import kept_outcome
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.annotation import Annotation
from spinefm.data.reading.mask_files import find_masked_films, read_masks
from spinefm.structures import View

_JSON_FOLDER, _PNG_FOLDER, _TABLE = "datasets-JSON", "datasets-PNG", "datasets.xlsx"
_CASE_DIGITS, _NAME_DIGITS = 4, 7
_PLAUSIBLE_MM = (0.01, 2.0)
_MILLIMETRES = r"^\s*([\d.]+)\s*(?:mm.*)?$"


class CsxaDataset(FolderDataset):
    """CSXA as published (`datasets-PNG`, `datasets-JSON`, `datasets.xlsx`), or with masks (`imgs`, `gts/*.npz`, `data_split`).

    A film's id is its seven-digit name, always a text; the first four digits are the case, which is the patient.

    Args:
        root: Folder that holds these.
        spacing_column: Header of the column of `datasets.xlsx` with the millimetres of a pixel; case and blanks do not matter.
        options: See `FolderDataset`.

    Raises:
        DataError: If neither layout is there, or the table cannot be read.
    """

    name = "csxa"

    def __init__(self, root: str, spacing_column: str = "pixel equivalent", **options: Unpack[DatasetOptions]) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of CSXA")
        published = (folder / _JSON_FOLDER).is_dir()
        sources, problems = _find_published(folder) if published else _find_masked(folder)
        spacings, its_problems = _spacings(folder / _TABLE, spacing_column, options.get("cache_dir"))
        sources = [replace(source, spacing_mm=spacings.get(source.patient_id)) for source in sources]
        super().__init__(folder, sources, problems + its_problems, **options)

    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """See `FolderDataset.annotation`."""
        if source.annotations[0].suffix == ".json":
            (path,) = source.annotations
            return read_shapes(read_labelme(path), path, size, report)
        return Annotation(read_masks(source.annotations, size))


def _source(stem: str, image: Path, annotations: tuple[Path, ...]) -> FilmSource:
    return FilmSource(safe_id(stem), image, stem[:_CASE_DIGITS], View.LATERAL_CERVICAL, annotations)


def _find_published(root: Path) -> tuple[list[FilmSource], list[Problem]]:
    """Films in the publisher's layout: every annotation with the film of its name."""
    sources, problems = list[FilmSource](), list[Problem]()
    for path in sorted((root / _JSON_FOLDER).glob("[!.]*.json")):
        image = root / _PNG_FOLDER / f"{path.stem}.png"
        if image.is_file():
            sources.append(_source(path.stem, image, (path,)))
        else:
            found, remedy = f"no `{image.name}`", "Complete the data set."
            problems.append(Problem(path, f"to have its film in {_PNG_FOLDER}", found, remedy, film_id=safe_id(path.stem)))
    return sources, problems


def _find_masked(root: Path) -> tuple[list[FilmSource], list[Problem]]:
    """Films in the original SpineFM's layout."""
    films, problems = find_masked_films(root)
    return [_source(*film) for film in films], problems


def _spacings(path: Path, column: str, cache_dir: str | None) -> tuple[dict[str, float], list[Problem]]:
    """Millimetres of a pixel by case number; nothing where there is no table or no such column, which is reported."""
    if not path.is_file():
        return {}, [Problem(path, "to hold the pixel spacings", "no such file", "Spacings count as unknown.", fatal=False)]
    depends_on = stamp(path), column, str(_PLAUSIBLE_MM), _MILLIMETRES
    spacings, remarks = kept_outcome(cache_dir, "csxa-spacings", depends_on, lambda: _read_spacings(path, column))
    return spacings, [Problem(path, expected, found, remedy, fatal=False) for expected, found, remedy in remarks]


def _read_spacings(path: Path, column: str) -> tuple[dict[str, float], list[tuple[str, str, str]]]:
    """The same, with what each problem expected, found, and its remedy."""
    try:
        with Console().status(f"Reading {path.name}"):
            table = pd.read_excel(path, header=1, dtype=str)
    except Exception as error:  # A damaged workbook may fail anywhere in the archive, the XML or the table.
        raise DataError(Problem(path, "to be an Excel table", f"{type(error).__name__}: {error}", "Copy it again.")) from error
    columns = {_plain(str(name)): str(name) for name in table.columns}
    if "number" not in columns or _plain(column) not in columns:
        found = ", ".join(map(str, table.columns))
        remedy = "Spacings count as unknown; set `dataset.spacing_column=<name>`."
        return {}, [(f"to have the columns Number and {column} in its second row", found, remedy)]
    numbers = _cases(table[columns["number"]])
    values = pd.to_numeric(table[columns[_plain(column)]].str.extract(_MILLIMETRES, expand=False), errors="coerce")
    plausible = values.between(*_PLAUSIBLE_MM)
    expected, others = f"to hold millimetres between {_PLAUSIBLE_MM[0]} and {_PLAUSIBLE_MM[1]}", int((~plausible).sum())
    remarks = [(expected, f"{others} others", "Their spacings count as unknown.")] if others else []
    return dict(zip(numbers[plausible], values[plausible].astype(float), strict=True)), remarks


def _cases(numbers: "pd.Series[str]") -> "pd.Series[str]":
    """Case numbers of a column of these, or of whole names; a spreadsheet may have dropped the leading zeros of either."""
    digits = numbers.str.extract(r"^\s*(\d+)(?:\.0)?\s*$", expand=False)
    whole_names = digits.str.len().between(_CASE_DIGITS + 1, _NAME_DIGITS).any()
    return digits.str.zfill(_NAME_DIGITS if whole_names else _CASE_DIGITS).str[:_CASE_DIGITS]


def _plain(header: str) -> str:
    return "".join(header.lower().split())
