"""AASCE 2019 (SpineWeb 16): AP whole-spine films with the corners of T1..L5, in the publisher's layout."""

import csv
import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import overload

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from spinefm.anatomy import levels_between
from spinefm.atomic import write_json
from spinefm.data.dataset import RadiographDataset
from spinefm.data.film_files import FilmError, read_film, read_thumbnail
from spinefm.data.splits import FRACTIONS, SAME_FILM, SPLITS, check_disjoint, grouped_split, joined_groups, similar_films
from spinefm.geometry import polygon_to_vertebra, principal_axis_order
from spinefm.structures import Radiograph, Split, View

logger = logging.getLogger(__name__)

LEVELS = levels_between("T1", "L5")
CACHE_DIR = Path("~/.cache/spinefm")
_MAX_OVERLAP = 0.1
_MIN_EDGE_RATIO = 0.1
_THUMBNAIL = (32, 64)
"""Columns and rows."""

Quads = NDArray[np.float64]
"""(17, 4, 2): top left, top right, bottom left, bottom right corner (x, y) of each vertebra."""


@dataclass(frozen=True, eq=False)
class _Labelled:
    """A film and its repaired annotation; corners in pixels."""

    path: Path
    film_id: str
    patient_id: str
    quads: Quads


class AasceDataset(RadiographDataset):
    """AASCE 2019 / SpineWeb 16, as published: `data/training/*.jpg` and `labels/training/{filenames,landmarks}.csv`.

    Known label faults are repaired where the corners leave no doubt, else the film is left out; see `repair`.

    Args:
        root: Folder that holds `data` and `labels`.
        seed: Another seed splits the patients in another way.
        fractions: Share of the films in each split.
        landmarks: See `RadiographDataset`.
        terminals: See `RadiographDataset`.
        cache_dir: Where the outcome of the search for copies of films is kept.

    Raises:
        FileNotFoundError: If the root, a table or a film is missing.
        ValueError: If the tables do not match each other or a film is damaged.
    """

    name = "aasce"

    def __init__(
        self,
        root: str | Path,
        seed: int = 0,
        fractions: Mapping[Split, float] = FRACTIONS,
        landmarks: Sequence[str] = ("T1", "L5"),
        terminals: Sequence[str] = ("T1", "L5"),
        cache_dir: str | Path = CACHE_DIR,
    ) -> None:
        self.landmarks, self.terminals = tuple(landmarks), tuple(terminals)
        paths, table, digest = _read_tables(Path(root).expanduser())
        patients = joined_groups([patient_key(path.stem) for path in paths], _copies(paths, Path(cache_dir).expanduser(), digest))
        films = _label(paths, table, patients)
        strata = [_severity(film.quads) for film in films]
        chosen = grouped_split([film.patient_id for film in films], strata, fractions, seed)
        self._films = {split: [film for film, its in zip(films, chosen, strict=True) if its == split] for split in SPLITS}
        check_disjoint({split: [film.patient_id for film in members] for split, members in self._films.items()})
        # Outcomes, not only settings: a fingerprint also changes when a later release repairs or divides differently.
        outcomes = (f"{film.film_id} {film.patient_id} {its} {film.quads.tobytes().hex()}" for film, its in zip(films, chosen, strict=True))
        self._fingerprint = _digest(digest, str(seed), *(f"{split}={fractions.get(split, 0.0)}" for split in SPLITS), *outcomes)

    def split(self, split: Split) -> Sequence[Radiograph]:
        """The films of one split, read when indexed, in the order of `filenames.csv`."""
        if split not in self._films:
            raise ValueError(f"Expected `split` to be one of {', '.join(SPLITS)}, but got {split!r}.")
        return _Films(self._films[split])

    @property
    def fingerprint(self) -> str:
        """Digest of film names, sizes and times, repaired corners, split settings and splits."""
        return self._fingerprint


