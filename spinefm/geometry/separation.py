"""One connected component for each vertebra: masks drawn a little too small, so that neighbours stay apart, and grown back.

Of the known ways to keep objects apart that touch (a border class, weights between them as in arXiv:1505.04597, distance maps) this is the
simplest: one class, one number.
"""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import label, regionprops
from skimage.morphology import disk
from skimage.segmentation import expand_labels

from spinefm.geometry.masks import mask_to_vertebra
from spinefm.structures import Mask, Vertebra


def drawn_apart(labels: NDArray[np.uint8], margin: int) -> Mask:
    """Where nothing but one vertebra lies within `margin` pixels; beyond the border of the image there is nothing at all.

    Args:
        labels: (H, W), a number for each vertebra, 0 where there is none.
        margin: Pixels; 0 leaves the vertebrae as large as they are.

    Returns:
        (H, W); vertebrae that touch or overlap lie 2 `margin` apart.
    """
    around = disk(margin)
    apart: Mask = (labels > 0) & (cv2.erode(labels, around) == cv2.dilate(labels, around))
    return apart


def grown_parts(probabilities: NDArray[np.float32], threshold: float, margin: int, min_area_share: float) -> list[Vertebra]:
    """Vertebrae of a map in which they were drawn apart: its connected components, grown back, in no order.

    Args:
        probabilities: (H, W) in 0..1.
        threshold: Probability above which a pixel belongs to a vertebra.
        margin: As in `drawn_apart`, pixels of the map; where two components grow towards each other, a pixel goes to the nearer one.
        min_area_share: Components smaller than this share of the median one are dropped.

    Returns:
        In pixels of the map; `confidence` is the mean probability of the component before it grew.
    """
    labels = label(probabilities > threshold, connectivity=1)
    parts = regionprops(labels, intensity_image=probabilities)
    least = min_area_share * np.median([part.area for part in parts]) if parts else 0
    kept = [part for part in parts if part.area >= least]
    grown = expand_labels(np.where(np.isin(labels, [part.label for part in kept]), labels, 0), margin)
    found = (mask_to_vertebra(grown == part.label, confidence=float(part.intensity_mean)) for part in kept)
    return [vertebra for vertebra in found if vertebra is not None]
