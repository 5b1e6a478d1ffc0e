"""What is not the patient: collimation borders, side markers, burned-in text, and the blank window of a label."""

from dataclasses import dataclass

import cv2
import numpy as np

from spinefm.structures import Pixels

_WORDS = ("ERECT", "STANDING", "LAT", "AP", "PORTABLE", "SUPINE", "WB", "X-TABLE", "FLEX", "EXT", "NEUTRAL", "PA")


@dataclass(frozen=True)
class Collimation:
    """The exposed part of a film, pixels, x1 and y1 exclusive."""

    x0: int
    y0: int
    x1: int
    y1: int


def sample_collimation(size: tuple[int, int], rng: np.random.Generator) -> Collimation:
    """Shutters inside the film on a third of the films, on up to four sides; least above and below, where the spine goes on."""
    height, width = size
    if rng.random() > 0.33:
        return Collimation(0, 0, width, height)
    left, right, top, bottom = (
        share if closed else 0.0 for share, closed in zip(rng.uniform(0.005, (0.09, 0.09, 0.035, 0.035)), rng.random(4) < 0.6, strict=True)
    )
    return Collimation(round(left * width), round(top * height), round((1 - right) * width), round((1 - bottom) * height))


def apply_collimation(pixels: Pixels, field: Collimation, rng: np.random.Generator) -> None:
    """Darken what the shutters cover; a little scatter gets there, unless the processor masked it; in place."""
    height, width = pixels.shape
    left_over = float(rng.choice([0.0, 0.0, 0.06, 0.15]))
    for rows, columns in (
        (slice(0, field.y0), slice(None)),
        (slice(field.y1, height), slice(None)),
        (slice(field.y0, field.y1), slice(0, field.x0)),
        (slice(field.y0, field.y1), slice(field.x1, width)),
    ):
        pixels[rows, columns] = (pixels[rows, columns] * left_over).astype(np.uint8)


def burn_in(pixels: Pixels, rng: np.random.Generator) -> None:
    """Lead letters and burned-in text near the edges of about half the films; in place."""
    if rng.random() < 0.45:
        _write(pixels, str(rng.choice(["L", "R"])), rng.uniform(0.9, 2.0), int(rng.integers(200, 256)), rng)
    if rng.random() < 0.3:
        digits = "".join(rng.choice(list("0123456789"), 6))
        _write(pixels, f"{rng.choice(_WORDS)} {digits}", rng.uniform(0.35, 0.6), int(rng.integers(180, 256)), rng)
    if rng.random() < 0.08:
        _label_window(pixels, rng)


def _write(pixels: Pixels, text: str, relative_size: float, grey: int, rng: np.random.Generator) -> None:
    height, width = pixels.shape
    size = relative_size * height / 900
    weight = max(1, round(2.2 * size))
    (text_width, text_height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, weight)
    edge = rng.uniform(0.01, 0.06)
    x = edge * width if rng.random() < 0.5 else (1 - edge) * width - text_width
    y = text_height + rng.uniform(0.01, 0.95) * (height - 2 * text_height)
    cv2.putText(pixels, text, (int(x), int(y)), cv2.FONT_HERSHEY_SIMPLEX, size, grey, weight, cv2.LINE_AA)


def _label_window(pixels: Pixels, rng: np.random.Generator) -> None:
    """The blank rectangle in a corner where the patient's name stood."""
    height, width = pixels.shape
    box_height, box_width = round(rng.uniform(0.03, 0.08) * height), round(rng.uniform(0.12, 0.3) * width)
    rows = slice(0, box_height) if rng.random() < 0.5 else slice(height - box_height, height)
    columns = slice(0, box_width) if rng.random() < 0.5 else slice(width - box_width, width)
    pixels[rows, columns] = int(rng.choice([0, 255]))
