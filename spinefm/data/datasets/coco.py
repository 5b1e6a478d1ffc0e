"""Your own films, annotated in the COCO format: one JSON file for all."""

import contextlib
import io
import json
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any, Unpack

import numpy as np
from pycocotools.coco import COCO

from spinefm.data.annotation import parse_label, points_to_annotation, polygon_of
from spinefm.data.film_files import read_film
from spinefm.data.film_table import FilmRow, read_film_table
from spinefm.data.folder_dataset import DatasetOptions, FilmSource, FolderDataset, check_folder, safe_id
from spinefm.data.problems import DataError, Problem, Report
from spinefm.geometry import mask_to_vertebra
from spinefm.structures import Point, Radiograph, Vertebra, View


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
        for image_id, entry in sorted(self._coco.imgs.items()):
            path, film_id = folder / images / str(entry["file_name"]), safe_id(PurePosixPath(str(entry["file_name"])).stem)
            shapes = self._coco.imgToAnns.get(image_id, [])
            if not path.is_file():
                problems.append(Problem(path, f"to be a film of `{self._path.name}`", "no such file", "Add the film or remove its entry."))
            elif shapes:
                row = self._table.get(film_id, FilmRow())
                content = json.dumps([str(row), entry, shapes], sort_keys=True)
                patient_id = row.patient_id or film_id
                sources.append(FilmSource(film_id, path, patient_id, row.view or View(view), row=content, split=row.split))
                self._image_ids[film_id] = image_id
        super().__init__(folder, sources, problems, **options)

    def settings(self) -> tuple[object, ...]:
        """See `FolderDataset.settings`."""
        return (json.dumps(self._coco.dataset["categories"], sort_keys=True),)

    def read(self, source: FilmSource, report: Report) -> Radiograph:
        """See `FolderDataset.read`."""
        film, image_id = read_film(source.image), self._image_ids[source.film_id]
        size, entry = (film.pixels.shape[0], film.pixels.shape[1]), self._coco.imgs[image_id]
        if size != (entry.get("height", size[0]), entry.get("width", size[1])):
            found = f"{entry['width']} x {entry['height']} in `{self._path.name}`"
            raise DataError(Problem(source.image, f"to be annotated at its size, {size[1]} x {size[0]}", found, "Correct one of them."))
        vertebrae, points = list[Vertebra](), defaultdict[str, list[tuple[str, Point]]](list)
        for shape in self._coco.imgToAnns[image_id]:
            category = self._coco.cats[shape["category_id"]]
            level = parse_label(str(category["name"]), self._path).level
            if shape.get("segmentation"):
                vertebrae.append(self._body(shape, level, size))
            elif level is not None and shape.get("keypoints"):
                points[level] += self._keypoints(shape, category)
            else:
                found = f"neither in annotation {shape.get('id')}"
                raise DataError(Problem(self._path, "to give each vertebra a segmentation or keypoints", found, "Add one."))
        with_corners, landmarks = points_to_annotation(points, size, self._path, report)
        spacing_mm = self._table.get(source.film_id, FilmRow()).spacing_mm or film.spacing_mm
        return Radiograph(
            source.film_id, film.pixels, (*vertebrae, *with_corners), source.view, source.patient_id, spacing_mm, tuple(landmarks)
        )

    def _body(self, shape: dict[str, Any], level: str | None, size: tuple[int, int]) -> Vertebra:
        if isinstance(shape["segmentation"], list) and len(shape["segmentation"]) == 1:
            # pycocotools would grow a polygon by about half a pixel.
            return polygon_of(shape["segmentation"][0], level, size, self._path)
        vertebra = mask_to_vertebra(self._coco.annToMask(shape).astype(bool), level=level)
        if vertebra is None:
            raise DataError(Problem(self._path, "to give each vertebra a mask", f"an empty one in {shape.get('id')}", "Draw it again."))
        return vertebra

    def _keypoints(self, shape: dict[str, Any], category: dict[str, Any]) -> list[tuple[str, Point]]:
        """Names and places of the keypoints that are marked; COCO's third number is 0 for those that are not."""
        marked = np.asarray(shape["keypoints"], dtype=np.float64).reshape(-1, 3)
        names = category.get("keypoints", [])
        if len(names) != len(marked):
            expected = f"to name the {len(marked)} keypoints of {category['name']} in its category"
            raise DataError(Problem(self._path, expected, str(names), "Correct the category."))
        labels = [parse_label(f"{category['name']} {name}", self._path).part for name in names]
        return [(label, (float(x), float(y))) for label, (x, y, seen) in zip(labels, marked, strict=True) if seen and label]


def _read_coco(path: Path) -> COCO:
    if not path.is_file():
        raise DataError(Problem(path, "to be the COCO annotations", "no such file", "Set `dataset.annotations=<file below the root>`."))
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            return COCO(str(path))
    except (ValueError, KeyError, TypeError, AssertionError) as error:
        raise DataError(Problem(path, "to be a COCO file", f"{type(error).__name__}: {error}", "Export it again.")) from error
