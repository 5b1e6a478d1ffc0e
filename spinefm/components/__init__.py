"""The trainable components, each a LightningModule that stands on its own: the four of the inductive pipeline, and a baseline."""

from spinefm.components.base import Component
from spinefm.components.mask_rcnn import MaskRCNNComponent
from spinefm.components.placement import Placement
from spinefm.components.point_predictor import PointPredictorComponent
from spinefm.components.resnet import ResNetComponent
from spinefm.components.sam_adapter import SamAdapterComponent
from spinefm.components.samples import Sample
from spinefm.components.unet import UNetComponent

COMPONENTS: dict[str, type[Component]] = {
    component.name: component
    for component in (MaskRCNNComponent, ResNetComponent, PointPredictorComponent, SamAdapterComponent, UNetComponent)
}

__all__ = [
    "COMPONENTS",
    "Component",
    "MaskRCNNComponent",
    "Placement",
    "PointPredictorComponent",
    "ResNetComponent",
    "SamAdapterComponent",
    "Sample",
    "UNetComponent",
]
