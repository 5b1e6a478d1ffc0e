"""The mask around a point."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate
from torchmetrics import MeanMetric

from spinefm.components.base import PATH_KEY, Component, read_checkpoint
from spinefm.components.dice import dice, mask_loss
from spinefm.components.samples import Sample, mask_of, picture_of
from spinefm.data.views import SegmentationView, known_repeats, patch_variation, reader_index
from spinefm.files.shipped_files import OWN, SHIPPED, WEIGHTS_KEY
from spinefm.files.weight_files import absolute_reference, beside, find_weights, read_weights, sha256_of
from spinefm.geometry.patches import PatchRule
from spinefm.models.foundation import load_foundation
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tuning import apply_tuning
from spinefm.prompts import build_prompt
from spinefm.structures import Patches, Radiograph

log = logging.getLogger(__name__)

FOUNDATION_KEY = "foundation_sha256"
SegmentationBatch = tuple[Tensor, Tensor, Tensor, Tensor]
"""Patches, prompts, masks and readers; see `SegmentationView`."""


class SamAdapterComponent(Component):
    """A foundation model and what tunes it to vertebrae, or a small SAM trained from scratch.

    `val/dice` is the mean over vertebrae of the Dice of probability > 0.5, in the pixels of the patch. Unless everything is trained, a
    checkpoint holds what was trained, and the SHA-256 of the foundation's weights, without which it is of no use.
    """

    name: ClassVar[str] = "sam_adapter"
    monitor: ClassVar[str] = "val/dice"
    mode: ClassVar[Literal["min", "max"]] = "max"

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        sam: Mapping[str, Any],
        tuning: Mapping[str, Any],
        prompt: Mapping[str, Any],
        weights: str | None = None,
        scheduler: Mapping[str, Any] | None = None,
        seed: int = 0,
        augment: bool = True,
        patch_scale: float = 3.2,
        patch_pixels: int | None = None,
        jitter: float = 0.1,
        positive_weight: float = 2.0,
        repeats: Mapping[str, int] | None = None,
        dice_weight: float = 1.0,
        loss_resolution: Literal["input", "logits"] = "input",
        readers: Sequence[str] | None = None,
        variation: Mapping[str, Any] | None = None,
    ) -> None:
        """Build the component; see `Component`.

        Args:
            optimizer: See `Component`.
            sam: Fields of `SamSize`.
            tuning: `method` and its options; see `apply_tuning`.
            prompt: `kind` and its options; see `build_prompt`.
            weights: The foundation's, loaded strictly: a name of `conf/weights.yaml`, the path of a state dict, or that of a checkpoint
                of this component that holds a whole network; None starts from scratch.
            scheduler: See `Component`.
            seed: See `Component`.
            augment: See `Component`.
            patch_scale: See `PatchRule`.
            patch_pixels: See `PatchRule`.
            jitter: See `SegmentationView`.
            repeats: See `SegmentationView`.
            positive_weight: Weight of vertebra pixels in the cross-entropy.
            dice_weight: Weight of the Dice loss beside the cross-entropy.
            loss_resolution: "input" compares logits, enlarged, with masks in pixels of the input; "logits" compares masks, shrunk, with
                the mask decoder's own logits: a quarter as fine with tokens of 16 px.
            readers: Names of those who are told apart, none or at least two; outlines of anyone else are learnt, and drawn, as their mean.
            variation: Fields of `PatchVariation`; see `patch_variation`.

        Raises:
            ValueError: If an option is unknown, or readers are not two different ones, or more than the network has mask tokens.
        """
        weights = absolute_reference(weights) if weights else None  # whoever loads the checkpoint may stand in another folder
        super().__init__(optimizer, scheduler, seed, augment)
        size, self.readers = SamSize(**sam), _told_apart(readers or ())
        self.weights, self.jitter, self.foundation_sha256 = weights, jitter, ""
        self.input_size, self.patch_rule, self.prompt = size.image_size, PatchRule(patch_scale, patch_pixels), build_prompt(**prompt)
        self.model = Sam(size, max(1, len(self.readers)))
        apply_tuning(self.model, self.prompt.is_box, **tuning)
        self.tunes_foundation = tuning["method"] != "full"
        self.repeats, self.variation = known_repeats(repeats), patch_variation(variation)
        self.positive_weight, self.dice_weight, self.loss_resolution = positive_weight, dice_weight, _known_resolution(loss_resolution)
        self.dice = MeanMetric()

    @property
    def hot_module(self) -> nn.Module:
        """See `Component`."""
        module: nn.Module = self.model.image_encoder
        return module

    def check(self) -> None:
        """Make sure that the foundation's weights are there.

        Raises:
            FileNotFoundError: If they are not.
            ValueError: If none are named, and this way of tuning wants some.
        """
        if self.weights:
            find_weights(self.weights)
        elif self.tunes_foundation:
            raise ValueError(
                "Expected `foundation.weights`, but got none: this way of tuning leaves most of a trained SAM as it is. "
                "Name its weights, or train a small SAM with `tuning=full`."
            )

    def load_weights(self) -> None:
        """Load the foundation's weights before training."""
        self.check()
        if self.weights:
            state, self.foundation_sha256 = read_foundation(self.weights)
            load_foundation(self.model, state, f"`{self.weights}`")

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep only what was trained, and which foundation it belongs to."""
        super().on_save_checkpoint(checkpoint)
        if self.tunes_foundation:
            trained = self.trained_keys()
            checkpoint["state_dict"] = {key: value for key, value in checkpoint["state_dict"].items() if key in trained}
            checkpoint[FOUNDATION_KEY] = self.foundation_sha256

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Fill in what the foundation's weights hold; they are where they were in training, or beside the checkpoint.

        Raises:
            FileNotFoundError: If they are not there.
            ValueError: If they are others than in training, or something that was trained is missing from the checkpoint.
        """
        if not self.tunes_foundation:
            return
        path, state = checkpoint.get(PATH_KEY, "the checkpoint"), checkpoint["state_dict"]
        if FOUNDATION_KEY not in checkpoint:
            raise ValueError(f"Expected a checkpoint of a tuned foundation, but `{path}` holds a whole network. Repeat its `tuning`.")
        if missing := sorted(self.trained_keys() - state.keys()):
            raise ValueError(
                f"Expected everything that was trained in `{path}`, but these keys are missing: {missing}. Repeat its `tuning`."
            )
        weights = self._foundation_of(path, checkpoint[FOUNDATION_KEY])
        load_foundation(self.model, weights, f"`{self.weights}`", [key.removeprefix("model.") for key in state])
        checkpoint["state_dict"] = self.state_dict() | state

    def _foundation_of(self, path: str, sha256: str) -> dict[str, Tensor]:
        """The weights on which a checkpoint was trained."""
        place = beside(str(self.weights), Path(path).parent)
        try:
            weights, self.foundation_sha256 = read_foundation(place)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"`{path}` tunes the foundation weights with SHA-256 {sha256}; put them beside it. {error}") from error
        if self.foundation_sha256 != sha256:
            raise ValueError(
                f"Expected the foundation weights with SHA-256 {sha256} for `{path}`, but `{place}` has {self.foundation_sha256}. "
                "Put the file it was trained on in that place."
            )
        return weights

    def trained_keys(self) -> set[str]:
        """Keys of the state dict that training changes: what is not frozen, and the statistics of its batch normalisation."""
        trained = {name for name, parameter in self.named_parameters() if parameter.requires_grad}
        changing = {name.rpartition(".")[0] for name in trained}
        statistics = {name for name, _ in self.named_buffers() if name.rpartition(".")[0] in changing}
        return trained | (statistics & self.state_dict().keys())

    def train(self, mode: bool = True) -> "SamAdapterComponent":
        """Frozen batch normalisation (in TinyViT) keeps its statistics: they belong to the foundation."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d) and not module.weight.requires_grad:
                module.eval()
        return self

    def on_train_start(self) -> None:
        """See `Component`; and choose the modes: Lightning takes those that it finds, and a new module is in training mode everywhere."""
        super().on_train_start()
        self.train()

    def tell_of(self, settings: Mapping[str, Any]) -> None:
        """Where other readers were told apart: with whose outlines each of these begins."""
        others = list(zip(self.readers, map(str, settings.get("readers") or ()), strict=False))
        if any(mine != other for mine, other in others):
            told = ", ".join(f"`{mine}` with those of `{other}`" for mine, other in others)
            log.warning("Outlines begin with those of readers in the same places: %s. If others are nearer, order yours as they are.", told)

    def view(self, films: Sequence[Radiograph], training: bool) -> SegmentationView:
        """See `Component.view`."""
        size, rule, jitter = self.input_size, self.patch_rule, self.jitter
        return SegmentationView(
            films, training, self.seed, size, rule, self.prompt, jitter, self.repeats,
            augment=self.augment, readers=self.readers, variation=self.variation,
        )  # fmt: skip

    def training_step(self, batch: SegmentationBatch, batch_idx: int) -> Tensor:
        """Cross-entropy plus Dice loss."""
        patches, prompts, masks, readers = batch
        if self.loss_resolution == "logits":
            logits = self.model.low_resolution(patches, prompts, readers)
            masks = interpolate(masks[:, None], logits.shape[-2:], mode="area")[:, 0]
        else:
            logits = self.model(patches, prompts, readers)
        loss = mask_loss(logits, masks, self.dice_weight, self.positive_weight)
        self.log("train/loss", loss)
        return loss

    def _evaluate(self, batch: SegmentationBatch, stage: str) -> None:
        patches, prompts, masks, readers = batch
        self.dice(dice(self.model(patches, prompts, readers) > 0, masks > 0.5))
        self.log(f"{stage}/dice", self.dice, on_epoch=True, on_step=False, batch_size=len(masks))

    def samples(self, batch: SegmentationBatch, films: Sequence[Radiograph]) -> list[Sample]:
        """See `Component.samples`: patches; found and true mask and their Dice."""
        patches, prompts, masks, readers = batch
        found, true = self.model(patches, prompts, readers) > 0, masks > 0.5
        scores = dice(found, true).tolist()
        return [
            Sample(picture_of(patch), {"found": mask_of(mine), "true": mask_of(theirs)}, {"film": film.film_id, "dice": score})
            for patch, mine, theirs, film, score in zip(patches, found, true, films, scores, strict=True)
        ]

    @torch.inference_mode()
    def segment(self, patches: Patches) -> Tensor:
        """(N, L, L) logits of the vertebra that the prompt of each patch means; see `spinefm.pipeline.protocols`."""
        size = self.input_size
        prompts = [self.prompt(size, spacing * size / box.side) for spacing, box in zip(patches.spacings, patches.boxes, strict=True)]
        readers = torch.tensor([reader_index(reader, self.readers) for reader in patches.readers])
        inputs = (patches.pixels, torch.stack(prompts), readers)
        logits: Tensor = self.model.low_resolution(*(each.to(self.device) for each in inputs))
        return logits.cpu()


def _known_resolution(name: str) -> str:
    if name not in ("input", "logits"):
        raise ValueError(f"Expected `loss_resolution` to be input or logits, but got `{name}`.")
    return name


def _told_apart(readers: Sequence[str]) -> tuple[str, ...]:
    names = tuple(map(str, readers))  # a name of digits alone arrives as a number from a command line
    if len(names) == 1 or len(set(names)) < len(names):
        raise ValueError(f"Expected `readers` to be none, or two different ones at least, but got {list(names)}. Set `dataset.readers`.")
    return names


def read_foundation(reference: str) -> tuple[dict[str, Tensor], str]:
    """A foundation's weights and their SHA-256; see `read_weights`. Files of components are known by their suffix.

    Raises:
        FileNotFoundError: If they are not there.
        ValueError: If they cannot be read, or are a checkpoint that holds only a part of its network.
    """
    path = find_weights(reference)
    if path.suffix not in (OWN, SHIPPED):
        return read_weights(reference)
    checkpoint = read_checkpoint(path, SamAdapterComponent.name)
    if FOUNDATION_KEY in checkpoint:
        fault = f"it holds what was trained on the foundation weights with SHA-256 {checkpoint[FOUNDATION_KEY]} alone"
        raise ValueError(f"Expected a whole network in `{path}`, but {fault}. Give a checkpoint that was trained with `tuning=full`.")
    return {key.removeprefix("model."): value for key, value in checkpoint[WEIGHTS_KEY].items()}, sha256_of(path)
