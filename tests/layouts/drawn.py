"""A data set of films of boxes one below the other; their levels stand in a text file beside each."""

from dataclasses import replace

import numpy as np
from PIL import Image

from spinefm.data.film_source import FilmSource
from spinefm.data.folder_dataset import FolderDataset
from spinefm.data.problems import Problem
from spinefm.data.reading.annotation import Annotation
from spinefm.geometry.masks import polygon_to_vertebra
from tests.layouts.quads import quad

LEVELS, SIZE = "L1 L2 L3 L4", (120, 80)
NOTE = Problem(None, "to be tidy", "dust", "It was wiped off.", fatal=False)


class Drawn(FolderDataset):
    """Notes dust where a film's row says so."""

    name = "drawn"
    sharpness = 1

    def settings(self):
        return (self.sharpness,)

    def annotation(self, source, size, report):
        if "note" in source.row:
            report(replace(NOTE, path=source.image))
        (path,) = source.annotations
        levels = enumerate(path.read_text().split())
        return Annotation([polygon_to_vertebra(quad((40, 11 + 20 * i), 20, 12), size, level) for i, level in levels])


class Lenient(Drawn):
    """Published splits may divide a patient."""

    patients_may_share = True


def write_film(root, film_id, text=LEVELS, dark=False, **fields):
    """Write a film and its levels; gives where it comes from."""
    pixels = np.full(SIZE, 50, dtype=np.uint8)
    for i in range(len(text.split())):
        pixels[5 + 20 * i : 17 + 20 * i, 30:50] = 200
    image, levels = root / f"{film_id}.png", root / f"{film_id}.levels"
    Image.fromarray(255 - pixels if dark else pixels).save(image)
    levels.write_text(text)
    return FilmSource(film_id, image, **{"patient_id": film_id, "annotations": (levels,), **fields})
