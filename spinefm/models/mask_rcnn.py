"""Mask R-CNN of torchvision with a choice of backbone and of head sizes, for one class: vertebra."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.error import URLError

import cv2
import torch
from torch import Tensor, nn
from torchvision.models.detection import MaskRCNN, MaskRCNN_ResNet50_FPN_Weights
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.transform import GeneralizedRCNNTransform
from torchvision.ops import FrozenBatchNorm2d, MultiScaleRoIAlign

from spinefm.models.resnet import build_resnet

NUM_CLASSES = 2
FIRST_STAGES = ("conv1.", "layer1.")


class FilmTransform(GeneralizedRCNNTransform):  # type: ignore[misc] # torchvision has no annotations
    """torchvision's preparation of films and completion of detections, with less work for the same numbers.

    A grey film is resized once and not in each of three equal channels, and normalised when it is small.

    Attributes:
        pastes_masks: Whether masks are pasted on films, as torchvision does; otherwise they stay 28 x 28 probabilities within their boxes.
    """

    pastes_masks = True

    def normalize(self, image: Tensor) -> Tensor:
        """Nothing yet; see `resize`."""
        return image

    def resize(self, image: Tensor, target: Any = None) -> tuple[Tensor, Any]:
        """(3, H, W) in 0..1 of three equal channels to the network's size, normalised."""
        small, target = super().resize(image[:1], target)
        return super().normalize(small.expand(3, -1, -1)), target

    def postprocess(self, result: list[dict[str, Tensor]], image_shapes: Any, original_image_sizes: Any) -> list[dict[str, Tensor]]:
        """Boxes in pixels of the film, and masks if `pastes_masks`."""
        masks = [{} if self.pastes_masks or self.training else {"masks": each.pop("masks")} for each in result]
        complete = super().postprocess(result, image_shapes, original_image_sizes)
        return [each | mask for each, mask in zip(complete, masks, strict=True)]


