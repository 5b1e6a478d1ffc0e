"""AASCE 2019 (SpineWeb 16): AP whole-spine films with the corners of T1..L5, in the publisher's layout."""

import csv
import logging
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Unpack

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track

from spinefm.anatomy import levels_between
from spinefm.data.film_source import FilmSource, check_folder, safe_id, stamp
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.data.outcomes import kept_outcome
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.annotation import Annotation
from spinefm.data.reading.corners import is_collapsed, is_ring, ordered_ring
from spinefm.data.reading.film_files import read_thumbnail
from spinefm.data.splits.grouping import SAME_FILM, joined_groups, similar_films
from spinefm.geometry.centroids import principal_axis_order
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.measurements.challenge import challenge_angles
from spinefm.measurements.tilts import tilt
from spinefm.structures import CobbAngles, View

logger = logging.getLogger(__name__)

LEVELS = levels_between("T1", "L5")
_MAX_OVERLAP = 0.1
_THUMBNAIL = (32, 64)
"""Columns and rows."""
CAMPAIGNS = ("first_campaign", "second_campaign")
_CAMPAIGN_OF = {"Jul-2016": CAMPAIGNS[0], "Nov-2016": CAMPAIGNS[0], "Dec-2016": CAMPAIGNS[1], "Jan-2017": CAMPAIGNS[1]}
_NEW_COPY = "Take all tables from the same release."

Rings = NDArray[np.float64]
"""(17, 4, 2): the ring of each vertebra; see `spinefm.data.reading.corners`."""


class AasceDataset(FolderDataset):
    """AASCE 2019 / SpineWeb 16, as published: `data/<part>/*.jpg` and `labels/<part>/{filenames,landmarks,angles}.csv`.

    Known label faults are repaired where the corners leave no doubt, else the film is left out; see `repair`. Both are counted
    in the log. Films of one serial number, and films that are copies of each other, count as one patient's.

    Cobb angles are those of `angles.csv`. Of films whose corners or rows were put into their order they are computed anew, as the
    published ones are those of the disorder: the largest is the same, the others are not. Without `angles.csv` no film has angles.

    Args:
        root: Folder that holds `data` and `labels`.
        part: The publisher's, `training` or `test`; how its films are divided among our splits is a matter of `options`.
        options: See `FolderDataset`.

    Raises:
        DataError: If the root, a table or a film is missing or damaged, or the tables do not match each other.
    """

    name = "aasce"

    def __init__(self, root: str, part: str = "training", **options: Unpack[DatasetOptions]) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder that holds `data` and `labels`")
        labels = folder / "labels" / part
        paths, table = _read_tables(folder / "data" / part, labels)
        angles = _read_angles(labels / "angles.csv", len(paths))
        problems, rings = list[Problem](), dict[Path, Rings]()
        known: dict[Path, CobbAngles | None] = {}
        for path, row, published in zip(paths, table, angles, strict=True):
            size = _film_size(path)
            try:
                rings[path], repairs = repair(_to_pixels(row, size))
            except ValueError as error:
                problems.append(Problem(path, "to have 17 separate vertebrae", str(error), "It is left out.", False, safe_id(path.stem)))
                continue
            known[path] = _angles_of(rings[path], size[1]) if published and repairs else published
            expected = [f"to have its {what} in order" for what in repairs]
            problems += [Problem(path, each, "another order", "It was mended.", False, safe_id(path.stem)) for each in expected]
        patients = joined_groups([patient_key(path.stem) for path in paths], _copies(paths, options.get("cache_dir")))
        self._rings = {safe_id(path.stem): ring for path, ring in rings.items()}
        usable = [(path, patient) for path, patient in zip(paths, patients, strict=True) if path in rings]
        sources = [_source(path, patient, rings[path], known[path]) for path, patient in usable]
        logger.info("aasce: %d of %d films, %d patient groups", len(sources), len(paths), len({source.patient_id for source in sources}))
        super().__init__(folder, sources, problems, **options)

    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """See `FolderDataset.annotation`."""
        rings = zip(self._rings[source.film_id], LEVELS, strict=True)
        found = [polygon_to_vertebra(ring, size, level) for ring, level in rings]
        return Annotation([vertebra for vertebra in found if vertebra is not None])


def patient_key(stem: str) -> str:
    """The serial number in a film's name ("sunhl-1th-06-Jan-2017-182 A AP" gives "182"); the whole name where there is none.

    Official test films are also written in small letters ("sunhl-1th-01-Mar-2017-310 a ap").

    The letters count films of one serial; whether of one person is not documented, and one group is the safe reading.
    """
    serial = re.search(r"-(\d+) [A-Z]+ AP", stem, re.IGNORECASE)
    return serial[1] if serial else stem


def campaign(stem: str) -> str | None:
    """Which of two campaigns annotated a film, by the month in its name; None of any other month, as of official test films (March 2017).

    What the months stand for is not documented, but in those of the second outlines are 27 % smaller than in those of the first
    (`experiments/aasce`). How films of other months are annotated is not known.
    """
    month = re.search(r"-\d\d-([A-Z][a-z]{2}-\d{4})-", stem)
    return _CAMPAIGN_OF.get(month[1]) if month else None


