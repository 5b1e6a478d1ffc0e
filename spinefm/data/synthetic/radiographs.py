"""One simulated radiograph: a spine, where it falls on the film, what its rays go through, and its annotation."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.data.synthetic.cervical import draw_neck
from spinefm.data.synthetic.film import bone_texture, expose, sample_exposure
from spinefm.data.synthetic.frontal_vertebrae import draw_frontal_vertebrae
from spinefm.data.synthetic.lateral_vertebrae import draw_lateral_vertebrae
from spinefm.data.synthetic.lumbar import draw_trunk
from spinefm.data.synthetic.overlay import Collimation, apply_collimation, burn_in, sample_collimation
from spinefm.data.synthetic.rays import FilmFrame, RayField, filled
from spinefm.data.synthetic.spines import Body, SimulatedSpine, sample_spine
from spinefm.data.synthetic.whole_spine import draw_body
from spinefm.geometry.masks import mask_to_vertebra
from spinefm.structures import Mask, Pixels, Vertebra, View

INVERTED_RATE = 0.03
FACES_RIGHT_RATE = 0.15
CROPPED_RATE = 0.1
"""Share of the lateral films that are too small for all their vertebrae."""
_SURROUNDINGS = {View.LATERAL_CERVICAL: draw_neck, View.LATERAL_LUMBAR: draw_trunk, View.AP_SPINE: draw_body}
_AREA = 800_000
_ASPECTS = {View.LATERAL_CERVICAL: (1.1, 1.45), View.LATERAL_LUMBAR: (1.15, 1.9), View.AP_SPINE: (2.1, 3.3)}
_SPANS = {View.LATERAL_CERVICAL: (0.52, 0.74), View.LATERAL_LUMBAR: (0.66, 0.88), View.AP_SPINE: (0.78, 0.92)}
"""Share of the film's height between the first and the last annotated centre."""
_MIDDLES = {View.LATERAL_CERVICAL: (0.48, 0.62), View.LATERAL_LUMBAR: (0.48, 0.66), View.AP_SPINE: (0.4, 0.56)}
"""Share of the film's width at which the spine stands."""


@dataclass(frozen=True, eq=False)
class SimulatedFilm:
    """A film with everything known about it.

    Attributes:
        pixels: (H, W).
        vertebrae: From head to foot, as a reader would annotate them.
        spine: What was drawn, also beyond the film.
        spacing_mm: Side of a pixel in the patient's plane.
        inverted: Whether bone is dark.
    """

    pixels: Pixels
    vertebrae: tuple[Vertebra, ...]
    spine: SimulatedSpine
    spacing_mm: float
    inverted: bool


def simulate(
    view: View, rng: np.random.Generator, size: tuple[int, int] | None = None, scale: float = 1.0, curve_scale: float = 1.0
) -> SimulatedFilm:
    """Draw and take one radiograph.

    Args:
        view: Projection and region; not `UNKNOWN`.
        rng: Everything random comes from here.
        size: (H, W) of the film; None draws one of about 0.8 million pixels.
        scale: Shrinks the drawn size; not applied to a given `size`.
        curve_scale: See `sample_spine`.
    """
    spine = sample_spine(view, rng, curve_scale)
    frame = _framing(spine, size or _film_size(view, scale, rng), rng)
    collimation = sample_collimation(frame.size, rng)
    pixels = _take(spine, frame, rng)
    burned_outside = rng.random() < 0.5
    if not burned_outside:
        burn_in(pixels, rng)
    apply_collimation(pixels, collimation, rng)
    if burned_outside:
        burn_in(pixels, rng)
    inverted = bool(rng.random() < INVERTED_RATE)
    if inverted:
        np.subtract(255, pixels, out=pixels)
    return SimulatedFilm(pixels, annotate(spine, frame, collimation), spine, frame.spacing_mm, inverted)


def _film_size(view: View, scale: float, rng: np.random.Generator) -> tuple[int, int]:
    aspect = rng.uniform(*_ASPECTS[view])
    return round(scale * np.sqrt(_AREA * aspect)), round(scale * np.sqrt(_AREA / aspect))


