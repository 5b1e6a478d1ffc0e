"""BUU-LSPINE: lumbar films with the ends of every endplate, L1..L5 and, on lateral films, the upper one of S1."""

import csv
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from spinefm.anatomy import levels_between
from spinefm.data.film_source import FilmSource, check_folder, known_view, safe_id
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.annotation import Annotation
from spinefm.data.reading.corners import is_collapsed, is_ring, ordered_ring
from spinefm.data.reading.film_folders import ImageFolder
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.structures import Landmark, Vertebra, View

LEVELS = levels_between("L1", "L5")
FOLDERS: Mapping[str, str] = MappingProxyType({"LA": View.LATERAL_LUMBAR.value, "AP": View.AP_SPINE.value})
_NUM_BODY_ROWS = 2 * len(LEVELS)


class BuuLspineDataset(FolderDataset):
    """BUU-LSPINE: `LA/<name>.jpg` with `LA/<name>.csv`, and `AP` likewise where it is there.

    A table has no header and a row (x1, y1, x2, y2[, class]) for each endplate from L1's upper to L5's lower one, on lateral films
    also S1's upper one, which becomes two landmarks. The digits before the first hyphen of a name are the patient.

    Args:
        root: Folder that holds `LA`.
        folders: View of the films in each folder below the root; folders that are not there are passed over.
        options: See `FolderDataset`.

    Raises:
        DataError: If no folder holds an annotated film.
    """

    name = "buu_lspine"

    def __init__(self, root: str, folders: Mapping[str, str] = FOLDERS, **options: Unpack[DatasetOptions]) -> None:
        base = check_folder(Path(root).expanduser(), "the folder of BUU-LSPINE")
        problems, sources = list[Problem](), list[FilmSource]()
        for folder, named in folders.items():
            view, images = known_view(named, f"dataset.folders.{folder}"), ImageFolder(base / folder)
            for path in sorted((base / folder).glob("[!.]*.csv")):
                film_id = safe_id(f"{folder}_{path.stem}")
                try:
                    image = images.only(path.stem, path)
                    sources.append(FilmSource(film_id, image, patient_key(path.stem), view, (path,)))
                except DataError as error:
                    problems.append(replace(error.problem, film_id=film_id))
        super().__init__(base, sources, problems, **options)

    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """See `FolderDataset.annotation`."""
        (path,) = source.annotations
        rows = read_endplates(path)
        bodies = rows[:_NUM_BODY_ROWS].reshape(len(LEVELS), 4, 2)[:, [0, 1, 3, 2]]
        vertebrae = [_vertebra(body, level, size, path, report) for body, level in zip(bodies, LEVELS, strict=True)]
        ends = sorted((float(x), float(y)) for x, y in rows[_NUM_BODY_ROWS:].reshape(-1, 2))
        return Annotation(vertebrae, [Landmark("S1", part, end) for part, end in zip(("top left", "top right"), ends, strict=False)])


def patient_key(stem: str) -> str:
    """The digits at the start of a name ("0001-F-037Y0" gives "0001"); the whole name where there are none."""
    digits = re.match(r"\d+", stem)
    return digits[0] if digits else stem


def read_endplates(path: Path) -> NDArray[np.float64]:
    """(10 or 11, 4): x1, y1, x2, y2 of each endplate, from head to foot, pixels.

    Raises:
        DataError: If the table has other rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = np.array([row[:4] for row in csv.reader(file) if row], dtype=np.float64)
    except (OSError, ValueError, csv.Error) as error:
        raise DataError(Problem(path, "to hold rows of x1, y1, x2, y2", str(error), "Copy it again.")) from error
    if table.shape not in ((_NUM_BODY_ROWS, 4), (_NUM_BODY_ROWS + 1, 4)) or not np.isfinite(table).all():
        expected = f"to hold {_NUM_BODY_ROWS} or {_NUM_BODY_ROWS + 1} rows of x1, y1, x2, y2"
        raise DataError(Problem(path, expected, f"an array of shape {table.shape}", "Copy it again."))
    return table


def _vertebra(body: NDArray[np.float64], level: str, size: tuple[int, int], path: Path, report: Report) -> Vertebra:
    # The first point is the anterior one, so that patients who face right have their corners mirrored.
    ring = body if is_ring(body) else body[[1, 0, 3, 2]]
    if not is_ring(ring):
        ring = ordered_ring(body)
        report(Problem(path, f"to give {level} its endplates and their ends in order", "another order", "It was mended.", fatal=False))
    vertebra = None if is_collapsed(ring) else polygon_to_vertebra(ring, size, level)
    if vertebra is None:
        raise DataError(Problem(path, f"to give {level} two endplates on the film", f"{body.round(1).tolist()}", "Draw them again."))
    return vertebra
