"""Your own films, annotated in the COCO format: one JSON file for all."""

import contextlib
import io
import json
import re
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any, Unpack

import numpy as np
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from spinefm.data.annotation import PARTS, corners_to_vertebra, parse_label, points_to_annotation
from spinefm.data.corners import CORNERS
from spinefm.data.dataset import safe_id
from spinefm.data.film_files import read_film
from spinefm.data.film_source import FilmSource
from spinefm.data.film_table import FilmRow, check_rows, read_film_table, view_of
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset, check_folder
from spinefm.data.problems import DataError, Problem, Report
from spinefm.geometry import mask_to_vertebra, paste_mask, polygon_to_vertebra
from spinefm.structures import Mask, Point, Radiograph, Vertebra, View


class CocoDataset(FolderDataset):
    """Films with COCO annotations: `<root>/annotations.json`, its `file_name`s below `<root>/images`.

    A category's name is a level, or "vertebra" where it is unknown. A vertebra is a polygon, a run-length encoded mask, or four
    keypoints called "top left", "top right", "bottom right", "bottom left"; C2 and S1 may have single keypoints only.

    Args:
        root: Folder of the data set; may hold `films.csv`, see `spinefm.data.film_table`.
        annotations: The JSON file, below the root.
        images: Folder of the films, below the root.
        view: View of the films of which `films.csv` says nothing.
        options: See `FolderDataset`.

    Raises:
        DataError: If the root, the annotations or every annotated film is missing, or a table cannot be read.
    """

    name = "coco"

    def __init__(
        self,
        root: str,
        annotations: str = "annotations.json",
        images: str = "images",
        view: str = View.UNKNOWN,
        **options: Unpack[DatasetOptions],
    ) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of your films")
        self._path, self._table = folder / annotations, read_film_table(folder)
        self._coco = _read_coco(self._path)
        self._image_ids = dict[str, int]()
        problems, sources = list[Problem](), list[FilmSource]()
        for image_id, entry in self._coco.imgs.items():
            path, film_id = folder / images / str(entry["file_name"]), safe_id(PurePosixPath(str(entry["file_name"])).stem)
            shapes = self._coco.imgToAnns.get(image_id)
            if not shapes:
                continue
            if path.is_file():
                row = self._table.get(film_id, FilmRow())
                content = json.dumps([str(row), entry, shapes], sort_keys=True)
                patient_id = row.patient_id or film_id
                sources.append(FilmSource(film_id, path, patient_id, view_of(row, view), row=content, split=row.split))
                self._image_ids[film_id] = image_id
            else:
                problems.append(Problem(path, f"to be a film of `{self._path.name}`", "no such file", "Add the film or remove its entry."))
        problems += check_rows(folder, self._table, list(self._image_ids))
        super().__init__(folder, sources, problems, **options)

    def settings(self) -> tuple[object, ...]:
        """See `FolderDataset.settings`."""
        return (json.dumps(self._coco.dataset["categories"], sort_keys=True),)

    def read(self, source: FilmSource, report: Report) -> Radiograph:
        """See `FolderDataset.read`."""
        film, image_id = read_film(source.image), self._image_ids[source.film_id]
        size, entry = (film.pixels.shape[0], film.pixels.shape[1]), self._coco.imgs[image_id]
        if size != (entry.get("height", size[0]), entry.get("width", size[1])):
            found = f"{entry.get('width')} x {entry.get('height')} in `{self._path.name}`"
            raise DataError(Problem(source.image, f"to be annotated at its size, {size[1]} x {size[0]}", found, "Correct one of them."))
        vertebrae, points = list[Vertebra](), defaultdict[str, list[tuple[str, Point]]](list)
        for shape in self._coco.imgToAnns[image_id]:
            category = self._coco.cats[shape["category_id"]]
            level = parse_label(str(category["name"]), self._path).level
            if shape.get("segmentation"):
                vertebrae.append(self._body(shape, level, size))
            elif keypoints := self._keypoints(shape, category):
                corners = [(part, point) for part, point in keypoints if part in CORNERS]
                if level is None or len(corners) == len(CORNERS):
                    vertebrae.append(corners_to_vertebra(corners, level, size, self._path, report))
                else:
                    points[level] += keypoints
            else:
                found = f"neither in annotation {shape.get('id')}"
                raise DataError(Problem(self._path, "to give each vertebra a segmentation or keypoints", found, "Add one."))
        outlined = {vertebra.level for vertebra in vertebrae}
        with_corners, landmarks = points_to_annotation(points, size, self._path, report, outlined)
        spacing_mm = self._table.get(source.film_id, FilmRow()).spacing_mm or film.spacing_mm
        return Radiograph(
            source.film_id, film.pixels, (*vertebrae, *with_corners), source.view, source.patient_id, spacing_mm, tuple(landmarks)
        )

    def _body(self, shape: dict[str, Any], level: str | None, size: tuple[int, int]) -> Vertebra:
        try:
            mask = _mask(shape["segmentation"], size)
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
        names = [_plain(str(name)) for name in category.get("keypoints", [])] if flat else []
        if len(flat) != 3 * len(names) or not set(names) <= set(PARTS):
            expected = f"to call the keypoints of {category['name']}, of three numbers each, {', '.join(PARTS)} in its category"
            raise DataError(Problem(self._path, expected, f"{len(flat)} numbers and {names}", "Correct the category."))
        marked = np.reshape(flat, (-1, 3))
        return [(name, (float(x), float(y))) for name, (x, y, seen) in zip(names, marked, strict=True) if seen]


def _mask(segmentation: Any, size: tuple[int, int]) -> Mask:
    """(H, W) of polygons, or of run lengths at their own size."""
    if isinstance(segmentation, list):
        # pycocotools would grow a polygon by about half a pixel.
        mask: Mask = np.zeros(size, dtype=bool)
        for polygon in segmentation:
            if (part := polygon_to_vertebra(np.reshape(polygon, (-1, 2)), size)) is not None:
                mask |= paste_mask(part, size)
        return mask
    packed = run_lengths.frPyObjects(segmentation, *size) if isinstance(segmentation["counts"], list) else segmentation
    return np.asarray(run_lengths.decode(packed), dtype=bool)


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name.strip().lower())


def _read_coco(path: Path) -> COCO:
    if not path.is_file():
        raise DataError(Problem(path, "to be the COCO annotations", "no such file", "Set `dataset.annotations=<file below the root>`."))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            coco = COCO(str(path))
        _check_references(coco)
        return coco
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(Problem(path, "to be a COCO file", f"{type(error).__name__}: {error}", "Export it again.")) from error


def _check_references(coco: COCO) -> None:
    """ValueError or KeyError unless each image has an id and a file of its own, and each annotation a category that is there."""
    if len(coco.imgs) < len(coco.dataset["images"]) or len(coco.cats) < len(coco.dataset["categories"]):
        raise ValueError("two images or two categories have one id")
    if missing := {shape["category_id"] for shape in coco.dataset["annotations"]} - set(coco.cats):
        raise ValueError(f"annotations of the categories {sorted(map(str, missing))}, which are not there")
    if nameless := [image_id for image_id, entry in coco.imgs.items() if "file_name" not in entry]:
        raise ValueError(f"image {nameless[0]} has no file_name")
