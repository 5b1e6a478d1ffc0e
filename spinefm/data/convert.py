"""Turn any data set into your own: `python -m spinefm.data.convert dataset=<name> dataset.root=<folder> format=labelme output=<folder>`.

Films become 8-bit PNG files, bone bright but on a few simulated ones; `dataset=labelme` or `dataset=coco` reads the result, with the same
masks, levels, patients, views, spacings and splits. Where published splits divide a patient, patients are divided anew.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image
from pycocotools import mask as run_lengths
from rich.console import Console
from rich.progress import track

from spinefm.anatomy import LEVELS, VERTEBRA
from spinefm.conf import CONF
from spinefm.data.dataset import Inspection, RadiographDataset
from spinefm.data.problems import Problem
from spinefm.data.reading.annotation import PARTS
from spinefm.data.reading.film_table import NAME as TABLE_NAME
from spinefm.data.reading.film_table import FilmRow, write_film_table
from spinefm.data.splits.grouping import shared_patients
from spinefm.drawing.overlay import outlines
from spinefm.files.atomic import atomic_path, write_json
from spinefm.geometry.masks import paste_mask
from spinefm.running.failures import run_script
from spinefm.structures import SPLITS, Landmark, Radiograph, Vertebra

logger = logging.getLogger(__name__)

CATEGORIES = (*LEVELS, VERTEBRA)
"""COCO's categories; their ids count from 1."""

Writer = Callable[[Path, Iterable[Radiograph]], None]


@hydra.main(version_base=None, config_path=CONF, config_name="convert")
def main(config: DictConfig) -> None:
    """Write every film that can be used; fails at the end if some could not."""
    if config.format not in WRITERS:
        raise ValueError(f"Expected `format` to be one of {', '.join(WRITERS)}, but got {config.format!r}.")
    folder = Path(HydraConfig.get().runtime.output_dir)
    if any(folder.iterdir()):
        raise ValueError(f"Expected `output` to be an empty or a new folder, but `{folder}` holds files. Choose another one.")
    dataset: RadiographDataset = instantiate(config.dataset, _convert_="all")
    rows, problems = dict[str, FilmRow](), list(dataset.problems)
    WRITERS[config.format](folder, _usable(track(dataset.inspect(), "Films", total=len(dataset)), rows, problems))
    with atomic_path(folder / TABLE_NAME) as temporary:
        write_film_table(temporary, undivided(rows))
    Console().print(f"{len(rows)} of {len(dataset)} films: {folder}")
    if fatal := [str(problem) for problem in problems if problem.fatal]:
        said = f"{len(fatal)} errors in `dataset={dataset.name}`; films with one of their own were left out:"
        raise ValueError("\n  ".join([said, *fatal]))


def _usable(inspections: Iterable[Inspection], rows: dict[str, FilmRow], problems: list[Problem]) -> Iterator[Radiograph]:
    for inspection in inspections:
        problems += inspection.problems
        if inspection.film is not None:
            film = inspection.film
            rows[film.film_id] = FilmRow(film.patient_id, film.view, film.spacing_mm, inspection.split, film.reader)
            yield film


def undivided(rows: dict[str, FilmRow]) -> dict[str, FilmRow]:
    """The same rows; without their splits if one patient is in two of them, which the result's readers refuse."""
    patients = {split: [row.patient_id for row in rows.values() if row.split == split and row.patient_id] for split in SPLITS}
    if not (shared := shared_patients(patients)):
        return rows
    logger.warning("%d patients are in two splits, such as %s: no split is written, they will be divided anew.", len(shared), min(shared))
    return {film_id: row._replace(split=None) for film_id, row in rows.items()}


def write_labelme(folder: Path, films: Iterable[Radiograph]) -> None:
    """Write `<film id>.png` and `<film id>.json`; a mask is its outer contour."""
    for film in films:
        _write_png(folder / f"{film.film_id}.png", film)
        write_json(folder / f"{film.film_id}.json", labelme_content(film))


