"""Your own films, annotated in the COCO format: one JSON file for all."""

import contextlib
import io
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from spinefm.data.film_source import FilmSource, check_folder, film_ids
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.data.problems import DataError, Problem, Report
from spinefm.data.reading.annotation import (
    PARTS,
    POINTS_ONLY,
    Annotation,
    corners_to_vertebra,
    parse_label,
    plain_words,
    points_to_annotation,
    tell_outline,
)
from spinefm.data.reading.corners import CORNERS
from spinefm.data.reading.film_table import read_film_table, table_source
from spinefm.geometry.masks import mask_to_vertebra, paste_mask, polygon_to_vertebra
from spinefm.structures import Mask, Point, Vertebra, View


class CocoDataset(FolderDataset):
    """Films with COCO annotations: `<root>/annotations.json`, its `file_name`s below `<root>/images`.

    A category's name is a level, or "vertebra" where it is unknown. A vertebra is a polygon, a run-length encoded mask, or four
    keypoints called "top left", "top right", "bottom right", "bottom left"; C2 and S1 may have single keypoints only.

    Args:
        root: Folder of the data set; may hold `films.csv`, see `spinefm.data.reading.film_table`.
        annotations: The JSON file, below the root.
        images: Folder of the films, below the root.
        view: View of the films of which `films.csv` says nothing.
        options: See `FolderDataset`.

    Raises:
        DataError: If the root, the annotations or every annotated film is missing, or a table cannot be read.
    """

    name = "coco"
    divided_by = f"the column `split` of `films.csv`, {FolderDataset.divided_by}"

    def __init__(
        self,
        root: str,
        annotations: str = "annotations.json",
        images: str = "images",
        view: str = View.UNKNOWN,
        **options: Unpack[DatasetOptions],
    ) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of your films")
        self._path = folder / annotations
        self._coco = _read_coco(self._path)
        self._image_ids = _annotated_images(self._coco, self._path)
        problems, sources = list[Problem](), list[FilmSource]()
        table = read_film_table(folder, self._image_ids, problems.append)
        for film_id, image_id in self._image_ids.items():
            path = folder / images / str(self._coco.imgs[image_id]["file_name"])
            if path.is_file():
                content = json.dumps([self._coco.imgs[image_id], self._coco.imgToAnns[image_id]], sort_keys=True)
                sources.append(table_source(table[film_id], film_id, path, view, content=content))
            else:
                remedy = "Add the film, correct `dataset.images`, or remove its entry."
                problems.append(Problem(path, f"to be a film of `{self._path.name}`", "no such file", remedy, film_id=film_id))
        if others := len(self._coco.imgs) - len(self._image_ids):
            found = f"{others} images without annotation"
            problems.append(Problem(self._path, "to annotate every image", found, "They are not used.", fatal=False))
        super().__init__(folder, sources, problems, **options)

    def settings(self) -> tuple[object, ...]:
        """See `FolderDataset.settings`."""
        return (json.dumps(self._coco.dataset["categories"], sort_keys=True),)

    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """See `FolderDataset.annotation`."""
        image_id = self._image_ids[source.film_id]
        self._check_size(source, self._coco.imgs[image_id], size)
        vertebrae, points = list[Vertebra](), defaultdict[str, list[tuple[str, Point]]](list)
        for shape in self._coco.imgToAnns[image_id]:
            category = self._coco.cats[shape["category_id"]]
            level = parse_label(str(category["name"]), self._path).level
            if shape.get("segmentation"):
                vertebrae.append(self._body(shape, level, size, report))
                continue
            keypoints = self._keypoints(shape, category)
            corners = [(part, point) for part, point in keypoints if part in CORNERS]
            if level in POINTS_ONLY and len(corners) < len(CORNERS):
                points[level] += keypoints
            else:
                vertebrae.append(corners_to_vertebra(corners, level, size, self._path, report))
        outlined = {vertebra.level for vertebra in vertebrae}
        with_corners, landmarks = points_to_annotation(points, size, self._path, report, outlined)
        return Annotation([*vertebrae, *with_corners], landmarks)

    def _check_size(self, source: FilmSource, entry: dict[str, Any], size: tuple[int, int]) -> None:
        if size != (entry.get("height", size[0]), entry.get("width", size[1])):
            found = f"{entry.get('width')} x {entry.get('height')} in `{self._path.name}`"
            raise DataError(Problem(source.image, f"to be annotated at its size, {size[1]} x {size[0]}", found, "Correct one of them."))

    def _body(self, shape: dict[str, Any], level: str | None, size: tuple[int, int], report: Report) -> Vertebra:
        try:
            mask = _mask(shape["segmentation"], size, partial(tell_outline, level=level, size=size, path=self._path, report=report))
        except (ValueError, KeyError, IndexError, TypeError, OverflowError) as error:
            found = f"{type(error).__name__} in annotation {shape['id']}: {error}"
            raise DataError(Problem(self._path, "to hold polygons or run lengths", found, "Export it again.")) from error
        vertebra = mask_to_vertebra(mask, level=level) if mask.shape == size else None
        if vertebra is None:
            expected = f"to give each vertebra a mask on its film of {size[1]} x {size[0]} pixels"
            found = f"{mask.sum()} pixels of one of {mask.shape[1]} x {mask.shape[0]} in annotation {shape['id']}"
            raise DataError(Problem(self._path, expected, found, "Draw it again."))
        return vertebra

    def _keypoints(self, shape: dict[str, Any], category: dict[str, Any]) -> list[tuple[str, Point]]:
        """Names and places of the keypoints that are marked; COCO's third number is 0 for those that are not."""
        flat = shape.get("keypoints") or []
        names = [plain_words(str(name)) for name in category.get("keypoints", [])] if flat else []
        if not flat or len(flat) != 3 * len(names) or not set(names) <= set(PARTS):
            expected = f"to give {category['name']} a segmentation, or keypoints called {', '.join(PARTS)} in its category"
            raise DataError(Problem(self._path, expected, f"{len(flat)} numbers for {names}", "Correct the category."))
        marked = np.reshape(flat, (-1, 3))
        return [(name, (float(x), float(y))) for name, (x, y, seen) in zip(names, marked, strict=True) if seen]