def repair(rings: Rings) -> tuple[Rings, tuple[str, ...]]:
    """Put corners and vertebrae into their order.

    Args:
        rings: As annotated, in pixels.

    Returns:
        True rings, from head to foot, and the names of the repairs made.

    Raises:
        ValueError: If no order makes 17 separate vertebrae of them; the message is the reason.
    """
    corners = np.stack([ring if is_ring(ring) else ordered_ring(ring) for ring in rings])
    order = principal_axis_order(corners.mean(1))
    repaired = corners[order]
    _check_shapes(repaired)
    made = ("corners",) * bool((corners != rings).any()) + ("rows",) * bool((order != np.arange(len(order))).any())
    return repaired, made


def _check_shapes(rings: Rings) -> None:
    if any(is_collapsed(ring) for ring in rings):
        raise ValueError("a collapsed vertebra")
    if any(_overlap(upper, lower) > _MAX_OVERLAP for upper, lower in pairwise(rings.astype(np.float32))):
        raise ValueError("overlapping vertebrae")


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Intersection over union of two convex polygons."""
    first, second = np.ascontiguousarray(first), np.ascontiguousarray(second)
    shared, _ = cv2.intersectConvexConvex(first, second)
    return float(shared / (cv2.contourArea(first) + cv2.contourArea(second) - shared))


def _source(path: Path, patient: str, rings: Rings, angles: CobbAngles | None) -> FilmSource:
    row, stratum = rings.tobytes().hex(), _severity(rings)
    reader = campaign(path.stem)
    return FilmSource(safe_id(path.stem), path, patient, View.AP_SPINE, row=row, stratum=stratum, cobb_angles=angles, reader=reader)


def _angles_of(rings: Rings, height: int) -> CobbAngles:
    corners = rings[:, [0, 1, 3, 2]]
    return challenge_angles(np.array([tilt(its) for its in corners]), corners, height)


def _severity(rings: Rings) -> str:
    """Rough grade of scoliosis: the largest angle between two vertebrae, by the clinical bounds of 25 and 45 degrees."""
    across = (rings[:, 1] + rings[:, 2] - rings[:, 0] - rings[:, 3]) / 2
    degrees = float(np.ptp(np.degrees(np.arctan2(across[:, 1], across[:, 0]))))
    return "mild" if degrees < 25 else "moderate" if degrees < 45 else "severe"


def _film_size(path: Path) -> tuple[int, int]:
    """(width, height) in pixels."""
    try:
        with Image.open(path) as image:
            return image.size
    except OSError as error:
        raise DataError(Problem(path, "to be a JPEG film", str(error), "Copy the data set again.")) from error


def _to_pixels(row: NDArray[np.float64], size: tuple[int, int]) -> Rings:
    """Rings of a row of 68 x over width and then 68 y over height, corners in the order TL, TR, BL, BR."""
    return np.asarray(row.reshape(2, -1).T * size).reshape(len(LEVELS), 4, 2)[:, [0, 1, 3, 2]]


def _read_tables(images: Path, labels: Path) -> tuple[list[Path], NDArray[np.float64]]:
    """The films and their (N, 136) corners."""
    names = [row[0].strip() for row in _read_csv(labels / "filenames.csv") if row]
    table = _numbers(labels / "landmarks.csv", len(names), len(LEVELS) * 8)
    paths = [images / name for name in names]
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        expected, found = f"to hold the {len(paths)} films of `filenames.csv`", f"{len(missing)} missing, such as `{missing[0]}`"
        raise DataError(Problem(images, expected, found, "Complete the data set or set `dataset.root=<folder>`."))
    return paths, table


def _read_csv(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise DataError(Problem(path, "to be a table of AASCE", "nothing", "Set `dataset.root=<folder that holds data and labels>`."))
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.reader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(Problem(path, "to be a table in UTF-8", f"one that cannot be read ({error})", "Complete the data set.")) from error


def _read_angles(path: Path, count: int) -> list[CobbAngles | None]:
    """The published angles of each film; None where there is no table."""
    if not path.is_file():
        logger.info("aasce: no `%s`, so that no Cobb angles are known", path)
        return [None] * count
    return [(float(first), float(second), float(third)) for first, second, third in _numbers(path, count, 3)]


def _numbers(path: Path, count: int, width: int) -> NDArray[np.float64]:
    rows = [row for row in _read_csv(path) if row]
    widths = sorted({len(row) for row in rows})
    if len(rows) != count or widths != [width]:
        expected = f"to hold {count} rows of {width} numbers, one per name in `filenames.csv`"
        raise DataError(Problem(path, expected, f"{len(rows)} rows of {widths}", _NEW_COPY))
    try:
        table = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise DataError(Problem(path, "to hold numbers only", str(error), _NEW_COPY)) from error
    if not np.isfinite(table).all():
        raise DataError(Problem(path, "to hold finite numbers", "nan or infinity", _NEW_COPY))
    return table


def _copies(paths: Sequence[Path], cache_dir: str | None) -> list[tuple[int, int]]:
    """Positions of films that show the same exposure, cropped or graded in another way."""
    depends_on = str(SAME_FILM), str(_THUMBNAIL), *map(stamp, paths)
    return [(first, second) for first, second in kept_outcome(cache_dir, "aasce-copies", depends_on, lambda: _search_copies(paths))]


def _search_copies(paths: Sequence[Path]) -> list[tuple[int, int]]:
    return similar_films([read_thumbnail(path, *_THUMBNAIL) for path in track(paths, "Looking for copies of films")])
