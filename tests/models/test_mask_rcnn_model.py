"""Our Mask R-CNN against torchvision's builder."""

import re

import pytest
import torch
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn
from torchvision.models.detection.backbone_utils import resnet_fpn_backbone
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.mask_rcnn import MaskRCNNPredictor
from torchvision.models.detection.roi_heads import paste_masks_in_image
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from spinefm.models.mask_rcnn import MaskRCNNSize, build_mask_rcnn, coco_weights, load_coco_weights, paste_in_window


def shapes(model):
    return {key: tuple(value.shape) for key, value in model.state_dict().items()}


@pytest.fixture(scope="module")
def torchvisions():
    with torch.device("meta"):
        return maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=2)


def test_default_shape_is_torchvisions(torchvisions):
    with torch.device("meta"):
        ours = build_mask_rcnn(MaskRCNNSize())
    assert shapes(ours) == shapes(torchvisions)


def test_a_pretrained_one_differs_in_its_counters_only(torchvisions):
    with torch.device("meta"):
        ours = build_mask_rcnn(MaskRCNNSize(), pretrained=True)
    usual = {key: shape for key, shape in shapes(torchvisions).items() if not key.endswith("num_batches_tracked")}
    assert shapes(ours) == usual
    assert not any("bn" in name for name, _ in ours.named_parameters())


def test_of_a_pretrained_backbone_is_trained_what_torchvision_trains():
    with torch.device("meta"):
        ours = build_mask_rcnn(MaskRCNNSize(), pretrained=True).backbone
        theirs = resnet_fpn_backbone(backbone_name="resnet50", weights=None, trainable_layers=3)

    def trained(model):
        return {name for name, parameter in model.named_parameters() if parameter.requires_grad}

    assert trained(ours) == trained(theirs) < {name for name, _ in ours.named_parameters()}


def test_default_settings_are_torchvisions(torchvisions):
    with torch.device("meta"):
        ours = build_mask_rcnn(MaskRCNNSize())
    for module in ("transform", "rpn.anchor_generator", "roi_heads.box_roi_pool", "roi_heads.mask_roi_pool"):
        mine, theirs = (repr(each.get_submodule(module)).partition("(")[2] for each in (ours, torchvisions))
        assert mine == theirs
    for name in ("_pre_nms_top_n", "_post_nms_top_n", "nms_thresh"):
        assert getattr(ours.rpn, name) == getattr(torchvisions.rpn, name)
    assert ours.rpn.anchor_generator.sizes == torchvisions.rpn.anchor_generator.sizes
    assert ours.rpn.anchor_generator.aspect_ratios == torchvisions.rpn.anchor_generator.aspect_ratios
    assert ours.roi_heads.fg_bg_sampler.batch_size_per_image == torchvisions.roi_heads.fg_bg_sampler.batch_size_per_image


@pytest.fixture
def tiny(tiny_modules):
    torch.manual_seed(0)
    return build_mask_rcnn(MaskRCNNSize(**tiny_modules["mask_rcnn"]["size"]), pretrained=True)


def test_a_tiny_one_trains_and_predicts_on_films_of_any_size(tiny):
    films = [torch.rand(3, 90, 60), torch.rand(3, 50, 70)]
    box = torch.tensor([[10.0, 10, 40, 40]])
    mask = torch.zeros(1, 90, 60, dtype=torch.uint8)
    mask[0, 10:40, 10:40] = 1
    masks = mask, mask.transpose(1, 2)[:, :50, :70]
    targets = [{"boxes": box, "labels": torch.ones(1, dtype=torch.int64), "masks": each} for each in masks]
    losses = tiny(films, targets)
    assert set(losses) == {"loss_classifier", "loss_box_reg", "loss_mask", "loss_objectness", "loss_rpn_box_reg"}
    assert all(torch.isfinite(loss) for loss in losses.values())
    tiny.eval().roi_heads.score_thresh = 0.0
    with torch.no_grad():
        found = tiny(films)
    assert [tuple(each["masks"].shape[1:]) for each in found] == [(1, 90, 60), (1, 50, 70)]
    assert all(0 < len(each["scores"]) <= 40 for each in found)


@pytest.mark.parametrize("pretrained", [True, False])
def test_resnet10_has_one_block_per_stage(pretrained):
    with torch.device("meta"):
        small, usual = (build_mask_rcnn(MaskRCNNSize(backbone=name), pretrained) for name in ("resnet10", "resnet18"))
    first_blocks = {key: shape for key, shape in shapes(usual).items() if not re.search(r"body\.layer\d\.1\.", key)}
    assert shapes(small) == first_blocks


