"""What each component sees of a film."""

from spinefm.data.views.base import View, known_repeats
from spinefm.data.views.classification import ClassificationView, class_names
from spinefm.data.views.detection import DetectionView
from spinefm.data.views.film_masks import FilmMaskView
from spinefm.data.views.patches import PatchVariation, patch_variation
from spinefm.data.views.segmentation import SegmentationView, reader_index
from spinefm.data.views.trails import TrailView

__all__ = [
    "ClassificationView",
    "DetectionView",
    "FilmMaskView",
    "PatchVariation",
    "SegmentationView",
    "TrailView",
    "View",
    "class_names",
    "known_repeats",
    "patch_variation",
    "reader_index",
]
