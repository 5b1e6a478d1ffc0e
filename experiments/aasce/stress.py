"""How results hold on films other than usual: `python experiments/aasce/stress.py <folder of AASCE> <checkpoints> [split, val]`.

Every film of a split as it is, and changed in ways that a lab meets; the segmenter is told whose outlines are wanted.
`pipeline.framing` is off, as a lab's films are framed otherwise.
Rods are of the kind that is drawn onto training patches, in other draws; films are cut between two vertebrae, as training may cut them;
those that go on stand for films that show more of the body.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from rich.console import Console

from spinefm.composition import load_pipeline
from spinefm.data.datasets.aasce import CAMPAIGNS, AasceDataset
from spinefm.data.shrink import shrink
from spinefm.data.views.rods import draw_rods, takes_rods
from spinefm.evaluation.metrics import headline
from spinefm.evaluation.records import record_film
from spinefm.pipeline import InductivePipeline
from spinefm.structures import PatchBox, Pixels, Radiograph, Vertebra

Change = Callable[[Radiograph, np.random.Generator], Radiograph]
COLUMNS = ("identification_rate", "labelled_identification_rate", "dice_identified", "false_positives_per_image")
NOISE = 25.0
"""Grey levels."""
FRAME = 0.3
"""Of the film's height, and of its width."""
BODY = (0.3, 0.4)
"""Of the film's height, above and below, and of its width, to either side: films of AASCE are cropped to the spine."""
MIRRORED = 0.25
"""Of the film's width, to either side."""
BLUR = 0.03
"""Of the film's height: half of the distance of vertebrae."""


def with_rods(film: Radiograph, rng: np.random.Generator) -> Radiograph:
    """After a fusion."""
    if not takes_rods(film):
        return film
    height, width = film.size
    square = np.zeros((max(film.size),) * 2, np.uint8)
    square[:height, :width] = film.pixels
    return replace(film, pixels=np.ascontiguousarray(draw_rods(square, film, PatchBox(0, 0, len(square)), rng)[:height, :width]))


def with_noise(film: Radiograph, rng: np.random.Generator) -> Radiograph:
    """Of a low dose."""
    return replace(film, pixels=(film.pixels + rng.normal(0, NOISE, film.size)).round().clip(0, 255).astype(np.uint8))


def with_gamma(film: Radiograph, rng: np.random.Generator, gamma: float) -> Radiograph:
    """Brighter below 1, darker above."""
    curve = (255 * (np.arange(256) / 255) ** gamma).round().astype(np.uint8)
    return replace(film, pixels=np.asarray(cv2.LUT(film.pixels, curve), np.uint8))


def with_half_the_pixels(film: Radiograph, rng: np.random.Generator) -> Radiograph:
    """Along either side."""
    return shrink(film, max(film.size) // 2)


def in_a_frame(film: Radiograph, rng: np.random.Generator) -> Radiograph:
    """Black all around, on every side three tenths as wide as the film."""
    height, width = film.size
    top, left = round(FRAME * height), round(FRAME * width)
    return _placed(film, np.zeros((height + 2 * top, width + 2 * left), np.uint8), top, left)


def with_more_of_the_body(film: Radiograph, rng: np.random.Generator) -> Radiograph:
    """It goes on in the mirror, so blurred that no vertebra is to be seen there."""
    top, left = (round(share * side) for share, side in zip(BODY, film.size, strict=True))
    mirrored = cv2.copyMakeBorder(film.pixels, top, top, left, left, cv2.BORDER_REFLECT_101)
    return _placed(film, np.asarray(cv2.GaussianBlur(mirrored, (0, 0), BLUR * film.size[0]), np.uint8), top, left)


def between_mirrors(film: Radiograph, rng: np.random.Generator) -> Radiograph:
    """To either side it goes on in the mirror, as sharp as it is."""
    left = round(MIRRORED * film.size[1])
    return _placed(film, np.asarray(cv2.copyMakeBorder(film.pixels, 0, 0, left, left, cv2.BORDER_REFLECT_101), np.uint8), 0, left)


def _placed(film: Radiograph, around: Pixels, top: int, left: int) -> Radiograph:
    """The film on a larger one."""
    height, width = film.size
    around[top : top + height, left : left + width] = film.pixels
    return replace(film, pixels=around, vertebrae=tuple(vertebra.moved(left, top) for vertebra in film.vertebrae))


def cut(film: Radiograph, rng: np.random.Generator, first: str, last: str) -> Radiograph:
    """Only these levels, with the film above or below them cut away between two vertebrae."""
    y = {vertebra.level: vertebra.centroid[1] for vertebra in film.vertebrae}
    levels = list(y)
    above, below = levels.index(first), levels.index(last) + 1
    top = round((y[levels[above - 1]] + y[first]) / 2) if above else 0
    bottom = round((y[last] + y[levels[below]]) / 2) if below < len(levels) else film.size[0]
    kept = tuple(_within(vertebra, top, bottom) for vertebra in film.vertebrae[above:below])
    return replace(film, pixels=np.ascontiguousarray(film.pixels[top:bottom]), vertebrae=kept, cobb_angles=None)


def _within(vertebra: Vertebra, top: int, bottom: int) -> Vertebra:
    """The vertebra on the rows of a film from `top` to `bottom`, and what of its mask lies there."""
    (x, y), (left, first) = vertebra.centroid, vertebra.origin
    lost = max(0, top - first)
    return replace(vertebra, mask=vertebra.mask[lost : bottom - first], centroid=(x, y - top), origin=(left, first + lost - top))


CHANGES: dict[str, Change] = {
    "as they are": lambda film, rng: film,
    "rods and screws": with_rods,
    f"noise of {NOISE:.0f} grey levels": with_noise,
    "gamma 0.4": partial(with_gamma, gamma=0.4),
    "gamma 2.5": partial(with_gamma, gamma=2.5),
    "half the pixels": with_half_the_pixels,
    "in a black frame": in_a_frame,
    "with more of the body": with_more_of_the_body,
    "between mirrors": between_mirrors,
    "T1 to T12 alone": partial(cut, first="T1", last="T12"),
    "T10 to L5 alone": partial(cut, first="T10", last="L5"),
}


def main(root: str, checkpoints: str, split: str = "val") -> None:
    """Print a table; a row takes about as long as an evaluation."""
    films = AasceDataset(root, landmarks=["T1", "L5"], terminals=["T1", "L5"], readers=CAMPAIGNS).split(split)
    pipeline = load_pipeline(partial(InductivePipeline, framing="none"), checkpoints)
    say = Console(width=200).print
    say("| films | identified | right level | Dice, identified | false positives / film |\n|---|---|---|---|---|")
    for title, change in CHANGES.items():
        changed = [change(film, np.random.default_rng(seed)) for seed, film in enumerate(films)]
        records = [record_film(film, spine) for film, spine in zip(changed, pipeline.stream(changed), strict=True)]
        say(f"| {title} | " + " | ".join(_told(headline(records)[column]) for column in COLUMNS) + " |")


def _told(entry: dict[str, Any]) -> str:
    interval = "" if entry["ci95"] is None else " ({:.3f}–{:.3f})".format(*entry["ci95"])
    return "–" if entry["value"] is None else f"{entry['value']:.3f}{interval}"


if __name__ == "__main__":
    main(*sys.argv[1:])
