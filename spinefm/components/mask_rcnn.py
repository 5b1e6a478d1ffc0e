"""Where, roughly, are vertebrae?"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torchmetrics import MeanMetric
from torchmetrics.detection import MeanAveragePrecision

from spinefm.components.base import Component
from spinefm.components.samples import Sample, mask_of, picture_of
from spinefm.data.views import DetectionView
from spinefm.geometry.centroids import weighted_centroid
from spinefm.geometry.masks import clear_beyond, mask_to_vertebra
from spinefm.models.mask_rcnn import MaskRCNNSize, build_mask_rcnn, coco_weights, load_coco_weights, paste_in_window
from spinefm.options import check_shares
from spinefm.structures import Detections, Radiograph, Vertebra

Batch = tuple[tuple[Tensor, ...], tuple[dict[str, Any], ...]]


class MaskRCNNComponent(Component):
    """Detector of rough vertebrae.

    `val/map` is the mask mean average precision (COCO), `val/centroid_recall` the share of true vertebrae in whose
    box the centroid of a confident detection lies.
    """

    name: ClassVar[str] = "mask_rcnn"
    monitor: ClassVar[str] = "val/map"
    mode: ClassVar[Literal["min", "max"]] = "max"

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any] | None = None,
        seed: int = 0,
        augment: bool = True,
        size: Mapping[str, Any] | None = None,
        coco_weights: bool = False,
        score_threshold: float = 0.6,
        mask_threshold: float = 0.5,
        cut: float = 0.0,
        surrounded: float = 0.0,
    ) -> None:
        """Build the component; see `Component`.

        Args:
            optimizer: See `Component`.
            scheduler: See `Component`.
            seed: See `Component`.
            augment: See `Component`.
            size: Fields of `MaskRCNNSize`.
            coco_weights: Start training from torchvision's COCO weights; see `load_coco_weights`.
            score_threshold: Detections below it are no detections, 0..1.
            mask_threshold: Probability above which a pixel belongs to a detection's mask.
            cut: See `DetectionView`.
            surrounded: See `DetectionView`.

        Raises:
            ValueError: If a threshold or share is not 0..1.
        """
        super().__init__(optimizer, scheduler, seed, augment)
        check_shares(score_threshold=score_threshold, mask_threshold=mask_threshold, cut=cut, surrounded=surrounded)
        self.coco_weights, self.cut, self.surrounded = coco_weights, cut, surrounded
        self.score_threshold, self.mask_threshold = score_threshold, mask_threshold
        self.model = build_mask_rcnn(MaskRCNNSize(**(size or {})), pretrained=coco_weights)
        self.recall = MeanMetric()
        self.average_precision = MeanAveragePrecision(iou_type="segm")

    @property
    def hot_module(self) -> nn.Module:
        """See `Component`: what comes after the backbone depends on how much was found."""
        module: nn.Module = self.model.backbone
        return module

    def check(self) -> None:
        """Make sure that the COCO weights are there; see `coco_weights`."""
        if self.coco_weights:
            coco_weights()

    def load_weights(self) -> None:
        """Load the COCO weights, once, before training; a checkpoint already contains them."""
        if self.coco_weights:
            load_coco_weights(self.model)

    def view(self, films: Sequence[Radiograph], training: bool) -> DetectionView:
        """See `Component.view`."""
        return DetectionView(films, training, self.seed, self.augment, self.cut, self.surrounded)

    @staticmethod
    def collate(batch: Any) -> Any:
        """Films differ in size, so a batch is a tuple of films and a tuple of targets."""
        return tuple(zip(*batch, strict=True))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Sum of torchvision's losses."""
        films, targets = batch
        losses: dict[str, Tensor] = self.model([film.expand(3, -1, -1) for film in films], list(targets))
        loss = torch.stack(list(losses.values())).sum()
        self.log_dict({f"train/{name}": value for name, value in losses.items()} | {"train/loss": loss}, batch_size=len(films))
        return loss

    def _predict(self, films: Sequence[Tensor], score_threshold: float, pastes_masks: bool) -> list[dict[str, Tensor]]:
        """torchvision's detections of (1, H, W) films in 0..1, masks as (D, 1, H, W) probabilities or see `FilmTransform`."""
        self.model.roi_heads.score_thresh, self.model.transform.pastes_masks = score_threshold, pastes_masks
        predictions: list[dict[str, Tensor]] = self.model([film.to(self.device).expand(3, -1, -1) for film in films])
        return predictions

    def _evaluate(self, batch: Batch, stage: str) -> None:
        films, targets = batch
        predictions = self._predict(films, score_threshold=0.05, pastes_masks=True)
        for predicted, target in zip(predictions, targets, strict=True):
            confident = predicted["masks"][predicted["scores"] > self.score_threshold, 0]
            if len(target["boxes"]):
                self.recall(centroid_recall(confident, target["boxes"]))
        binary = [p | {"masks": p["masks"][:, 0] > self.mask_threshold} for p in predictions]
        self.average_precision.update(binary, list(targets))
        self.log(f"{stage}/centroid_recall", self.recall, on_epoch=True, on_step=False, batch_size=len(films))

    def _log_average_precision(self, stage: str) -> None:
        scores = self.average_precision.compute()
        self.average_precision.reset()
        self.log_dict({f"{stage}/map": scores["map"].float(), f"{stage}/map_50": scores["map_50"].float()})

    def on_validation_epoch_end(self) -> None:
        """Log the average precision."""
        self._log_average_precision("val")

    def on_test_epoch_end(self) -> None:
        """Log the average precision."""
        self._log_average_precision("test")

    def samples(self, batch: Batch, films: Sequence[Radiograph]) -> list[Sample]:
        """See `Component.samples`: films; masks of all vertebrae found and of all true ones, and how many."""
        pixels, targets = batch
        predictions = self._predict(pixels, self.score_threshold, pastes_masks=True)
        return [self._sample(*each) for each in zip(pixels, predictions, targets, films, strict=True)]

    def _sample(self, pixels: Tensor, predicted: dict[str, Tensor], target: dict[str, Tensor], film: Radiograph) -> Sample:
        masks, true = predicted["masks"][:, 0] > self.mask_threshold, target["masks"] > 0
        facts: dict[str, str | float] = {"film": film.film_id, "found": len(masks), "true": len(true)}
        return Sample(picture_of(pixels), {"found": mask_of(masks.any(0)), "true": mask_of(true.any(0))}, facts)

    @torch.inference_mode()
    def detect(self, films: Sequence[Radiograph]) -> list[Detections]:
        """Rough vertebrae of each film; see `spinefm.pipeline.protocols`."""
        # One film at a time: torchvision pads a batch to its largest film, and then a result would depend on its neighbours.
        return [self._detect_one(film) for film in films]

    def _detect_one(self, film: Radiograph) -> Detections:
        pixels = torch.from_numpy(film.pixels)[None].to(self.device).float().div_(255)
        (found,) = self._predict([pixels], self.score_threshold, pastes_masks=False)
        triples = zip(found["masks"].cpu(), found["boxes"].cpu(), found["scores"].tolist(), strict=True)
        vertebrae = (self._vertebra(mask, box, score, film.size) for mask, box, score in triples)
        return Detections(tuple(vertebra for vertebra in vertebrae if vertebra is not None))

    def _vertebra(self, mask: Tensor, box: Tensor, score: float, film_size: tuple[int, int]) -> Vertebra | None:
        window, (left, top) = paste_in_window(mask, box)
        probabilities = clear_beyond(window, (left, top), film_size)
        x, y = weighted_centroid(probabilities[None])[0].tolist()
        inside = (probabilities > self.mask_threshold).numpy()
        return mask_to_vertebra(inside, (left, top), centroid=(x + left, y + top), confidence=score)


def centroid_recall(probabilities: Tensor, boxes: Tensor) -> Tensor:
    """Share of true boxes that hold the centroid of a detection.

    Args:
        probabilities: (D, H, W) of the detections' masks; D may be 0.
        boxes: (T, 4) true boxes, xyxy, pixels of the same film; T at least 1.

    Returns:
        Scalar in 0..1.
    """
    centroids = weighted_centroid(probabilities)
    inside = (centroids[None] >= boxes[:, None, :2]) & (centroids[None] < boxes[:, None, 2:])
    return inside.all(2).any(1).float().mean()