class _Films(Sequence[Radiograph]):
    """Labelled films, read when indexed."""

    def __init__(self, films: Sequence[_Labelled]) -> None:
        self._labelled = films

    def __len__(self) -> int:
        return len(self._labelled)

    @overload
    def __getitem__(self, index: int) -> Radiograph: ...
    @overload
    def __getitem__(self, index: slice) -> "_Films": ...
    def __getitem__(self, index: int | slice) -> "Radiograph | _Films":
        if isinstance(index, slice):
            return _Films(self._labelled[index])
        film = self._labelled[index]
        pixels, spacing_mm = read_film(film.path)
        polygons = zip(film.quads[:, [0, 1, 3, 2]], LEVELS, strict=True)
        size = pixels.shape[0], pixels.shape[1]
        found = [polygon_to_vertebra(polygon, size, level) for polygon, level in polygons]
        vertebrae = tuple(vertebra for vertebra in found if vertebra is not None)
        return Radiograph(film.film_id, pixels, vertebrae, View.AP_SPINE, film.patient_id, spacing_mm)


def patient_key(stem: str) -> str:
    """The serial number in a film's name ("sunhl-1th-06-Jan-2017-182 A AP" gives "182"); the whole name where there is none.

    The letters count films of one serial; whether of one person is not documented, and one group is the safe reading.
    """
    serial = re.search(r"-(\d+) [A-Z]+ AP", stem)
    return serial[1] if serial else stem


def repair(quads: Quads) -> tuple[Quads, tuple[str, ...]]:
    """Put corners and vertebrae into their order.

    Args:
        quads: As annotated, in pixels.

    Returns:
        The corners as TL, TR, BL, BR and the vertebrae from head to foot, and the names of the repairs made.

    Raises:
        ValueError: If no order makes 17 separate vertebrae of them; the message is the reason.
    """
    corners = np.stack([quad if _is_ordered(quad) else _ordered_corners(quad) for quad in quads])
    order = principal_axis_order(corners.mean(1))
    repaired = corners[order]
    _check_shapes(repaired)
    made = ("corners",) * bool((corners != quads).any()) + ("rows",) * bool((order != np.arange(len(order))).any())
    return repaired, made


def _is_ordered(quad: NDArray[np.float64]) -> bool:
    """Whether the four corners run TL, TR, BL, BR around a convex shape."""
    ring = quad[[0, 1, 3, 2]]
    edges = np.roll(ring, -1, axis=0) - ring
    following = np.roll(edges, -1, axis=0)
    return bool((edges[:, 0] * following[:, 1] - edges[:, 1] * following[:, 0] > 0).all())


def _ordered_corners(quad: NDArray[np.float64]) -> NDArray[np.float64]:
    offsets = quad - quad.mean(0)
    ring = quad[np.argsort(np.arctan2(offsets[:, 1], offsets[:, 0]))]
    # Clockwise on the film; the upper edge is the one that runs most nearly from left to right.
    edges = np.roll(ring, -1, axis=0) - ring
    directions = edges[:, 0] / np.maximum(np.linalg.norm(edges, axis=1), 1e-9)
    return np.roll(ring, -int(directions.argmax()), axis=0)[[0, 1, 3, 2]]


def _check_shapes(quads: Quads) -> None:
    rings = np.ascontiguousarray(quads[:, [0, 1, 3, 2]], dtype=np.float32)
    edges = np.linalg.norm(np.roll(rings, -1, axis=1) - rings, axis=2)
    if (edges.min(1) < _MIN_EDGE_RATIO * edges.max(1)).any() or not all(_is_ordered(quad) for quad in quads):
        raise ValueError("collapsed vertebra")
    if any(_overlap(upper, lower) > _MAX_OVERLAP for upper, lower in pairwise(rings)):
        raise ValueError("overlapping vertebrae")


def _overlap(first: NDArray[np.float32], second: NDArray[np.float32]) -> float:
    """Intersection over union of two convex polygons."""
    shared, _ = cv2.intersectConvexConvex(first, second)
    return float(shared / (cv2.contourArea(first) + cv2.contourArea(second) - shared))


def _severity(quads: Quads) -> str:
    """Rough grade of scoliosis: the largest angle between two vertebrae, by the clinical bounds of 25 and 45 degrees."""
    across = (quads[:, 1] + quads[:, 3] - quads[:, 0] - quads[:, 2]) / 2
    degrees = float(np.ptp(np.degrees(np.arctan2(across[:, 1], across[:, 0]))))
    return "mild" if degrees < 25 else "moderate" if degrees < 45 else "severe"