def paste_in_window(mask: Tensor, box: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """A detection's mask on a piece of film that is just large enough.

    Args:
        mask: (1, 28, 28) probabilities within the box.
        box: (4,) xyxy, pixels of the film, 0 at least.

    Returns:
        (h, w) probabilities, the same as torchvision pastes on a whole film, and the (x, y) pixel of the film at their top left.
    """
    # As torchvision does: a pixel of the mask's own on each side, and the box to whole pixels of the film, towards 0.
    framed = cv2.copyMakeBorder(mask[0].numpy(), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    middle, half = (box[2:] + box[:2]) / 2, (box[2:] - box[:2]) / 2 * (len(framed) / (len(framed) - 2))
    (left, top), (right, bottom) = (middle - half).int().tolist(), (middle + half).int().tolist()
    window = cv2.resize(framed, (right - left + 1, bottom - top + 1), interpolation=cv2.INTER_LINEAR)
    return torch.from_numpy(window), (left, top)


PYRAMID_LEVELS = 5
MOST_DETECTIONS = 40
"""Per film; torchvision's 100 are more vertebrae than there are."""


@dataclass(frozen=True)
class MaskRCNNSize:
    """The shape of a Mask R-CNN; the defaults are torchvision's `maskrcnn_resnet50_fpn`.

    Attributes:
        backbone: See `build_resnet`.
        min_size: Shorter side to which a film is resized, pixels.
        max_size: Bound on its longer side after that, pixels.
        fpn_channels: Width of the feature pyramid.
        box_head_width: Hidden width of the box head.
        mask_head_widths: One convolution each.
        mask_predictor_width: Hidden width of the mask predictor.
        anchor_sizes: One side per level of the pyramid, pixels of the resized film.
        proposals: Kept after non-maximum suppression, per film.
        box_samples: Proposals per film that train the heads.
    """

    backbone: str = "resnet50"
    min_size: int = 800
    max_size: int = 1333
    fpn_channels: int = 256
    box_head_width: int = 1024
    mask_head_widths: Sequence[int] = (256, 256, 256, 256)
    mask_predictor_width: int = 256
    anchor_sizes: Sequence[int] = (32, 64, 128, 256, 512)
    proposals: int = 1000
    box_samples: int = 512

    def __post_init__(self) -> None:
        if len(self.anchor_sizes) != PYRAMID_LEVELS:
            raise ValueError(f"Expected {PYRAMID_LEVELS} `anchor_sizes`, one per level of the pyramid, but got {list(self.anchor_sizes)}.")


def build_mask_rcnn(size: MaskRCNNSize, pretrained: bool = False) -> MaskRCNN:
    """Build the network, from scratch.

    Args:
        size: Its shape.
        pretrained: Whether weights will be loaded before training: then, as in torchvision, batch normalisation keeps its statistics,
            which small batches would spoil, and the backbone's first two stages stay as they are.
    """
    model = MaskRCNN(
        _backbone(size, pretrained),
        min_size=size.min_size,
        max_size=size.max_size,
        rpn_anchor_generator=AnchorGenerator(tuple((s,) for s in size.anchor_sizes), ((0.5, 1.0, 2.0),) * len(size.anchor_sizes)),
        rpn_pre_nms_top_n_train=2 * size.proposals,
        rpn_pre_nms_top_n_test=size.proposals,
        rpn_post_nms_top_n_train=2 * size.proposals,
        rpn_post_nms_top_n_test=size.proposals,
        box_batch_size_per_image=size.box_samples,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2", "3"], output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(size.fpn_channels * 49, size.box_head_width),
        box_predictor=FastRCNNPredictor(size.box_head_width, NUM_CLASSES),
        mask_head=MaskRCNNHeads(size.fpn_channels, list(size.mask_head_widths), dilation=1),
        mask_predictor=MaskRCNNPredictor(size.mask_head_widths[-1], size.mask_predictor_width, NUM_CLASSES),
        box_detections_per_img=MOST_DETECTIONS,
    )
    usual = model.transform
    model.transform = FilmTransform(size.min_size, size.max_size, usual.image_mean, usual.image_std)
    return model


def _backbone(size: MaskRCNNSize, pretrained: bool) -> BackboneWithFPN:
    norm = FrozenBatchNorm2d if pretrained else nn.BatchNorm2d
    resnet = build_resnet(size.backbone, norm)
    for name, parameter in resnet.named_parameters():
        parameter.requires_grad_(not (pretrained and name.startswith(FIRST_STAGES)))
    channels = resnet.fc.in_features
    return BackboneWithFPN(
        resnet,
        return_layers={f"layer{i}": str(i - 1) for i in range(1, 5)},
        in_channels_list=[channels // 8, channels // 4, channels // 2, channels],
        out_channels=size.fpn_channels,
    )


def coco_weights() -> Mapping[str, Tensor]:
    """torchvision's COCO weights; downloaded on first use.

    Raises:
        FileNotFoundError: If they cannot be downloaded.
    """
    try:
        weights: Mapping[str, Tensor] = MaskRCNN_ResNet50_FPN_Weights.COCO_V1.get_state_dict(check_hash=True, weights_only=True)
    except URLError as error:
        raise FileNotFoundError(
            f"Expected to download torchvision's COCO weights, but could not ({error.reason}). "
            "Train from scratch with `component.module.coco_weights=false`."
        ) from error
    return weights


def load_coco_weights(model: MaskRCNN) -> None:
    """Load torchvision's COCO weights (see `coco_weights`) into a Mask R-CNN of the default shape.

    Only the two predictors, which COCO's 91 classes shape differently, stay as they are.

    Raises:
        ValueError: If the weights do not fit; names every key.
    """
    predictors = ("roi_heads.box_predictor.", "roi_heads.mask_predictor.")
    coco = coco_weights()
    fresh = {key: value for key, value in model.state_dict().items() if key.startswith(predictors)}
    try:
        model.load_state_dict({key: value for key, value in coco.items() if not key.startswith(predictors)} | fresh, strict=True)
    except RuntimeError as error:
        remedy = "Leave `component.module.size` at its defaults or set `component.module.coco_weights=false`."
        raise ValueError(f"Expected a Mask R-CNN of the default shape for COCO's weights, but got another. {remedy} {error}") from error
