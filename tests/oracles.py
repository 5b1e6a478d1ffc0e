"""Small films of rotated squares along a curve, and components that look the truth up on them by film id.

The components keep the protocols of `spinefm.pipeline.protocols`.
"""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch
from torch.nn.functional import avg_pool2d

from spinefm.anatomy import LEVELS
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.geometry.patches import PatchRule, crop_mask
from spinefm.pipeline import InductivePipeline
from spinefm.structures import Detections, Radiograph, View

LANDMARKS = ("background", "vertebra", "C2", "S1")
ALL_LEVELS = ("background", "vertebra", *LEVELS)
CERVICAL = ("C2", "C3", "C4", "C5", "C6", "C7", "T1")


def make_film(film_id="film", levels=CERVICAL, size=(240, 160), bend=0.0, tilt=0.0, view=View.LATERAL_CERVICAL):
    """A film whose spine fills it, turning by `bend` in all around a direction `tilt` from the vertical, both in radians."""
    angles = tilt + bend * np.linspace(-0.5, 0.5, len(levels))
    along = np.stack([np.sin(angles), np.cos(angles)], axis=1)
    across = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    points = np.cumsum((along + np.roll(along, 1, axis=0)) / 2, axis=0)
    spacing = min((np.array(size[::-1]) - 4) / (np.ptp(points, axis=0) + 1.2))
    points = (points - (points.min(0) + points.max(0)) / 2) * spacing + np.array(size[::-1]) / 2
    corners = [(-0.45, -0.36), (0.45, -0.36), (0.45, 0.36), (-0.45, 0.36)]
    quads = np.stack([points + spacing * (x * across + y * along) for x, y in corners], axis=1)
    vertebrae = tuple(polygon_to_vertebra(quad, size, level) for quad, level in zip(quads, levels, strict=True))
    return Radiograph(film_id, np.zeros(size, dtype=np.uint8), vertebrae, view)


class Truth:
    """The annotations of films."""

    def __init__(self, films):
        self.films = {film.film_id: film for film in films}

    def nearest(self, film_id, point):
        """Index of the nearest vertebra and whether the point lies in it, or nearly so."""
        vertebrae = self.films[film_id].vertebrae
        distances = [float(np.hypot(v.centroid[0] - point[0], v.centroid[1] - point[1])) for v in vertebrae]
        index = int(np.argmin(distances))
        return index, distances[index] < 0.5 * np.sqrt(vertebrae[index].mask.sum())

    def vertebra_in(self, film_id, box):
        """The vertebra in the middle of a patch; None where there is none."""
        index, inside = self.nearest(film_id, (box.x + box.side / 2, box.y + box.side / 2))
        return self.films[film_id].vertebrae[index] if inside else None


class OracleDetector:
    """Detects the vertebrae that `choose` picks from the true ones, the first with the best score."""

    def __init__(self, films, choose=lambda vertebrae: vertebrae):
        self.truth, self.choose = Truth(films), choose

    def detect(self, films):
        chosen = [self.choose(self.truth.films[film.film_id].vertebrae) for film in films]
        return [Detections(tuple(replace(v, level=None, confidence=0.99 - 0.01 * i) for i, v in enumerate(found))) for found in chosen]


RULE = PatchRule()
CPU = torch.device("cpu")


class OracleClassifier:
    device, framings = CPU, MappingProxyType({})

    def __init__(self, films, classes=LANDMARKS, terminals=("C2", "S1"), patch_rule=RULE, certainty=0.95):
        self.truth, self.classes, self.terminals, self.patch_rule = Truth(films), classes, terminals, patch_rule
        self.input_size, self.certainty = 8, certainty

    def name(self, film_id, box):
        vertebra = self.truth.vertebra_in(film_id, box)
        if vertebra is None:
            return "background"
        return vertebra.level if vertebra.level in self.classes else "vertebra"

    def classify(self, patches):
        rest = (1 - self.certainty) / (len(self.classes) - 1)
        probabilities = torch.full((len(patches.boxes), len(self.classes)), rest)
        for row, film_id, box in zip(probabilities, patches.film_ids, patches.boxes, strict=True):
            row[self.classes.index(self.name(film_id, box))] = self.certainty
        return probabilities