def _annotated_images(coco: COCO, path: Path) -> dict[str, int]:
    """Image id of each film that has an annotation, by film id."""
    image_ids = [image_id for image_id in coco.imgs if coco.imgToAnns.get(image_id)]
    names = film_ids([PurePosixPath(str(coco.imgs[image_id]["file_name"])) for image_id in image_ids])
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        expected, found = "to give each image a file name of its own", f"{twice[0]!r} twice"
        raise DataError(Problem(path, expected, found, "Rename or remove one of the two.", film_id=twice[0]))
    return dict(zip(names, image_ids, strict=True))


def _mask(segmentation: Any, size: tuple[int, int], tell: Callable[[NDArray[np.float64]], None]) -> Mask:
    """(H, W) of polygons, each of which `tell` is shown, or of run lengths at their own size."""
    if isinstance(segmentation, list):
        # pycocotools would grow a polygon by about half a pixel.
        mask: Mask = np.zeros(size, dtype=bool)
        for polygon in segmentation:
            corners = np.asarray(polygon, dtype=np.float64).reshape(-1, 2)
            if (part := polygon_to_vertebra(corners, size)) is not None:
                tell(corners)
                mask |= paste_mask(part, size)
        return mask
    packed = run_lengths.frPyObjects(segmentation, *size) if isinstance(segmentation["counts"], list) else segmentation
    return np.asarray(run_lengths.decode(packed), dtype=bool)


def _read_coco(path: Path) -> COCO:
    if not path.is_file():
        raise DataError(Problem(path, "to be the COCO annotations", "no such file", "Set `dataset.annotations=<file below the root>`."))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(path))
        _check_references(coco)
        return coco
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(Problem(path, "to be a COCO file", _fault(error), "Export it again.")) from error


def _fault(error: Exception) -> str:
    """What stands in the file instead of what COCO says, for whoever does not read Python."""
    if isinstance(error, KeyError):
        return f"no {error}"
    if isinstance(error, json.JSONDecodeError):
        return f"no JSON ({error})"
    return str(error) if isinstance(error, ValueError) else "something of another structure"


def _check_references(coco: COCO) -> None:
    """ValueError unless each image has an id and a file of its own, and each annotation an image and a category that are there."""
    for part in ("images", "categories"):
        if twice := [key for key, count in Counter(entry["id"] for entry in coco.dataset[part]).items() if count > 1]:
            raise ValueError(f"{part} that share the id {twice[0]!r}")
    for key, known in {"category_id": coco.cats, "image_id": coco.imgs}.items():
        if missing := {shape[key] for shape in coco.dataset["annotations"]} - set(known):
            raise ValueError(f"annotations of the {key} {sorted(map(str, missing))[0]!r}, which is not there")
    if nameless := [image_id for image_id, entry in coco.imgs.items() if "file_name" not in entry]:
        raise ValueError(f"image {nameless[0]} has no file_name")
