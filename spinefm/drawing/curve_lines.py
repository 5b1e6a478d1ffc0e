"""How the curves of a spine are drawn: the lines along two endplates, joined beside the spine, where the angle is written.

Everything here is in pixels of the picture, in the frame of `spinefm.structures`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageDraw, ImageFont

from spinefm.measurements.corners import meeting
from spinefm.measurements.curves import Curve
from spinefm.measurements.spine import MeasuredVertebra, SpineMeasurements

ANGLE_SIZE = 1.25
"""Of the angle's letters, in heights of the vertebrae's names."""
LEVELS_SIZE = 0.7
"""Of the letters of its end vertebrae, likewise."""
NAME_WIDTH = 2.6
"""What a vertebra's name and the gap before it take at its right, likewise."""
_SUBPIXEL_BITS = 4
_WHITE, _BLACK = (255, 255, 255), (0, 0, 0)

Points = NDArray[np.float64]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True, eq=False)
class CurveFigure:
    """Where a curve is drawn.

    Attributes:
        line: (4, 2) from beyond the upper endplate, along it, over to the lower endplate's line and back along that.
        side: 1 where the angle stands at the right of the spine, -1 at the left: the side to which the curve is concave.
        angle: As it is written.
        levels: Likewise, of the end vertebrae.
    """

    line: Points
    side: int
    angle: str
    levels: str


def curve_figures(measured: SpineMeasurements, scale: float, letters: float) -> list[CurveFigure]:
    """Where to draw each curve.

    A line runs through the middle of the upper end vertebra's superior endplate, another through the middle of the lower one's
    inferior endplate, each as the vertebra's midline is tilted: what stands beside them is the angle between them.

    Args:
        measured: Of the spine.
        scale: Size of the picture over that of the film.
        letters: Height of the vertebrae's names.
    """
    return [_figure(curve, measured.chain[curve.upper : curve.lower + 1], scale, letters) for curve in measured.curves]


def _figure(curve: Curve, chain: Sequence[MeasuredVertebra], scale: float, letters: float) -> CurveFigure:
    """Of the vertebrae from the curve's upper end to its lower one."""
    side, ends_of = 1 if curve.direction == "left" else -1, (chain[0], chain[-1])
    upper, lower = chain[0].corners[:2] * scale, chain[-1].corners[2:] * scale
    along = [_along(its.tilt_deg, side) for its in ends_of]
    beside = _beside([its.vertebra.box for its in chain], side, scale, letters)
    ends = [_at(plate.mean(0), direction, beside) for plate, direction in zip((upper, lower), along, strict=True)]
    crossing = meeting((upper.mean(0), along[0]), (lower.mean(0), along[1]))
    if ends[0][1] > ends[1][1] and crossing is not None:  # the lines cross before they are beside the spine
        ends = [crossing] * 2
    starts = [
        plate.mean(0) - direction * (np.linalg.norm(plate[1] - plate[0]) / 2 + letters / 2)
        for plate, direction in zip((upper, lower), along, strict=True)
    ]
    levels = "-".join(str(its.vertebra.level) for its in ends_of)
    return CurveFigure(np.array([starts[0], *ends, starts[1]]), side, f"{curve.angle_deg:.0f}°", levels)


def _along(tilt_deg: float, side: int) -> Points:
    """(2,) unit vector along an endplate, towards a side."""
    angle = np.radians(tilt_deg)
    return side * np.array([np.cos(angle), np.sin(angle)])


def _beside(boxes: Sequence[tuple[int, int, int, int]], side: int, scale: float, letters: float) -> float:
    """x next to the vertebrae of a curve, and to their names."""
    if side > 0:
        return scale * max(x1 for _, _, x1, _ in boxes) + (NAME_WIDTH + 0.5) * letters
    return scale * min(x0 for x0, *_ in boxes) - letters


def _at(point: Points, direction: Points, x: float) -> Points:
    """Where a line from a point has an x; vertical ones stay where they are."""
    step = (x - point[0]) / direction[0] if abs(direction[0]) > 0.1 else 0.0
    return point + max(step, 0.0) * direction


def make_room(canvas: NDArray[np.uint8], figures: Sequence[CurveFigure], letters: float) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Add black margins to a (H, W, 3) picture, as far as figures reach over its sides.

    Returns:
        The picture, and where its old top left is on it, (x, y).
    """
    if not figures:
        return canvas, (0, 0)
    boxes = np.array([_box(figure, letters) for figure in figures])
    left, top = (max(0, int(np.ceil(-low))) for low in boxes[:, :2].min(0))
    right, bottom = (max(0, int(np.ceil(high - side))) for high, side in zip(boxes[:, 2:].max(0), canvas.shape[1::-1], strict=True))
    return np.pad(canvas, ((top, bottom), (left, right), (0, 0))), (left, top)


def _box(figure: CurveFigure, letters: float) -> tuple[float, float, float, float]:
    """(x0, y0, x1, y1) around a figure, and a narrow margin."""
    (x, y), (large, small) = _text_place(figure, letters), _fonts(letters)
    width = max(large.getlength(figure.angle), small.getlength(figure.levels))
    corners = [*figure.line, (x + figure.side * width, y - ANGLE_SIZE * letters), (x, y + letters)]
    (x0, y0), (x1, y1), margin = np.min(corners, axis=0), np.max(corners, axis=0), letters / 4
    return x0 - margin, y0 - margin, x1 + margin, y1 + margin


def _fonts(letters: float) -> tuple[Font, Font]:
    """For an angle, and for its levels."""
    return ImageFont.load_default(ANGLE_SIZE * letters), ImageFont.load_default(LEVELS_SIZE * letters)


def _text_place(figure: CurveFigure, letters: float) -> tuple[float, float]:
    """(x, y) between an angle and its levels, at the end next to the line."""
    x, y = figure.line[1:3].mean(0)
    return x + figure.side * letters / 2, y


def draw_lines(canvas: NDArray[np.uint8], figure: CurveFigure, origin: tuple[int, int]) -> None:
    """Draw a curve's lines onto a (H, W, 3) picture: white, with dark edges, so that they show on bone and on air.

    Args:
        canvas: Is drawn on.
        figure: What to draw.
        origin: See `make_room`.
    """
    width = max(1, round(canvas.shape[0] / 700))
    points = np.round((figure.line + origin - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32)
    for colour, thickness in ((_BLACK, width + 2), (_WHITE, width)):
        cv2.polylines(canvas, [points], False, colour, thickness, cv2.LINE_AA, _SUBPIXEL_BITS)


def write_angle(draw: ImageDraw.ImageDraw, figure: CurveFigure, letters: float, origin: tuple[int, int]) -> None:
    """Write a curve's angle, and its end vertebrae below it, beside its lines.

    Args:
        draw: Of the picture.
        figure: What to write.
        letters: Height of the vertebrae's names.
        origin: See `make_room`.
    """
    x, y = np.add(_text_place(figure, letters), origin)
    anchor = "l" if figure.side > 0 else "r"
    large, small = _fonts(letters)
    width = max(1, round(letters / 8))
    draw.text((x, y), figure.angle, "white", large, f"{anchor}b", stroke_width=width, stroke_fill="black")
    draw.text((x, y + letters / 8), figure.levels, "white", small, f"{anchor}t", stroke_width=width, stroke_fill="black")