class OraclePredictor:
    """The next true centroid; past the last one straight on."""

    def __init__(self, films, context=3):
        self.truth, self.context = Truth(films), context

    def predict_next(self, trails):
        assert trails.centroids.shape[1:] == (self.context, 2)
        return torch.tensor([self.next_point(i, t) for i, t in zip(trails.film_ids, trails.centroids, strict=True)]).reshape(-1, 2)

    def next_point(self, film_id, trail):
        (before, _), (last, _) = (self.truth.nearest(film_id, point.tolist()) for point in trail[-2:])
        vertebrae, following = self.truth.films[film_id].vertebrae, 2 * last - before
        return vertebrae[following].centroid if 0 <= following < len(vertebrae) else (2 * trail[-1] - trail[-2]).tolist()


class FunctionPredictor:
    """Where `function` of film id and trail, an array (k, 2), says."""

    def __init__(self, function, context=3):
        self.function, self.context = function, context

    def predict_next(self, trails):
        points = [self.function(i, t.numpy()) for i, t in zip(trails.film_ids, trails.centroids, strict=True)]
        return torch.from_numpy(np.array(points, dtype=np.float32)).reshape(-1, 2)


class OracleSegmenter:
    """The true mask; patches of at least its `input_size` pixels lose none."""

    device = CPU

    def __init__(self, films, input_size=64, patch_rule=None, certainty=6.0):
        self.truth, self.input_size, self.certainty = Truth(films), input_size, certainty
        self.patch_rule = patch_rule or PatchRule(pixels=input_size)

    def segment(self, patches):
        return torch.stack([self.logits(i, box) for i, box in zip(patches.film_ids, patches.boxes, strict=True)])

    def logits(self, film_id, box):
        vertebra = self.truth.vertebra_in(film_id, box)
        covered = torch.zeros(self.input_size, self.input_size) if vertebra is None else crop_mask(vertebra, box, self.input_size)
        return self.certainty * (2 * covered - 1)


class DiscSegmenter:
    """A disc in the middle of every patch, wherever it lies, with background logits of -6."""

    input_size, device = 32, CPU

    def __init__(self, radius=6, patch_rule=None):
        self.patch_rule = patch_rule or PatchRule(pixels=32)
        ys, xs = torch.meshgrid(*[torch.arange(32) - 15.5] * 2, indexing="ij")
        self.disc = torch.where(ys**2 + xs**2 <= radius**2, 6.0, -6.0)

    def segment(self, patches):
        return self.disc.repeat(len(patches.boxes), 1, 1)


class BrightSegmenter:
    """Segments what is bright, half as finely as it sees it, and so many pixels too far to the right; notes what it was shown."""

    device = CPU

    def __init__(self, input_size=64, patch_rule=None, shift=0):
        self.input_size, self.patch_rule, self.shift = input_size, patch_rule or PatchRule(scale=4.0), shift
        self.seen = []

    def segment(self, patches):
        self.seen.append(patches)
        return avg_pool2d(patches.pixels, 2)[:, 0].roll(self.shift, -1) * 12 - 6


class SameClassifier:
    """One row of probabilities for everything."""

    terminals, framings, input_size, patch_rule, device = (), MappingProxyType({}), 4, RULE, CPU

    def __init__(self, *probabilities, classes=("background", "vertebra")):
        self.probabilities, self.classes = torch.tensor(probabilities), classes

    def classify(self, patches):
        return self.probabilities.repeat(len(patches.boxes), 1)


def answered(procedure, crew):
    """Run one procedure alone; gives what comes out."""
    answer = None
    while True:
        try:
            question = procedure.send(answer)
        except StopIteration as stop:
            return stop.value
        (answer,) = crew.answer(type(question), [question])


class Counting:
    """Beside a segmenter: counts its calls and patches."""

    calls = patches = 0

    def segment(self, patches):
        self.calls, self.patches = self.calls + 1, self.patches + len(patches.boxes)
        return super().segment(patches)


EXACT = {"upright": False, "mirrored": False, "refinements": 0}
"""A patch that is turned or cut again shows a mask only nearly as it is; what an oracle knows of it does not show in the mirror."""


def inductive_pipeline(films, detector=None, classifier=None, predictor=None, segmenter=None, **settings):
    """An `InductivePipeline` of oracles on `films`, but for the components given."""
    return InductivePipeline(
        detector or OracleDetector(films),
        classifier or OracleClassifier(films),
        predictor or OraclePredictor(films),
        segmenter or OracleSegmenter(films),
        **EXACT | settings,
    )
