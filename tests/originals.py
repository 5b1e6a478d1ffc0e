"""Networks like those of the original SpineFM, tiny, built with somebody else's code after what its paper and its files' keys say."""

from functools import partial

import torch
from segment_anything.modeling.image_encoder import window_partition, window_unpartition
from torch import nn
from torch.nn.functional import gelu
from torchvision.models import get_model
from torchvision.models.detection.backbone_utils import BackboneWithFPN
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.mask_rcnn import MaskRCNN, MaskRCNNHeads, MaskRCNNPredictor
from torchvision.models.detection.rpn import AnchorGenerator
from torchvision.models.resnet import BasicBlock, ResNet
from torchvision.ops import FrozenBatchNorm2d

from spinefm.models.sam import SamSize
from tests.sams import WINDOWED, original_sam
from tests.scripts import flattened

FILES = {
    "mask_rcnn": "mask_rcnn_csxa.pth",
    "resnet": "resnet50_2_class_224px_csxa.pth",
    "point_predictor": "point_predictor.pth",
    "sam_adapter": "MSA_300b_CSXA.pth",
}
SAM = WINDOWED | {"num_multimask_outputs": 1, "encoder": WINDOWED["encoder"] | {"global_blocks": [1]}}
CLASSIFIER = "shufflenet_v2_x0_5"
"""Ends in a layer `fc` as ResNets do, and is a tenth of the smallest of them."""
DETECTOR = {
    "backbone": "resnet10",
    "min_size": 64,
    "max_size": 112,
    "fpn_channels": 8,
    "box_head_width": 16,
    "mask_head_widths": [8],
    "mask_predictor_width": 8,
    "anchor_sizes": [8, 12, 16, 24, 32],
    "proposals": 60,
}
TINY = [
    *flattened({"size": DETECTOR, "architecture": CLASSIFIER, "input_size": 32}, "component.module"),
    *flattened(SAM, "foundation.sam"),
]
"""Overrides that give our components the shape of these networks."""
ADAPTERS = ("Space_Adapter", "MLP_Adapter", "Depth_Adapter")


def scrambled(network, seed=0):
    """Also what starts at zero or one must take part: statistics of normalisation, embeddings of positions."""
    generator = torch.Generator().manual_seed(seed)
    for value in network.state_dict().values():
        if value.is_floating_point() and (value.ndim < 2 or not value.any()):
            value.add_(0.1 * torch.randn(value.shape, generator=generator))
    return network.eval()


def detector():
    """torchvision's Mask R-CNN with what `DETECTOR` says."""
    resnet = ResNet(BasicBlock, [1, 1, 1, 1], norm_layer=FrozenBatchNorm2d)
    return MaskRCNN(
        BackboneWithFPN(resnet, {f"layer{i + 1}": str(i) for i in range(4)}, [64, 128, 256, 512], 8),
        min_size=64,
        max_size=112,
        rpn_anchor_generator=AnchorGenerator(tuple((side,) for side in (8, 12, 16, 24, 32)), ((0.5, 1.0, 2.0),) * 5),
        rpn_pre_nms_top_n_test=60,
        rpn_post_nms_top_n_test=60,
        box_head=TwoMLPHead(8 * 7 * 7, 16),
        box_predictor=FastRCNNPredictor(16, 2),
        mask_head=MaskRCNNHeads(8, [8], 1),
        mask_predictor=MaskRCNNPredictor(8, 8, 2),
    )


def classifier(classes=2, architecture=CLASSIFIER):
    return get_model(architecture, num_classes=classes)


class PointMlp(nn.Module):
    """MLP 6-50-ReLU-2."""

    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(6, 50), nn.Linear(50, 2)

    def forward(self, x):
        return self.fc2(torch.relu(self.fc1(x)))


class Bottleneck(nn.Module):
    """An adapter: Linear(D, D/4)-GELU-Linear(D/4, D)."""

    def __init__(self, dim):
        super().__init__()
        self.D_fc1, self.D_fc2 = nn.Linear(dim, dim // 4), nn.Linear(dim // 4, dim)

    def forward(self, x):
        return self.D_fc2(gelu(self.D_fc1(x)))


def adapted_block(block, x):
    """What a block of segment_anything's encoder computes with a space and an MLP adapter; the depth adapter is not used."""
    tokens, side = block.norm1(x), block.window_size
    if side:
        tokens, padded = window_partition(tokens, side)
    tokens = block.attn(tokens)
    tokens = tokens + block.Space_Adapter(tokens)
    if side:
        tokens = window_unpartition(tokens, side, padded, x.shape[1:3])
    x = x + tokens
    normed = block.norm2(x)
    return x + block.mlp(normed) + 0.5 * block.MLP_Adapter(normed)


def segmenter(size=SAM):
    """segment_anything's SAM with adapters in its image encoder."""
    sam = original_sam(SamSize(**size))
    for block in sam.image_encoder.blocks:
        for name in ADAPTERS:
            block.add_module(name, Bottleneck(block.norm1.normalized_shape[0]))
        block.forward = partial(adapted_block, block)
    return sam


def foundation_of(sam, size=SAM):
    """Weights of a SAM of four mask tokens that the segmenter was tuned from: its frozen part is the same."""
    state = scrambled(original_sam(SamSize(**size | {"num_multimask_outputs": 3})), seed=9).state_dict()
    frozen = {key: value for key, value in sam.state_dict().items() if key in state and not key.startswith("mask_decoder.")}
    return state | frozen


def content(component, network):
    """What the file of a network holds."""
    state = network.state_dict()
    if component != "sam_adapter":
        return state
    optimizer = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 1e-4, "params": [0]}]}
    paths = {"prefix": "logs/msa_300", "ckpt_path": "logs/msa_300/Model"}
    return {"epoch": 29, "model": "sam", "state_dict": state, "optimizer": optimizer, "best_tol": 0.21, "path_helper": paths}
