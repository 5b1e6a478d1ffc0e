"""Your own films, annotated with LabelMe: a JSON file of the same name beside each film."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

from spinefm.data.annotation import parse_label, points_to_annotation, polygon_of
from spinefm.data.film_files import find_image, read_film
from spinefm.data.film_table import FilmRow, read_film_table
from spinefm.data.folder_dataset import DatasetOptions, FilmSource, FolderDataset, check_folder, safe_id
from spinefm.data.problems import DataError, Problem, Report
from spinefm.structures import Landmark, Point, Radiograph, Vertebra, View


class LabelmeDataset(FolderDataset):
    """Films with LabelMe annotations: `<name>.json` beside `<name>.png` (or any other film format), in any folder below the root.

    A shape's label is a level, or "vertebra" where it is unknown. A vertebra is a polygon, a rectangle, or four points labelled
    "<level> top left" and so on; C2 and S1 may have single points only. Embedded `imageData` is not looked at.

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
        for path in sorted(folder.rglob("*.json")):
            image = find_image(path.parent, path.stem)
            if image is None:
                problems.append(Problem(path, "to lie beside its film", "no film of this name", "Add the film or remove the annotation."))
                continue
            film_id = safe_id(path.stem)
            row = self._table.get(film_id, FilmRow())
            patient_id = row.patient_id or film_id
            sources.append(FilmSource(film_id, image, patient_id, row.view or View(view), (path,), str(row), split=row.split))
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
        label, places = parse_label(str(shape["label"]), path), [(float(x), float(y)) for x, y in shape["points"]]
        if label.level is not None and label.part is not None:
            # CSXA calls its points polygons, of one corner.
            points[label.level].append((label.part, _only_point(places, str(shape["label"]), path)))
        else:
            corners = _rectangle(places) if shape.get("shape_type") == "rectangle" else places
            vertebrae.append(polygon_of(corners, label.level, size, path))
    with_corners, landmarks = points_to_annotation(points, size, path, report)
    return vertebrae + with_corners, landmarks


def _shapes(path: Path) -> Sequence[dict[str, Any]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        shapes: Sequence[dict[str, Any]] = content["shapes"]
        if all(isinstance(shape["label"], str) and all(len(point) == 2 for point in shape["points"]) for shape in shapes):
            return shapes
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(Problem(path, "to be a LabelMe file", f"{type(error).__name__}: {error}", "Save it again with LabelMe.")) from error
    raise DataError(Problem(path, "to hold shapes with labels and (x, y) points", "others", "Save it again with LabelMe."))


def _only_point(points: Sequence[Point], label: str, path: Path) -> Point:
    if len(points) != 1:
        raise DataError(Problem(path, f"to give {label!r} one point", str(len(points)), "Draw it as a point."))
    return points[0]


def _rectangle(points: Sequence[Point]) -> list[Point]:
    """Corners of a rectangle known by two opposite ones, or by all four."""
    if len(points) != 2:
        return list(points)
    (x0, y0), (x1, y1) = points
    return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