def labelme_content(film: Radiograph) -> dict[str, Any]:
    """A film's annotation as LabelMe 5 writes it, without the picture in it."""
    bodies = [_labelme_shape(v.level or VERTEBRA, _contour(v, film.film_id), "polygon") for v in film.vertebrae]
    marks = [_labelme_shape(f"{mark.level} {mark.part}", [mark.point], "point") for mark in film.landmarks]
    height, width = film.size
    return {
        "version": "5.5.0",
        "flags": {},
        "shapes": bodies + marks,
        "imagePath": f"{film.film_id}.png",
        "imageData": None,
        "imageHeight": height,
        "imageWidth": width,
    }


def _labelme_shape(label: str, points: Iterable[Iterable[float]], shape_type: str) -> dict[str, Any]:
    places = [[float(coordinate) for coordinate in point] for point in points]
    return {"label": label, "points": places, "group_id": None, "description": "", "shape_type": shape_type, "flags": {}}


def _contour(vertebra: Vertebra, film_id: str) -> list[list[float]]:
    contours = outlines(vertebra)
    if len(contours) > 1:
        logger.warning("%s: %s has several parts or a hole; LabelMe gets its largest outline.", film_id, vertebra.level or VERTEBRA)
    return _as_lists(contours[0])


def _as_lists(points: np.ndarray) -> list[list[float]]:
    rows: list[list[float]] = points.tolist()
    return rows


def write_coco(folder: Path, films: Iterable[Radiograph]) -> None:
    """Write `images/<film id>.png` and `annotations.json`; masks with several parts or holes become run lengths."""
    images, annotations = list[dict[str, Any]](), list[dict[str, Any]]()
    for image_id, film in enumerate(films, start=1):
        name = f"{film.film_id}.png"
        _write_png(folder / "images" / name, film)
        images.append({"id": image_id, "file_name": name, "height": film.size[0], "width": film.size[1]})
        for entry in coco_annotations(film):
            annotations.append({"id": len(annotations) + 1, "image_id": image_id, "iscrowd": 0} | entry)
    categories = [{"id": i, "name": name, "keypoints": list(PARTS)} for i, name in enumerate(CATEGORIES, start=1)]
    write_json(folder / "annotations.json", {"images": images, "annotations": annotations, "categories": categories})


def coco_annotations(film: Radiograph) -> Iterator[dict[str, Any]]:
    """A film's vertebrae and landmarks, without ids."""
    for vertebra in film.vertebrae:
        x0, y0, x1, y1 = vertebra.box
        box, area = [x0, y0, x1 - x0, y1 - y0], int(vertebra.mask.sum())
        yield {"category_id": _category(vertebra.level), "bbox": box, "area": area, "segmentation": _segmentation(vertebra, film.size)}
    for level in {mark.level: None for mark in film.landmarks}:
        yield _keypoints(level, [mark for mark in film.landmarks if mark.level == level])


def _category(level: str | None) -> int:
    return 1 + CATEGORIES.index(level or VERTEBRA)


def _segmentation(vertebra: Vertebra, size: tuple[int, int]) -> list[list[float]] | dict[str, Any]:
    contours = outlines(vertebra)
    if len(contours) == 1:
        return [contours[0].ravel().tolist()]
    encoded = run_lengths.encode(np.asfortranarray(paste_mask(vertebra, size).astype(np.uint8)))
    return {"size": list(size), "counts": encoded["counts"].decode()}


def _keypoints(level: str, marks: list[Landmark]) -> dict[str, Any]:
    places = {mark.part: mark.point for mark in marks}
    numbers = [number for part in PARTS for number in ((*places[part], 2) if part in places else (0, 0, 0))]
    return {"category_id": _category(level), "keypoints": numbers, "num_keypoints": len(places)}


def _write_png(path: Path, film: Radiograph) -> None:
    with atomic_path(path) as temporary:
        Image.fromarray(film.pixels).save(temporary)


WRITERS: dict[str, Writer] = {"labelme": write_labelme, "coco": write_coco}


if __name__ == "__main__":
    run_script(main)
