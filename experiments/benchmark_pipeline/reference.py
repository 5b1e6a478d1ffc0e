"""The plain way to run SpineFM: film by film, patch by patch, in fp32, with full-size masks, as the released code goes about it.

The decisions are those of the engine, so that both find the same vertebrae; only how the work is done differs.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage
from segment_anything.modeling.image_encoder import Attention
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from spinefm.components import Component
from spinefm.geometry.centroids import weighted_centroid
from spinefm.geometry.masks import mask_to_vertebra
from spinefm.geometry.patches import paste_patch
from spinefm.models.fused_attention import FusedAttention
from spinefm.pipeline import InductivePipeline
from spinefm.pipeline.examination import Examiner, Finding, Place, classify_places, cut_patches
from spinefm.structures import Detections, Radiograph, Spine, StopReason, Vertebra

DECISIONS = {"upright": False, "mirrored": False, "refinements": 0, "reach": 1.0, "patience": 2, "swing": 0.0}
"""Of the engine, too: what it decides otherwise by now takes more than one look, which the reference does not."""


class SequentialExaminer(Examiner):
    """One patch per forward pass; its logits are pasted on a film of their own, where everything else happens."""

    def examine(self, places: Sequence[Place]) -> list[Finding | StopReason]:
        """See `Examiner`."""
        return [self._look(place) for place in places]

    def _look(self, place: Place) -> Finding | StopReason:
        logits = self._film_of_logits(place)
        inside = logits.sigmoid() > self.mask_threshold
        parts, number = ndimage.label(inside.numpy(), np.ones((3, 3)))
        if not number:
            return StopReason.EMPTY_MASK
        mask = ndimage.binary_fill_holes(parts == 1 + np.bincount(parts.ravel())[1:].argmax())
        weights = torch.where(torch.from_numpy(mask), logits.sigmoid(), 0.0)
        x, y = weighted_centroid(weights[None])[0].tolist()
        vertebra = mask_to_vertebra(mask, centroid=(x, y), confidence=float(logits.sigmoid()[mask].mean()))
        (probabilities,) = classify_places(self.classifier, [Place(place.film, (x, y), place.spacing)])
        return Finding(vertebra, probabilities, self.classifier.classes[int(probabilities.argmax())])

    def _film_of_logits(self, place: Place) -> torch.Tensor:
        patch = cut_patches([place], self.segmenter)
        logits = self.segmenter.segment(patch)
        return paste_patch(logits, patch.boxes[0], *place.film.size, fill=float(logits.min()))[0]


class FullSizeDetector:
    """torchvision's Mask R-CNN as it is: its masks as probabilities on whole films."""

    def __init__(self, component: Component) -> None:
        self.component = component

    @torch.inference_mode()
    def detect(self, films: Sequence[Radiograph]) -> list[Detections]:
        """See `Detector`."""
        return [self._detect_one(film) for film in films]

    def _detect_one(self, film: Radiograph) -> Detections:
        pixels = (torch.from_numpy(film.pixels)[None].float() / 255).to(self.component.device)
        self.component.model.roi_heads.score_thresh = self.component.score_threshold
        (found,) = self.component.model([pixels.expand(3, -1, -1)])
        masks = found["masks"][:, 0].cpu()
        centroids = weighted_centroid(masks).tolist()
        vertebrae = [
            mask_to_vertebra((mask > self.component.mask_threshold).numpy(), centroid=(x, y), confidence=score)
            for mask, (x, y), score in zip(masks, centroids, found["scores"].tolist(), strict=True)
        ]
        return Detections(tuple(vertebra for vertebra in vertebrae if vertebra is not None))


def plain_copy(component: Component) -> Component:
    """A component whose network runs as torchvision and segment_anything wrote it."""
    plain = deepcopy(component)
    if component.name == "sam_adapter":
        for block in plain.model.image_encoder.blocks:
            block.attn = plain_attention(block.attn)
    if component.name == "mask_rcnn":
        own = plain.model.transform
        plain.model.transform = GeneralizedRCNNTransform(own.min_size, own.max_size, own.image_mean, own.image_std).eval()
    return plain


def plain_attention(fused: FusedAttention) -> Attention:
    """segment_anything's own layer with the parameters of ours."""
    tokens = [(len(table) + 1) // 2 for table in (fused.rel_pos_h, fused.rel_pos_w)]
    attention = Attention(fused.qkv.in_features, fused.num_heads, use_rel_pos=True, input_size=tokens)
    attention.load_state_dict(fused.state_dict())
    return attention.to(fused.rel_pos_h.device)


class ReferencePipeline:
    """The engine's decisions, made film by film and patch by patch."""

    def __init__(self, components: dict[str, Component]) -> None:
        self.components = {name: plain_copy(component) for name, component in components.items()}
        parts = self.components | {"mask_rcnn": FullSizeDetector(self.components["mask_rcnn"])}
        self.pipeline = InductivePipeline(**parts, **DECISIONS)
        examiner = self.pipeline.crew.examiner
        plain = SequentialExaminer(examiner.segmenter, examiner.classifier, examiner.mask_threshold)
        self.pipeline.crew = replace(self.pipeline.crew, examiner=plain)

    def __call__(self, film: Radiograph) -> Spine:
        """The spine of one film."""
        (spine,) = self.pipeline([film])
        return spine


def save_full_size(folder: Path, film: Radiograph, vertebrae: Sequence[Vertebra]) -> None:
    """One compressed full-size map of floats per vertebra."""
    for number, vertebra in enumerate(vertebrae):
        x0, y0, x1, y1 = vertebra.box
        logits = np.full(film.size, -6.0, dtype=np.float32)
        logits[y0:y1, x0:x1] = np.where(vertebra.mask, 6.0, -6.0)
        np.savez_compressed(folder / f"{film.film_id}_{number}.npz", logits)
