"""Is this patch a vertebra, background, a landmark?"""

import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics.classification import MulticlassConfusionMatrix

from spinefm.components.base import Component
from spinefm.components.samples import Sample, picture_of
from spinefm.data.views import ClassificationView, class_names, known_repeats, patch_variation
from spinefm.data.views.background import BACKGROUNDS
from spinefm.geometry.framing import Framing, learnt_framings
from spinefm.geometry.patches import PatchRule
from spinefm.models.resnet import PatchResNet, pretrained_resnet
from spinefm.structures import Patches, Radiograph

log = logging.getLogger(__name__)

FRAMINGS_KEY = "framings"
"""Of a checkpoint: by reader, the margins of the films that trained the component; see `Framing`."""


class MeanAccuracy(MulticlassConfusionMatrix):
    """Share of each class that is recognised, 0..1, in the mean over the classes that occur.

    torchmetrics' own also counts classes, as never recognised, that do not occur but are found once.
    """

    def compute(self) -> Tensor:
        """See torchmetrics."""
        matrix = super().compute()
        number = matrix.sum(1)
        return (matrix.diag() / number)[number > 0].mean()


class ResNetComponent(Component):
    """Patch classifier; `val/accuracy` is the share of its patches that is recognised, in the mean over the classes that occur."""

    name: ClassVar[str] = "resnet"
    monitor: ClassVar[str] = "val/accuracy"
    mode: ClassVar[Literal["min", "max"]] = "max"
    framings: Mapping[str, Framing] = MappingProxyType({})

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        landmarks: Sequence[str],
        terminals: Sequence[str],
        scheduler: Mapping[str, Any] | None = None,
        seed: int = 0,
        augment: bool = True,
        architecture: str = "resnet50",
        weights: str | None = None,
        input_size: int = 224,
        normalise: bool = True,
        patch_scale: float = 4.0,
        patch_pixels: int | None = None,
        repeats: Mapping[str, int] | None = None,
        label_smoothing: float = 0.0,
        background: str = "spacings",
        variation: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the component; see `Component`.

        Args:
            optimizer: See `Component`.
            landmarks: Levels with a class of their own.
            terminals: Those of them that end a walk.
            scheduler: See `Component`.
            seed: See `Component`.
            augment: See `Component`.
            architecture: See `PatchResNet`.
            weights: Start training from these weights of torchvision; see `PatchResNet.load_pretrained`.
            input_size: Side of the network's input, pixels.
            normalise: See `PatchResNet`.
            patch_scale: See `PatchRule`.
            patch_pixels: See `PatchRule`.
            repeats: See `ClassificationView`.
            label_smoothing: See `torch.nn.functional.cross_entropy`.
            background: See `ClassificationView`.
            variation: Fields of `PatchVariation`; see `patch_variation`.

        Raises:
            ValueError: If a terminal is not a landmark, or `background` is unknown or does not go with the patches; see `patch_variation`.
        """
        super().__init__(optimizer, scheduler, seed, augment)
        _check_background(background, patch_pixels)
        if not set(terminals) <= set(landmarks):
            raise ValueError(f"Expected `terminals` to be among the landmarks {list(landmarks)}, but got {list(terminals)}.")
        self.classes, self.terminals = class_names(landmarks), tuple(terminals)
        self.input_size, self.patch_rule = input_size, PatchRule(patch_scale, patch_pixels)
        self.weights, self.repeats, self.label_smoothing = weights, known_repeats(repeats), label_smoothing
        self.background, self.variation = background, patch_variation(variation)
        self.model = PatchResNet(architecture, len(self.classes), normalise)
        self.accuracy = MeanAccuracy(len(self.classes))

    def check(self) -> None:
        """Make sure that pretrained weights are there; see `pretrained_resnet`."""
        if self.weights:
            pretrained_resnet(self.model.architecture, self.weights)

    def load_weights(self) -> None:
        """Load torchvision's weights, once, before training; a checkpoint already contains them."""
        if self.weights:
            self.model.load_pretrained(self.weights)

    def outdated(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """The last layer, where there are other classes."""
        return () if class_names(settings["landmarks"]) == self.classes else ("model.network.fc.",)

    def learn_from(self, films: Sequence[Radiograph]) -> None:
        """How the films of each reader are framed; the log says whose."""
        self._know(learnt_framings(films, self.terminals))
        for reader, framing in self.framings.items():
            log.info("Levels on films of `%s` may be told by their edges, too, learnt of %d films.", reader, len(framing.known))

    def view(self, films: Sequence[Radiograph], training: bool) -> ClassificationView:
        """See `Component.view`."""
        return ClassificationView(
            films, training, self.seed, self.classes, self.input_size, self.patch_rule, self.repeats,
            background=self.background, augment=self.augment, variation=self.variation,
        )  # fmt: skip

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """See `Component`."""
        super().on_save_checkpoint(checkpoint)
        checkpoint[FRAMINGS_KEY] = {reader: framing.known.tolist() for reader, framing in self.framings.items()}

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """See Lightning."""
        self._know({reader: Framing(known) for reader, known in checkpoint.get(FRAMINGS_KEY, {}).items()})

    def _know(self, framings: Mapping[str, Framing]) -> None:
        self.framings, self.readers = framings, tuple(framings)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy."""
        patches, labels = batch
        loss = cross_entropy(self.model(patches), labels, label_smoothing=self.label_smoothing)
        self.log("train/loss", loss)
        return loss

    def _evaluate(self, batch: tuple[Tensor, Tensor], stage: str) -> None:
        patches, labels = batch
        logits = self.model(patches)
        self.accuracy(logits, labels)
        self.log(f"{stage}/accuracy", self.accuracy, on_epoch=True, on_step=False, batch_size=len(labels))
        self.log(f"{stage}/loss", cross_entropy(logits, labels), batch_size=len(labels))

    def samples(self, batch: tuple[Tensor, Tensor], films: Sequence[Radiograph]) -> list[Sample]:
        """See `Component.samples`: patches; true class, found class and its probability."""
        patches, labels = batch
        confidences, found = self.model(patches).softmax(1).max(1)
        facts = zip(films, labels.tolist(), found.tolist(), confidences.tolist(), strict=True)
        rows = [
            {"film": film.film_id, "true": self.classes[true], "found": self.classes[index], "probability": p}
            for film, true, index, p in facts
        ]
        return [Sample(picture_of(patch), {}, row) for patch, row in zip(patches, rows, strict=True)]

    @torch.inference_mode()
    def classify(self, patches: Patches) -> Tensor:
        """(N, K) probabilities of `classes`; see `spinefm.pipeline.protocols`."""
        probabilities: Tensor = self.model(patches.pixels.to(self.device)).softmax(1)
        return probabilities.cpu()


def _check_background(background: str, patch_pixels: int | None) -> None:
    if background not in BACKGROUNDS:
        raise ValueError(f"Expected `background` to be one of {', '.join(BACKGROUNDS)}, but got `{background}`.")
    if background == "pixels" and patch_pixels is None:
        raise ValueError(
            "Expected `patch_pixels` with `background=pixels`, as both are pixels of the original films, but got none. "
            "Set `component.module.patch_pixels`, or `component.module.background=spacings`."
        )
