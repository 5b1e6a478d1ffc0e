"""Where on a film the spine is: one that shows much else is cropped to it.

Networks tell where on a spine they are by where on the film, too.
"""

from dataclasses import dataclass

import numpy as np

from spinefm.geometry.centroids import centroids_of, local_spacings, principal_axis_order
from spinefm.pipeline.base_case import MAX_OVERLAP, without_duplicates
from spinefm.pipeline.cropping import Part, cropped, whole_of
from spinefm.pipeline.protocols import Detector
from spinefm.structures import Detections, Radiograph, Vertebra

LEAST = 9
"""Vertebrae that have to be detected, half of T1 to L5, before a film is cropped to them: of fewer, too many may have been missed."""
MARGIN = 2.0
"""Left around what was detected, for what was not, in vertebra spacings."""
LARGEST = 0.75
"""Share of a film up to which a part of it is worth a second look."""


@dataclass(frozen=True)
class FirstLook:
    """What is seen of a film at first.

    Attributes:
        part: What of the film is looked at.
        film: That part.
        detections: Rough vertebrae, pixels of the part.
    """

    part: Part
    film: Radiograph
    detections: Detections


def first_look(film: Radiograph, detector: Detector, crop: bool = True) -> FirstLook:
    """Detect vertebrae, and once more around the spine if the film shows much else, unless too few are found there.

    Args:
        film: What is looked at.
        detector: Detects.
        crop: Whether there is such a second look.
    """
    look = _look(film, whole_of(film.size), detector)
    part = around_spine(look.detections, film.size) if crop else look.part
    if part == look.part:
        return look
    closer = _look(film, part, detector)
    return closer if len(_distinct(closer.detections)) >= LEAST else look


def around_spine(detections: Detections, size: tuple[int, int]) -> Part:
    """What of a film lies around its spine; all of it where little else is to be seen, or fewer than `LEAST` vertebrae.

    What is detected far from the spine makes the part larger, or leaves the film as it is: it may be the spine's other end, with
    nothing between that was to be seen.

    Args:
        detections: Of the film.
        size: (H, W) of it.
    """
    found = _distinct(detections)
    if len(found) < LEAST:
        return whole_of(size)
    centroids = centroids_of(found)
    margin = MARGIN * np.median(local_spacings(centroids[principal_axis_order(centroids)]))
    boxes = np.array([vertebra.box for vertebra in found])
    x0, y0 = (boxes[:, :2].min(0) - margin).clip(0).astype(int).tolist()
    x1, y1 = (boxes[:, 2:].max(0) + margin).clip(max=size[::-1]).astype(int).tolist()
    return (x0, y0, x1, y1) if (x1 - x0) * (y1 - y0) <= LARGEST * size[0] * size[1] else whole_of(size)


def _look(film: Radiograph, part: Part, detector: Detector) -> FirstLook:
    shown = cropped(film, part)
    (detections,) = detector.detect([shown])
    return FirstLook(part, shown, detections)


def _distinct(detections: Detections) -> list[Vertebra]:
    return without_duplicates(detections.vertebrae, MAX_OVERLAP)
