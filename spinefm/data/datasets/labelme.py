"""Your own films, annotated with LabelMe: a JSON file of the same name beside each film."""

import base64
import io
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np
from PIL import Image

from spinefm.data.annotation import parse_label, points_to_annotation, polygon_of
from spinefm.data.dataset import safe_id
from spinefm.data.film_files import find_image, read_film
from spinefm.data.film_source import FilmSource
from spinefm.data.film_table import FilmRow, check_rows, read_film_table, view_of
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset, check_folder
from spinefm.data.problems import DataError, Problem, Report
from spinefm.geometry import mask_to_vertebra, paste_mask
from spinefm.structures import Landmark, Point, Radiograph, Vertebra, View


class LabelmeDataset(FolderDataset):
    """Films with LabelMe annotations: `<name>.json` beside `<name>.png` (or any other film format), in any folder below the root.

    A shape's label is a level, or "vertebra" where it is unknown. A vertebra is a polygon, a rectangle, a mask (as LabelMe's AI tools
    make), or four points labelled "<level> top left" and so on; C2 and S1 may have single points only. Embedded `imageData` is not
    looked at.

    Args:
        root: Folder of the films; may hold `films.csv`, see `spinefm.data.film_table`.
        view: View of the films of which `films.csv` says nothing.
        options: See `FolderDataset`.

    Raises:
        DataError: If the root is missing or holds no annotated film, or `films.csv` cannot be read.
    """

    name = "labelme"

    def __init__(self, root: str, view: str = View.UNKNOWN, **options: Unpack[DatasetOptions]) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of your films")
        self._table = read_film_table(folder)
        problems, sources = list[Problem](), list[FilmSource]()
        for path in sorted(folder.rglob("[!.]*.json")):
            image = find_image(path.parent, path.stem)
            if image is None:
                problems.append(Problem(path, "to lie beside its film", "no film of this name", "Add the film or remove the annotation."))
                continue
            film_id = safe_id(path.stem)
            row = self._table.get(film_id, FilmRow())
            patient_id = row.patient_id or film_id
            sources.append(FilmSource(film_id, image, patient_id, view_of(row, view), (path,), str(row), split=row.split))
        problems += check_rows(folder, self._table, [source.film_id for source in sources])
        super().__init__(folder, sources, problems, **options)

    def read(self, source: FilmSource, report: Report) -> Radiograph:
        """See `FolderDataset.read`."""
        film = read_film(source.image)
        vertebrae, landmarks = read_shapes(source.annotations[0], (film.pixels.shape[0], film.pixels.shape[1]), report)
        spacing_mm = self._table.get(source.film_id, FilmRow()).spacing_mm or film.spacing_mm
        return Radiograph(source.film_id, film.pixels, tuple(vertebrae), source.view, source.patient_id, spacing_mm, tuple(landmarks))


def read_shapes(path: Path, size: tuple[int, int], report: Report) -> tuple[list[Vertebra], list[Landmark]]:
    """The vertebrae and landmarks of a LabelMe file, in its order.

    Args:
        path: The JSON file.
        size: (H, W) of its film; the one in the file is not looked at.
        report: Takes what was mended.

    Raises:
        DataError: If it is not a LabelMe file, or a shape is no vertebra.
    """
    vertebrae, points = list[Vertebra](), defaultdict[str, list[tuple[str, Point]]](list)
    for shape in _shapes(path):
        label = parse_label(shape.label, path)
        if label.level is not None and label.part is not None:
            # CSXA calls its points polygons, of one corner.
            points[label.level].append((label.part, _only_point(shape, path)))
        else:
            vertebrae.append(_body(shape, label.level, size, path))
    outlined = {vertebra.level for vertebra in vertebrae}
    with_corners, landmarks = points_to_annotation(points, size, path, report, outlined)
    return vertebrae + with_corners, landmarks


class _Shape(NamedTuple):
    label: str
    points: list[Point]
    kind: str
    mask: str


def _shapes(path: Path) -> list[_Shape]:
    try:
        shapes = json.loads(path.read_text(encoding="utf-8-sig"))["shapes"]
        return [_shape(shape) for shape in shapes]
    except (ValueError, KeyError, TypeError) as error:
        expected, found = "to be a LabelMe file: shapes, each with a label and points (x, y)", f"{type(error).__name__}: {error}"
        raise DataError(Problem(path, expected, found, "Save it again with LabelMe.")) from error


def _shape(shape: dict[str, Any]) -> _Shape:
    points = [_point(point) for point in shape["points"]]
    return _Shape(str(shape["label"]), points, str(shape.get("shape_type") or "polygon"), str(shape.get("mask") or ""))


def _point(coordinates: Sequence[Any]) -> Point:
    x, y = map(float, coordinates)
    if not (math.isfinite(x) and math.isfinite(y)):
        raise ValueError(f"a point at ({x}, {y})")
    return x, y


def _only_point(shape: _Shape, path: Path) -> Point:
    if len(shape.points) != 1:
        raise DataError(Problem(path, f"to give {shape.label!r} one point", str(len(shape.points)), "Draw it as a point."))
    return shape.points[0]


def _body(shape: _Shape, level: str | None, size: tuple[int, int], path: Path) -> Vertebra:
    if shape.kind == "mask":
        return _masked(shape, level, size, path)
    if shape.kind not in ("polygon", "rectangle"):
        raise DataError(Problem(path, f"to outline {shape.label!r} by a polygon, rectangle or mask", f"a {shape.kind}", "Draw it again."))
    return polygon_of(_outline(shape), level, size, path)


def _masked(shape: _Shape, level: str | None, size: tuple[int, int], path: Path) -> Vertebra:
    """A mask of LabelMe 5: a PNG in base64, its top-left pixel at the first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(shape.mask, validate=True))) as image:
            mask = np.asarray(image.convert("L")) > 0
        part = Vertebra(mask, (round(shape.points[0][0]), round(shape.points[0][1])), shape.points[0])
        vertebra = mask_to_vertebra(paste_mask(part, size), level=level)
    except (OSError, ValueError, IndexError) as error:
        found = f"{type(error).__name__}: {error}"
        raise DataError(Problem(path, f"to hold a mask of {shape.label!r}", found, "Draw it again.")) from error
    if vertebra is None:
        raise DataError(Problem(path, f"to give {shape.label!r} a mask on the film", "an empty one", "Draw it again."))
    return vertebra


def _outline(shape: _Shape) -> Sequence[Point]:
    """Corners of a polygon, or of a rectangle, which LabelMe knows by two opposite ones."""
    if shape.kind != "rectangle" or len(shape.points) != 2:
        return shape.points
    (x0, y0), (x1, y1) = shape.points
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
