"""The JSON file of LabelMe, as somebody's own films and CSXA have it."""

import base64
import io
import json
from contextlib import contextmanager

import numpy as np
from PIL import Image

CORNERS = ("top left", "top right", "bottom right", "bottom left")


def shape(label, points, shape_type):
    """One shape, as LabelMe writes it."""
    points = [[float(x), float(y)] for x, y in points]
    return {"label": label, "points": points, "group_id": None, "shape_type": shape_type, "flags": {}}


def mask_shape(label, mask, corner):
    """A mask as LabelMe 5's AI tools save it, its top-left pixel at (x, y) `corner`."""
    buffer = io.BytesIO()
    Image.fromarray(np.asarray(mask, dtype=bool).astype(np.uint8) * 255).save(buffer, "PNG")
    (x, y), (height, width) = corner, np.shape(mask)
    body = shape(label, [(x, y), (x + width - 1, y + height - 1)], "mask")
    return body | {"mask": base64.b64encode(buffer.getvalue()).decode()}


def corner_shapes(level, corners, shape_type="point"):
    """Four points, named as CSXA names them."""
    return [shape(f"{level} {name}", [corner], shape_type) for name, corner in zip(CORNERS, corners, strict=True)]


def write_labelme(path, shapes, size, image_data=None):
    """Write the file of the PNG of its name."""
    content = {"version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": f"{path.stem}.png", "imageData": image_data}
    path.write_text(json.dumps(content | {"imageHeight": size[0], "imageWidth": size[1]}))


@contextmanager
def edited(path):
    """The content of a file, written back at the end."""
    content = json.loads(path.read_text())
    yield content
    path.write_text(json.dumps(content))


def find(content, label):
    """The one shape of a label."""
    (found,) = [each for each in content["shapes"] if each["label"] == label]
    return found
