"""Films of one's own with one COCO file: polygons; on one film run lengths, on another keypoints; on some, points of S1."""

import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image
from pycocotools import mask as run_lengths

from tests.layouts.labelme_file import CORNERS
from tests.layouts.quads import fill
from tests.layouts.spines import SIZE, draw_spine, spine

LEVELS = ("T12", "L1", "L2", "L3", "L4", "L5", "S1")


def write(root: Path, num_films: int = 6) -> Path:
    """Write a data set of T12..L5; the first film has run lengths, the second one keypoints, and every second one an S1."""
    (root / "images").mkdir(parents=True)
    categories = [{"id": i, "name": level, "supercategory": "spine", "keypoints": CORNERS} for i, level in enumerate(LEVELS, 1)]
    content = {"info": {}, "images": [], "annotations": [], "categories": categories}
    for number in range(num_films):
        _add_film(root, content, number)
    (root / "annotations.json").write_text(json.dumps(content))
    return root


def _add_film(root, content, number):
    *bodies, s1 = spine(number, len(LEVELS))
    Image.fromarray(draw_spine(number, len(LEVELS))).save(root / "images" / f"film_{number}.png")
    content["images"].append({"id": 100 + number, "file_name": f"film_{number}.png", "height": SIZE[0], "width": SIZE[1]})
    kind = {0: run_length_of, 1: keypoints_of}.get(number, polygon_of)
    annotations = [{"category_id": i, **kind(corners)} for i, corners in enumerate(bodies, 1)]
    if number % 2:
        annotations.append({"category_id": len(LEVELS), **keypoints_of(s1, marked=2)})
    for annotation in annotations:
        content["annotations"].append({"id": len(content["annotations"]) + 1, "image_id": 100 + number, "iscrowd": 0, **annotation})


def polygon_of(corners):
    return {"segmentation": [corners.ravel().tolist()]}


def run_length_of(corners):
    packed = run_lengths.encode(np.asfortranarray(fill(corners, SIZE), dtype=np.uint8))
    return {"segmentation": {"size": list(SIZE), "counts": packed["counts"].decode()}}


def keypoints_of(corners, marked=4):
    """x, y, 2 for each of the first corners, and three zeros for those that are not marked."""
    triples = np.hstack([corners, np.full((4, 1), 2)]) * (np.arange(4) < marked)[:, None]
    return {"keypoints": triples.ravel().tolist(), "num_keypoints": marked}


@contextmanager
def edited(path):
    """The content of the COCO file, written back at the end."""
    content = json.loads(path.read_text())
    yield content
    path.write_text(json.dumps(content))


def find(content, film, level):
    """The one annotation of a level of a film, by number."""
    ids = 100 + film, LEVELS.index(level) + 1
    (annotation,) = (each for each in content["annotations"] if (each["image_id"], each["category_id"]) == ids)
    return annotation


def edit(root, film, level, **fields):
    """Change an annotation; None removes a field."""
    with edited(root / "annotations.json") as content:
        annotation = find(content, film, level)
        annotation.update(fields)
        for name in [name for name, value in annotation.items() if value is None]:
            del annotation[name]


def add(root, film, level, **fields):
    """Give a film one more annotation."""
    with edited(root / "annotations.json") as content:
        category_id = LEVELS.index(level) + 1
        content["annotations"].append({"id": 1000, "image_id": 100 + film, "category_id": category_id, **fields})


def rename_category(root, old, new):
    """Change the name of a category."""
    with edited(root / "annotations.json") as content:
        (category,) = (each for each in content["categories"] if each["name"] == old)
        category["name"] = new
