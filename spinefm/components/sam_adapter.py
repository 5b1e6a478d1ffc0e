"""The mask around a point."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import MeanMetric

from spinefm.components.base import Component, read_torch_file
from spinefm.data.views import SegmentationView
from spinefm.geometry import PatchRule
from spinefm.models.adapter import add_adapters
from spinefm.models.sam import Sam, SamSize
from spinefm.structures import Patches, Radiograph


class SamAdapterComponent(Component):
    """SAM with adapters, or a small SAM trained as a whole.

    `val/dice` is the mean over vertebrae of the Dice of probability > 0.5, in the pixels of the patch.
    """

    name: ClassVar[str] = "sam_adapter"
    monitor: ClassVar[str] = "val/dice"
    mode: ClassVar[Literal["min", "max"]] = "max"

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        sam: Mapping[str, Any],
        scheduler: Mapping[str, Any] | None = None,
        seed: int = 0,
        tuning: Literal["adapter", "full"] = "adapter",
        weights: str | None = None,
        patch_scale: float = 3.2,
        patch_pixels: int | None = None,
        jitter: float = 0.1,
        positive_weight: float = 2.0,
        repeats: Mapping[str, int] | None = None,
    ) -> None:
        """Build the component; see `Component`.

        Args:
            optimizer: See `Component`.
            sam: Fields of `SamSize`.
            scheduler: See `Component`.
            seed: See `Component`.
            tuning: "adapter" trains adapters and mask decoder on frozen weights, "full" everything (no adapters).
            weights: Path of a SAM state dict, such as `sam_vit_b_01ec64.pth`, loaded strictly when training starts.
            patch_scale: See `PatchRule`.
            patch_pixels: See `PatchRule`.
            jitter: See `SegmentationView`.
            repeats: See `SegmentationView`.
            positive_weight: Weight of vertebra pixels in the cross-entropy.

        Raises:
            ValueError: If `tuning` is unknown.
        """
        super().__init__(optimizer, scheduler, seed)
        if tuning not in ("adapter", "full"):
            raise ValueError(f"Expected `tuning` to be adapter or full, but got `{tuning}`.")
        size = SamSize(**sam)
        self.tuning, self.weights, self.jitter = tuning, weights, jitter
        self.input_size, self.patch_rule = size.image_size, PatchRule(patch_scale, patch_pixels)
        self.model = Sam(size)
        if tuning == "adapter":
            self._freeze(add_adapters(self.model.image_encoder, size.embed_dim))
        self.positive_weight, self.repeats = positive_weight, dict(repeats or {})
        self.dice = MeanMetric()

    def _freeze(self, adapters: list[nn.Parameter]) -> None:
        decoder = [parameter for parameter in self.model.mask_decoder.parameters() if parameter.requires_grad]
        self.model.requires_grad_(False)
        for parameter in decoder + adapters:
            parameter.requires_grad_(True)

    def setup(self, stage: str) -> None:
        """Load the foundation weights, once, before training; a checkpoint already contains them."""
        if stage == "fit" and self.tuning == "adapter" and not self.weights:
            raise ValueError(
                "Expected `component.module.weights` for `tuning=adapter`, but got none: adapters tune a trained SAM. "
                "Give the path of its weights, or train a small SAM with `component.module.tuning=full`."
            )
        if stage == "fit" and self.weights:
            load_sam_weights(self.model, self.weights)

    def view(self, films: Sequence[Radiograph], training: bool) -> SegmentationView:
        """See `Component.view`."""
        return SegmentationView(films, training, self.seed, self.input_size, self.patch_rule, self.jitter, self.repeats)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy plus Dice loss."""
        patches, points, masks = batch
        logits = self.model(patches, points)
        weight = logits.new_tensor(self.positive_weight)
        loss = binary_cross_entropy_with_logits(logits, masks, pos_weight=weight) + soft_dice_loss(logits, masks)
        self.log("train/loss", loss)
        return loss

    def _evaluate(self, batch: tuple[Tensor, Tensor, Tensor], stage: str) -> None:
        patches, points, masks = batch
        found, true = self.model(patches, points) > 0, masks > 0.5
        sizes = found.sum((1, 2)) + true.sum((1, 2))
        # Nothing found where nothing is: right. A patch always holds a vertebra, so this is a rounding case.
        self.dice(torch.where(sizes > 0, 2 * (found & true).sum((1, 2)) / sizes.clamp(min=1), 1.0))
        self.log(f"{stage}/dice", self.dice, on_epoch=True, on_step=False, batch_size=len(masks))

    def validation_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> None:
        """See `_evaluate`."""
        self._evaluate(batch, "val")

    def test_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> None:
        """See `_evaluate`."""
        self._evaluate(batch, "test")

    @torch.inference_mode()
    def segment(self, patches: Patches) -> Tensor:
        """(N, S, S) logits of the vertebra under each patch's centre; see `spinefm.pipeline.protocols`."""
        pixels = patches.pixels.to(self.device)
        centres = pixels.new_full((len(pixels), 2), self.input_size / 2)
        logits: Tensor = self.model(pixels, centres)
        return logits.cpu()


def soft_dice_loss(logits: Tensor, masks: Tensor) -> Tensor:
    """1 - Dice of probabilities, mean over (N, H, W) maps; one pixel is added above and below, so that nothing divides by 0."""
    probabilities = logits.sigmoid()
    shared, total = (probabilities * masks).sum((1, 2)), (probabilities + masks).sum((1, 2))
    return (1 - (2 * shared + 1) / (total + 1)).mean()


def load_sam_weights(model: Sam, path: str) -> None:
    """Load a SAM state dict into a SAM with or without adapters; only the adapters may be missing from it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or a key is missing, unexpected or of another shape; names every one.
    """
    own = model.state_dict()
    found = read_torch_file(path, "file of SAM weights", "Give its path in `component.module.weights`.")
    original = {key.replace(".attn.attention.", ".attn.").replace(".mlp.mlp.", ".mlp."): key for key in own if ".adapter." not in key}
    missing, unexpected = sorted(original.keys() - found.keys()), sorted(found.keys() - original.keys() - {"pixel_mean", "pixel_std"})
    wrong = [key for key, mine in original.items() if key in found and found[key].shape != own[mine].shape]
    if missing or unexpected or wrong:
        raise ValueError(
            f"The SAM weights at `{path}` do not fit this encoder: missing {missing}, unexpected {unexpected}, "
            f"of another shape {wrong}. Choose the `component.module.sam` they were made for."
        )
    model.load_state_dict({mine: found[key] for key, mine in original.items()}, strict=False)
