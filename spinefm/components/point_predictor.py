"""Where is the next centroid?"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import mse_loss
from torchmetrics import MeanMetric

from spinefm.components.base import Component
from spinefm.components.samples import Sample
from spinefm.data.views import TrailView
from spinefm.data.views.patches import grey_patch
from spinefm.data.views.trails import TrailBatch
from spinefm.geometry.patches import film_to_patch, patch_box
from spinefm.models.point_predictor import Frame, PointPredictor, to_frame
from spinefm.options import check_shares
from spinefm.structures import Mask, Radiograph, Trails

PICTURE_SIZE = 256
"""Side of a sample's picture, which shows the trail and where it goes."""


class PointPredictorComponent(Component):
    """MLP over the last k centroids; loss and metric are in its frame and in steps.

    `val/step_error` is the mean distance between predicted and true centroid in units of the trail's last step;
    `val/mse` the mean squared error of x / width and y / height, comparable with arXiv:2411.00326.
    """

    name: ClassVar[str] = "point_predictor"
    monitor: ClassVar[str] = "val/step_error"
    mode: ClassVar[Literal["min", "max"]] = "min"

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any] | None = None,
        seed: int = 0,
        augment: bool = True,
        context: int = 3,
        hidden_size: int = 50,
        coordinates: str = "local_position",
        jitter: float = 0.0,
        reframed: float = 0.0,
    ) -> None:
        """Build the component; see `Component`, `PointPredictor` for context, hidden size and frame, `TrailView` for jitter and reframed.

        The frame is called `coordinates` here, because Lightning would leave an argument named `frame` out of the checkpoint.

        Raises:
            ValueError: If `jitter` or `reframed` is not 0..1, or `reframed` does nothing in this frame; see `PointPredictor`.
        """
        super().__init__(optimizer, scheduler, seed, augment)
        check_shares(jitter=jitter, reframed=reframed)
        if reframed and coordinates == Frame.LOCAL:
            raise ValueError(f"Expected `coordinates` that see the film with `reframed`, but got `{coordinates}`: it would do nothing.")
        self.model = PointPredictor(context, hidden_size, coordinates)
        self.context, self.jitter, self.reframed = context, jitter, reframed
        self.step_error, self.mse = MeanMetric(), MeanMetric()

    @property
    def hot_module(self) -> None:
        """See `Component`: coordinates of thousands of pixels do not fit into eight bits, and there is little to compute."""

    def view(self, films: Sequence[Radiograph], training: bool) -> TrailView:
        """See `Component.view`."""
        return TrailView(films, training, self.seed, self.context, self.jitter, self.augment, self.reframed)

    @staticmethod
    def collate(batch: Any) -> Any:
        """`TrailView` gives whole batches."""
        return batch

    def training_step(self, batch: TrailBatch, batch_idx: int) -> Tensor:
        """Mean squared error in the model's own frame."""
        predicted = self.model(batch.centroids, batch.sizes)
        origin, axes = self.model.frame_of(batch.centroids, batch.sizes)
        loss = mse_loss(to_frame(predicted[:, None], origin, axes), to_frame(batch.targets[:, None], origin, axes))
        self.log("train/loss", loss, batch_size=len(predicted))
        return loss

    def _evaluate(self, batch: TrailBatch, stage: str) -> None:
        error = self.model(batch.centroids, batch.sizes) - batch.targets
        self.step_error(error.norm(dim=1) / last_step(batch))
        self.mse((error / batch.sizes).square())
        metrics = {f"{stage}/step_error": self.step_error, f"{stage}/mse": self.mse}
        self.log_dict(metrics, on_epoch=True, on_step=False, batch_size=len(error))

    def samples(self, batch: TrailBatch, films: Sequence[Radiograph]) -> list[Sample]:
        """See `Component.samples`: the film around a trail, the true next centroid as a ring, the found one; the error in steps."""
        predicted = self.model(batch.centroids, batch.sizes)
        errors = ((predicted - batch.targets).norm(dim=1) / last_step(batch)).tolist()
        points = torch.cat([batch.centroids, batch.targets[:, None], predicted[:, None]], 1).cpu()
        return [_sample(*each) for each in zip(films, points, errors, strict=True)]

    @torch.inference_mode()
    def predict_next(self, trails: Trails) -> Tensor:
        """(N, 2) next centroid (x, y) of each trail, pixels of its film; see `spinefm.pipeline.protocols`."""
        predicted: Tensor = self.model(trails.centroids.to(self.device), trails.sizes.to(self.device))
        return predicted.cpu()


def last_step(batch: TrailBatch) -> Tensor:
    """(N,) length of each trail's last step, pixels of its film."""
    length: Tensor = (batch.centroids[:, -1] - batch.centroids[:, -2]).norm(dim=1)
    return length


def _sample(film: Radiograph, points: Tensor, error: float) -> Sample:
    """`points`: (k + 2, 2) on the CPU, the trail, the true and the predicted next centroid."""
    step = float((points[-3] - points[-4]).norm())
    centre, reach = points[:-1].mean(0), (points[:-1] - points[:-1].mean(0)).norm(dim=1).max()
    box = patch_box((float(centre[0]), float(centre[1])), 2 * (float(reach) + step))
    *trail, true, found = film_to_patch(points, box, PICTURE_SIZE).round().int().tolist()
    radius = round(step * PICTURE_SIZE / box.side / 6)
    masks = {"found": _circles([found], radius // 2), "true": _circles([true], radius, 2), "trail": _circles(trail, radius // 2)}
    return Sample(grey_patch(film, box, PICTURE_SIZE), masks, {"film": film.film_id, "step_error": error})


def _circles(points: Sequence[Sequence[int]], radius: int, width: int = cv2.FILLED) -> Mask:
    canvas = np.zeros((PICTURE_SIZE, PICTURE_SIZE), np.uint8)
    for point in points:
        cv2.circle(canvas, tuple(point), radius, 1, width)
    return canvas > 0
