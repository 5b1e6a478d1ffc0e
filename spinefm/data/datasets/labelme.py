"""Your own films, annotated with LabelMe: a JSON file of the same name beside each film."""

import base64
import io
import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Unpack

import numpy as np
from PIL import Image

from spinefm.data.film_source import FilmSource, check_folder, film_ids
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.annotation import Annotation, parse_label, points_to_annotation, polygon_of
from spinefm.data.reading.film_files import FILM_SUFFIXES
from spinefm.data.reading.film_folders import ImageFolder
from spinefm.data.reading.film_table import read_film_table, table_source
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.structures import Point, Vertebra, View


class LabelmeDataset(FolderDataset):
    """Films with LabelMe annotations: `<name>.json` beside `<name>.png` (or any other film format), in any folder below the root.

    A shape's label is a level, or "vertebra" where it is unknown. A vertebra is a polygon, a rectangle, a mask (as LabelMe's AI tools
    make), or four points labelled "<level> top left" and so on; C2 and S1 may have single points only. Embedded `imageData` is not
    looked at.

    Args:
        root: Folder of the films; may hold `films.csv`, see `spinefm.data.reading.film_table`.
        view: View of the films of which `films.csv` says nothing.
        options: See `FolderDataset`.

    Raises:
        DataError: If the root is missing or holds no annotated film, or `films.csv` cannot be read.
    """

    name = "labelme"
    divided_by = f"the column `split` of `films.csv`, {FolderDataset.divided_by}"

    def __init__(self, root: str, view: str = View.UNKNOWN, **options: Unpack[DatasetOptions]) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of your films")
        paths, problems, sources = _files(folder, {".json"}), list[Problem](), list[FilmSource]()
        names = film_ids([path.relative_to(folder) for path in paths])
        table = read_film_table(folder, names, problems.append)
        folders = {parent: ImageFolder(parent) for parent in {path.parent for path in paths}}
        for path, film_id in zip(paths, names, strict=True):
            try:
                sources.append(table_source(table[film_id], film_id, _image(path, folders[path.parent].named(path.stem)), view, (path,)))
            except DataError as error:
                problems.append(replace(error.problem, film_id=film_id))
        problems += _unannotated(folder, paths)
        super().__init__(folder, sources, problems, **options)

    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """See `FolderDataset.annotation`."""
        (path,) = source.annotations
        content = read_labelme(path)
        stated = content.get("imageHeight") or size[0], content.get("imageWidth") or size[1]
        if stated != size:
            found = f"{stated[1]} x {stated[0]}"
            raise DataError(Problem(path, f"to be of its film's size, {size[1]} x {size[0]}", found, "Annotate this copy of the film."))
        return read_shapes(content, path, size, report)


def _files(root: Path, suffixes: Collection[str]) -> list[Path]:
    """The files of some suffixes below a folder; hidden files and folders are passed over."""
    found = (path for path in root.rglob("*") if path.suffix.lower() in suffixes and path.is_file())
    return sorted(path for path in found if not any(part.startswith(".") for part in path.relative_to(root).parts))


def _image(path: Path, images: Sequence[Path]) -> Path:
    """The film of an annotation, of those of its name beside it: of several, the one that was annotated."""
    if not images:
        raise DataError(Problem(path, "to lie beside its film", "no film of this name", "Add the film or remove the annotation."))
    if len(images) == 1:
        return images[0]
    # LabelMe on Windows writes backslashes.
    annotated = str(read_labelme(path).get("imagePath")).replace("\\", "/").rpartition("/")[2]
    named = [image for image in images if image.name == annotated]
    if not named:
        raise DataError(Problem(path, "to name its film", " and ".join(image.name for image in images), "Remove all but one."))
    return named[0]


def _unannotated(root: Path, annotations: Sequence[Path]) -> Iterator[Problem]:
    """A note of the films without an annotation, if there are any."""
    annotated = {path.with_suffix("") for path in annotations}
    others = [path for path in _files(root, FILM_SUFFIXES) if path.with_suffix("") not in annotated]
    if others:
        found = f"{len(others)} films without one, such as `{others[0].name}`"
        yield Problem(root, "to hold an annotation for each film", found, "They are not used.", fatal=False)


def read_shapes(content: dict[str, Any], path: Path, size: tuple[int, int], report: Report) -> Annotation:
    """The vertebrae and landmarks of a LabelMe file, in its order.

    Args:
        content: From `read_labelme`.
        path: The JSON file, for messages.
        size: (H, W) of its film; the one in the file is not looked at.
        report: Takes what was mended.

    Raises:
        DataError: If its shapes are not LabelMe's, or one is no vertebra.
    """
    vertebrae, points = list[Vertebra](), defaultdict[str, list[tuple[str, Point]]](list)
    for shape in _shapes(content, path):
        label = parse_label(shape.label, path)
        if label.level is not None and label.part is not None:
            # CSXA calls its points polygons, of one corner.
            points[label.level].append((label.part, _only_point(shape, path)))
        else:
            vertebrae.append(_body(shape, label.level, size, path, report))
    outlined = {vertebra.level for vertebra in vertebrae}
    with_corners, landmarks = points_to_annotation(points, size, path, report, outlined)
    return Annotation([*vertebrae, *with_corners], landmarks)


def read_labelme(path: Path) -> dict[str, Any]:
    """The content of a LabelMe file.

    Raises:
        DataError: If it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        if not isinstance(content.get("shapes"), list):
            raise ValueError("no list of shapes")
        return dict(content)
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(Problem(path, "to be a LabelMe file", f"{type(error).__name__}: {error}", "Save it again with LabelMe.")) from error


class _Shape(NamedTuple):
    label: str
    points: list[Point]
    kind: str
    mask: str


def _shapes(content: dict[str, Any], path: Path) -> list[_Shape]:
    try:
        return [_shape(shape) for shape in content["shapes"]]
    except (ValueError, KeyError, TypeError) as error:
        expected, found = "to hold shapes with a label and points (x, y)", f"{type(error).__name__}: {error}"
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


def _body(shape: _Shape, level: str | None, size: tuple[int, int], path: Path, report: Report) -> Vertebra:
    if shape.kind == "mask":
        return _masked(shape, level, size, path)
    if shape.kind not in ("polygon", "rectangle"):
        raise DataError(Problem(path, f"to outline {shape.label!r} by a polygon, rectangle or mask", f"a {shape.kind}", "Draw it again."))
    return polygon_of(_outline(shape), level, size, path, report)


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