def _framing(spine: SimulatedSpine, size: tuple[int, int], rng: np.random.Generator) -> FilmFrame:
    """Fit the annotated part to the film, slightly turned, most laterals facing left."""
    view, (height, width) = spine.view, size
    centres = np.array([body.centre for body in spine.bodies if body.annotated])
    span = rng.uniform(*_SPANS[view])
    if view is not View.AP_SPINE and rng.random() < CROPPED_RATE:
        span *= rng.uniform(1.2, 1.5)
    spacing = float(np.ptp(centres[:, 1])) / (span * height)
    mirrored = view is not View.AP_SPINE and rng.random() < FACES_RIGHT_RATE
    turn = np.radians(rng.normal(0, 1.5 if view is View.AP_SPINE else 3.5))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    # Real AASCE films differ in how far they were stretched sideways.
    stretch = rng.normal(1.0, 0.05)
    matrix = np.diag([(-1.0 if mirrored else 1.0) * stretch, 1.0]) @ rotation / spacing
    across = rng.uniform(*_MIDDLES[view])
    mapped = centres @ matrix.T
    target = np.array([(1 - across if mirrored else across) * width, _top(view, mapped[:, 1], height, rng)])
    middle = np.array([(mapped[:, 0].min() + mapped[:, 0].max()) / 2, mapped[:, 1].min()])
    return FilmFrame(size, matrix, target - middle, spacing)


def _top(view: View, rows: NDArray[np.float64], height: int, rng: np.random.Generator) -> float:
    """Row of the first annotated centre.

    Laterals are collimated within a step of the last level that is annotated: nothing on a film tells T10 from T11.
    """
    room = height - float(np.ptp(rows))
    margin = rng.uniform(0.6, 0.95)
    if room < 0:
        return room * rng.uniform(0, 1)
    if view is View.LATERAL_LUMBAR:
        return min(margin * float(rows[1] - rows[0]), room)
    if view is View.LATERAL_CERVICAL:
        return max(room - margin * float(rows[-1] - rows[-2]), 0.0)
    return room * rng.uniform(0.24, 0.48)


def _take(spine: SimulatedSpine, frame: FilmFrame, rng: np.random.Generator) -> Pixels:
    bone, soft = RayField(frame), RayField(frame, shrink=2)
    draw_vertebrae = draw_frontal_vertebrae if spine.view is View.AP_SPINE else draw_lateral_vertebrae
    draw_vertebrae(bone, spine, rng)
    _SURROUNDINGS[spine.view](soft, spine, rng)
    height, width = frame.size
    attenuation = np.asarray(cv2.resize(soft.values, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    attenuation += bone.values * bone_texture(frame.size, frame.spacing_mm, rng)
    # Air in the body takes away at most what is there.
    np.maximum(attenuation, np.float32(0), out=attenuation)
    return expose(attenuation, sample_exposure(rng), rng)


def annotate(spine: SimulatedSpine, frame: FilmFrame, collimation: Collimation) -> tuple[Vertebra, ...]:
    """Masks of the annotated bodies of which at least half is on the exposed film; none overlaps another."""
    taken = np.zeros(frame.size, dtype=bool)
    # C1 comes first: its lateral masses lie over the dens, whose tip is thus C1's; a point there then means one vertebra.
    order = sorted((body for body in spine.bodies if body.annotated), key=lambda body: body.level != "C1")
    found = {body.level: _annotated(body, frame, collimation, taken) for body in order}
    vertebrae = (found.get(body.level) for body in spine.bodies)
    return tuple(vertebra for vertebra in vertebrae if vertebra is not None)


def _annotated(body: Body, frame: FilmFrame, collimation: Collimation, taken: Mask) -> Vertebra | None:
    inside, (left, top) = filled(frame.to_pixels(body.outline))
    height, width = inside.shape
    x0, x1 = np.clip((collimation.x0 - left, collimation.x1 - left), 0, width)
    y0, y1 = np.clip((collimation.y0 - top, collimation.y1 - top), 0, height)
    visible = inside[y0:y1, x0:x1]
    if visible.sum() < max(1, 0.5 * inside.sum()):
        return None
    window = taken[top + y0 : top + y1, left + x0 : left + x1]
    mask = visible & ~window
    window |= mask
    return mask_to_vertebra(mask, (int(left + x0), int(top + y0)), level=body.level)
