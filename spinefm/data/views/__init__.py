"""What each component sees of a film."""

from spinefm.data.views.augmentation import EXPOSURES, checked_rotation
from spinefm.data.views.base import View
from spinefm.data.views.classification import ClassificationView, class_names
from spinefm.data.views.detection import DetectionView
from spinefm.data.views.film_masks import FilmMaskView
from spinefm.data.views.segmentation import SegmentationView, reader_index
from spinefm.data.views.trails import TrailView

__all__ = [
    "EXPOSURES",
    "ClassificationView",
    "DetectionView",
    "FilmMaskView",
    "SegmentationView",
    "TrailView",
    "View",
    "checked_rotation",
    "class_names",
    "reader_index",
]
