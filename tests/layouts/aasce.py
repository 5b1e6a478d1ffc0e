"""AASCE: AP films with the corners of T1..L5, as published."""

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from spinefm.data.datasets.aasce import AasceDataset


class AasceLayout:
    """A data set under construction; every film looks different unless a picture is given."""

    size = (360, 100)

    def __init__(self, root, part="training"):
        self.root = root
        self.labels = root / "labels" / part
        self.films = root / "data" / part
        self.names, self.rows, self.angles = [], [], []
        self.labels.mkdir(parents=True)
        self.films.mkdir(parents=True)

    @staticmethod
    def spine():
        """(17, 4, 2) corners of a slightly bent spine, pixels."""
        top = 10 + 20.0 * np.arange(17)
        left = 35 + 8 * np.sin(np.arange(17) / 4)
        return np.stack([np.stack([left + x, top + y], axis=-1) for y in (0, 14) for x in (0, 30)], axis=1)

    @classmethod
    def picture(cls, seed):
        return cv2.resize(np.random.default_rng(seed).integers(0, 255, (36, 10), dtype=np.uint8), cls.size[::-1])

    def add(self, serial, letter="A", quads=None, pixels=None, angles=(8.2, 4.1, 1.05)):
        name = f"sunhl-1th-06-Jan-2017-{serial} {letter} AP.jpg"
        Image.fromarray(self.picture(len(self.names)) if pixels is None else pixels).save(self.films / name, quality=95)
        points = (self.spine() if quads is None else quads).reshape(-1, 2) / self.size[::-1]
        self.names.append(name)
        self.angles.append(",".join(map(str, angles)))
        self.rows.append(",".join(f"{value:.6f}" for value in points.T.ravel()))
        return self

    def write(self):
        (self.labels / "filenames.csv").write_text("\n".join(self.names) + "\n")
        (self.labels / "landmarks.csv").write_text("\n".join(self.rows) + "\n")
        if self.angles:
            (self.labels / "angles.csv").write_text("\n".join(self.angles) + "\n")
        return self

    def open(self, **options):
        self.write()
        return AasceDataset(str(self.root), cache_dir=str(self.root / "cache"), **options)


def write(root: Path, num_films: int = 6) -> Path:
    """Write a data set of as many patients."""
    layout = AasceLayout(root)
    for serial in range(num_films):
        layout.add(serial)
    return layout.write().root