def _label(paths: Sequence[Path], table: NDArray[np.float64], patients: Sequence[str]) -> list[_Labelled]:
    """Repair what can be repaired, leave out the rest, and log how many of each."""
    films, outcomes = [], Counter[str]()
    for path, row, patient in zip(paths, table, patients, strict=True):
        annotated = _to_pixels(path, row)
        try:
            quads, repairs = repair(annotated)
        except ValueError as reason:
            outcomes[f"left out: {reason}"] += 1
            logger.debug("%s is left out: %s", path.name, reason)
            continue
        outcomes.update(f"repaired: {name}" for name in repairs)
        films.append(_Labelled(path, re.sub(r"[^\w.-]+", "_", path.stem), patient, quads))
    _check_unique([film.film_id for film in films])
    logger.info("aasce: %d of %d films, %d patient groups; %s", len(films), len(paths), len({f.patient_id for f in films}), dict(outcomes))
    return films


def _check_unique(film_ids: Sequence[str]) -> None:
    twice = [film_id for film_id, count in Counter(film_ids).items() if count > 1]
    if twice:
        raise ValueError(f"Expected every film once in `filenames.csv`, but found {twice[0]!r} twice or more. Remove the repeated row.")


def _to_pixels(path: Path, row: NDArray[np.float64]) -> Quads:
    """(17, 4, 2) corners of a row of 68 x over width and then 68 y over height."""
    try:
        with Image.open(path) as image:
            size = image.size
    except OSError as error:
        raise FilmError(f"Expected `{path}` to be a JPEG film, but found {error}. Copy the data set again.") from error
    return np.asarray(row.reshape(2, -1).T * size).reshape(len(LEVELS), 4, 2)


def _read_tables(root: Path) -> tuple[list[Path], NDArray[np.float64], str]:
    """The films, their (N, 136) corners, and a digest of both."""
    labels = root / "labels" / "training"
    names = [row[0].strip() for row in _read_csv(labels / "filenames.csv") if row]
    rows = [row for row in _read_csv(labels / "landmarks.csv") if row]
    table = _numbers(labels / "landmarks.csv", rows, len(names))
    paths = [root / "data" / "training" / name for name in names]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(
            f"Expected the {len(paths)} films of `filenames.csv` in `{root / 'data' / 'training'}`, but {len(missing)} are missing, "
            f"such as `{missing[0].name}`. Complete the data set or set `dataset.root=<folder>`."
        )
    stats = [(path.name, path.stat()) for path in paths]
    return paths, table, _digest(table.tobytes().hex(), *(f"{name}/{stat.st_size}/{stat.st_mtime_ns}" for name, stat in stats))


def _read_csv(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise FileNotFoundError(
            f"Expected the AASCE table `{path}`, but there is none. Set `dataset.root=<folder>` to the one that holds `data` and `labels`."
        )
    with path.open(newline="", encoding="utf-8-sig") as file:
        return list(csv.reader(file))


def _numbers(path: Path, rows: Sequence[Sequence[str]], count: int) -> NDArray[np.float64]:
    width = len(LEVELS) * 8
    widths = sorted({len(row) for row in rows})
    if len(rows) != count or widths != [width]:
        raise ValueError(
            f"Expected `{path}` to hold {count} rows of {width} numbers, one per name in `filenames.csv`, but found {len(rows)} rows "
            f"of {widths}. Take both tables from the same release, or set `dataset.root=<folder>`."
        )
    try:
        table = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise ValueError(f"Expected `{path}` to hold numbers only, but found {error}. Take the file from the release again.") from error
    if not np.isfinite(table).all():
        raise ValueError(f"Expected `{path}` to hold finite numbers, but found nan or infinity. Take the file from the release again.")
    return table


def _copies(paths: Sequence[Path], cache_dir: Path, digest: str) -> list[tuple[int, int]]:
    """Positions of films that show the same exposure, cropped or graded in another way."""
    # The settings of the search are part of the name: a new release must not trust the pairs of an old one.
    cached = cache_dir / f"aasce-copies-{_digest(digest, str(SAME_FILM), str(_THUMBNAIL))[:16]}.json"
    if cached.is_file():
        return [(first, second) for first, second in json.loads(cached.read_text(encoding="utf-8"))]
    pairs = similar_films([read_thumbnail(path, *_THUMBNAIL) for path in paths])
    try:
        write_json(cached, pairs)
    except OSError as error:
        logger.warning("Cannot keep the search for copies in `%s` (%s); it is repeated each time.", cached, error)
    return pairs


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