def coco_like(tiny_modules):
    """A state dict as COCO's: 91 classes."""
    torch.manual_seed(1)
    size = MaskRCNNSize(**tiny_modules["mask_rcnn"]["size"])
    model = build_mask_rcnn(size, pretrained=True)
    model.roi_heads.box_predictor = FastRCNNPredictor(size.box_head_width, 91)
    model.roi_heads.mask_predictor = MaskRCNNPredictor(size.mask_head_widths[-1], size.mask_predictor_width, 91)
    return model.state_dict()


def test_downloaded_weights_are_opened_as_tensors_alone(monkeypatch):
    """torchvision compares their hash only when it downloads them, not with what lies in its cache."""
    asked = []
    monkeypatch.setattr(MaskRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda self, **options: asked.append(options) or {})
    coco_weights()
    assert asked == [{"check_hash": True, "weights_only": True}]


def test_coco_weights_go_everywhere_but_into_the_predictors(tiny, tiny_modules, monkeypatch):
    coco, before = coco_like(tiny_modules), {key: value.clone() for key, value in tiny.state_dict().items()}
    monkeypatch.setattr(MaskRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda self, **options: coco)
    load_coco_weights(tiny)
    for key, value in tiny.state_dict().items():
        expected = before[key] if "_predictor." in key else coco[key]
        assert torch.equal(value, expected), key
    assert not torch.equal(before["rpn.head.conv.0.0.weight"], coco["rpn.head.conv.0.0.weight"])


def test_coco_weights_of_another_shape_are_refused_by_key(tiny, tiny_modules, monkeypatch):
    coco = coco_like(tiny_modules)
    del coco["rpn.head.conv.0.0.bias"]
    coco["roi_heads.box_head.fc6.weight"] = torch.zeros(3, 3)
    monkeypatch.setattr(MaskRCNN_ResNet50_FPN_Weights, "get_state_dict", lambda self, **options: coco)
    with pytest.raises(ValueError, match=r"(?s)default shape.*rpn\.head\.conv\.0\.0\.bias.*roi_heads\.box_head\.fc6\.weight"):
        load_coco_weights(tiny)


@pytest.mark.parametrize("size", [(90, 60), (300, 410)])
@torch.no_grad()
def test_films_are_prepared_as_torchvision_does(tiny, size):
    film = torch.rand(1, *size).expand(3, -1, -1)
    usual = tiny.transform
    plain = GeneralizedRCNNTransform(usual.min_size, usual.max_size, usual.image_mean, usual.image_std)
    box = {"boxes": torch.tensor([[10.0, 10, 40, 40]]), "masks": torch.ones(1, *size, dtype=torch.uint8)}
    (ours, our_targets), (theirs, their_targets) = (transform([film], [dict(box)]) for transform in (usual, plain))
    torch.testing.assert_close(ours.tensors, theirs.tensors, rtol=0, atol=1e-5)
    assert ours.image_sizes == theirs.image_sizes
    assert all(torch.equal(our_targets[0][key], their_targets[0][key]) for key in box)


@pytest.mark.parametrize("box", [[20.3, 30.8, 61.2, 55.5], [0.0, 0.3, 30.0, 20.0], [70.0, 80.0, 99.9, 99.9], [5.0, 5.0, 5.4, 5.2]], ids=str)
def test_a_mask_in_its_window_is_the_one_on_the_film(box):
    mask, box = torch.rand(1, 28, 28, generator=torch.Generator().manual_seed(0)), torch.tensor(box)
    window, (left, top) = paste_in_window(mask, box)
    film = torch.zeros(140, 140)
    film[20 + top : 20 + top + window.shape[0], 20 + left : 20 + left + window.shape[1]] = window
    torch.testing.assert_close(film[20:120, 20:120], paste_masks_in_image(mask[None], box[None], (100, 100))[0, 0], rtol=0, atol=1e-4)


@torch.no_grad()
def test_masks_may_stay_unpasted(tiny):
    tiny.eval().roi_heads.score_thresh = 0.0
    tiny.transform.pastes_masks = False
    (found,) = tiny([torch.rand(3, 90, 60)])
    assert found["masks"].shape[1:] == (1, 28, 28) and found["boxes"][:, 3].max() > 60
