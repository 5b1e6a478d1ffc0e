"""A film with its vertebrae drawn on it."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from skimage.measure import find_contours

from spinefm.anatomy import level_index, region
from spinefm.drawing.curve_lines import curve_figures, draw_lines, make_room, write_angle
from spinefm.drawing.level_names import write_names
from spinefm.files.atomic import atomic_path
from spinefm.measurements.spine import SpineMeasurements
from spinefm.structures import Landmark, Pixels, Vertebra

MAX_SIDE = 1600
"""Longer films are drawn smaller, pixels."""

Colour = tuple[int, int, int]
Polygon = NDArray[np.float64]

# Hues by Okabe and Ito, which stay apart under all common colour blindness; neighbours alternate between two tones.
_PALETTE: dict[str, tuple[Colour, Colour]] = {
    "cervical": ((0, 114, 178), (86, 180, 233)),
    "thoracic": ((213, 94, 0), (230, 159, 0)),
    "lumbar": ((0, 158, 115), (120, 220, 185)),
    "sacral": ((204, 121, 167), (204, 121, 167)),
}
_UNKNOWN: Colour = (190, 190, 190)
_TRUTH: Colour = (240, 228, 66)
_FILL = 0.35
_SUBPIXEL_BITS = 4


def level_colour(level: str | None) -> Colour:
    """(red, green, blue) of a level, 0..255; grey where it is unknown."""
    return _UNKNOWN if level is None else _PALETTE[region(level)][level_index(level) % 2]


def outlines(vertebra: Vertebra) -> list[Polygon]:
    """The contours of a mask, largest first: outer ones and holes.

    Returns:
        Closed polygons without the repeated corner, (K, 2) as (x, y), pixels of the original film. They run midway between
        pixel centres inside and outside, so that `polygon_to_vertebra` restores a mask without holes exactly.
    """
    # cv2.findContours would run through the centres of the border pixels and lose half a pixel on every side.
    contours = find_contours(np.pad(vertebra.mask, 1).astype(np.float64), 0.5, fully_connected="high")
    shift = np.array(vertebra.origin) + 0.5 - 1.0
    corners = [cv2.approxPolyDP(contour[:-1].astype(np.float32), 0.2, closed=True)[:, 0] for contour in contours]
    polygons = [corner[:, ::-1].astype(np.float64) + shift for corner in corners]
    return sorted(polygons, key=lambda polygon: cv2.contourArea(polygon.astype(np.float32)), reverse=True)


def bare(pixels: Pixels) -> NDArray[np.uint8]:
    """A film without anything on it, as large as `overlay` draws it: (h, w, 3)."""
    return _grey(pixels, min(1.0, MAX_SIDE / max(pixels.shape)))


def overlay(
    pixels: Pixels,
    vertebrae: Sequence[Vertebra],
    truth: Sequence[Vertebra] = (),
    landmarks: Sequence[Landmark] = (),
    measured: SpineMeasurements | None = None,
) -> NDArray[np.uint8]:
    """Draw vertebrae over a film: coloured by level, named at their side.

    Args:
        pixels: (H, W) film.
        vertebrae: Translucent, with a contour.
        truth: Annotated vertebrae, as thin yellow outlines.
        landmarks: As crosses.
        measured: Of the vertebrae; its curves are drawn, see `spinefm.drawing.curve_lines`.

    Returns:
        (h, w, 3) RGB, the film's size unless that exceeds `MAX_SIDE`; with black margins where curves need room beside the film.
    """
    scale = min(1.0, MAX_SIDE / max(pixels.shape))
    canvas = _grey(pixels, scale)
    width = max(1, round(canvas.shape[0] / 600))
    vertebrae = [vertebra for vertebra in vertebrae if vertebra.mask.any()]
    contours = [outlines(vertebra) for vertebra in vertebrae]
    shapes = [(_to_subpixels(its, scale), level_colour(vertebra.level)) for its, vertebra in zip(contours, vertebrae, strict=True)]
    canvas = _fill(canvas, shapes)
    for polygons, colour in shapes:
        _draw(canvas, polygons, colour, width)
    for vertebra in truth:
        _draw(canvas, _to_subpixels(outlines(vertebra), scale), _TRUTH, max(1, width // 2))
    for mark in landmarks:
        _cross(canvas, mark, scale)
    letters = max(11, round(canvas.shape[0] / 36))
    figures = [] if measured is None else curve_figures(measured, scale, letters)
    canvas, origin = make_room(canvas, figures, letters)
    for figure in figures:
        draw_lines(canvas, figure, origin)
    image = Image.fromarray(canvas)
    write_names(image, vertebrae, [its[0] * scale + origin for its in contours], letters)
    for figure in figures:
        write_angle(ImageDraw.Draw(image), figure, letters, origin)
    return np.asarray(image)


def write_picture(path: str | Path, canvas: NDArray[np.uint8]) -> None:
    """Write an overlay as JPEG, whole or not at all; colours at full resolution, so that thin outlines stay sharp.

    A film is mostly noise: a PNG is seven times as large and takes ten times as long.
    """
    with atomic_path(path) as temporary:
        Image.fromarray(canvas).save(temporary, quality=90, subsampling=0)


def _cross(canvas: Pixels, mark: Landmark, scale: float) -> None:
    size = max(5, canvas.shape[0] // 60)
    x, y = (round(scale * coordinate - 0.5) for coordinate in mark.point)
    cv2.drawMarker(canvas, (x, y), level_colour(mark.level), cv2.MARKER_CROSS, size, max(1, size // 8), cv2.LINE_AA)


def _grey(pixels: Pixels, scale: float) -> Pixels:
    """(H, W) to (h, w, 3)."""
    # Averaging over areas takes five times as long, and shows only where several pixels become one.
    method = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_LINEAR
    resized = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=method) if scale < 1 else pixels
    return np.asarray(cv2.cvtColor(resized, cv2.COLOR_GRAY2RGB), dtype=np.uint8)


def _to_subpixels(polygons: Iterable[Polygon], scale: float) -> list[NDArray[np.int32]]:
    """Into OpenCV's frame (pixel centres at whole numbers) and its fixed-point coordinates."""
    return [np.round((polygon * scale - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32) for polygon in polygons]


def _fill(canvas: Pixels, shapes: Iterable[tuple[list[NDArray[np.int32]], Colour]]) -> Pixels:
    layer = canvas.copy()
    for polygons, colour in shapes:
        cv2.fillPoly(layer, polygons, colour, cv2.LINE_AA, _SUBPIXEL_BITS)
    return np.asarray(cv2.addWeighted(layer, _FILL, canvas, 1 - _FILL, 0.0), dtype=np.uint8)


def _draw(canvas: Pixels, polygons: list[NDArray[np.int32]], colour: Colour, width: int) -> None:
    cv2.polylines(canvas, polygons, True, colour, width, cv2.LINE_AA, _SUBPIXEL_BITS)
