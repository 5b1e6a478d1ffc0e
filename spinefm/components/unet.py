"""All vertebrae of a film at once, without their levels: a baseline."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor
from torchmetrics import MeanMetric

from spinefm.components.base import Component
from spinefm.components.dice import dice, mask_loss
from spinefm.components.samples import Sample, mask_of, picture_of
from spinefm.data.views import FilmMaskView
from spinefm.geometry.letterbox import Letterbox
from spinefm.models.unet import build_unet, coarsest
from spinefm.structures import Radiograph


class UNetComponent(Component):
    """A plain U-Net that sees the whole film and tells vertebra from everything else.

    A connected component of what it finds has to be one vertebra. So it learns masks that are drawn a little too small (see
    `spinefm.geometry.separation`), and what it finds is grown back. `val/dice` is the mean over films of the Dice of probability > 0.5 and
    those smaller masks, in the pixels of the network's input.
    """

    name: ClassVar[str] = "unet"
    monitor: ClassVar[str] = "val/dice"
    mode: ClassVar[Literal["min", "max"]] = "max"

    def __init__(
        self,
        optimizer: Mapping[str, Any],
        scheduler: Mapping[str, Any] | None = None,
        seed: int = 0,
        augment: bool = True,
        input_height: int = 1024,
        input_width: int = 512,
        margin: int = 4,
        widths: Sequence[int] = (32, 64, 128, 256, 256, 256),
        dice_weight: float = 1.0,
    ) -> None:
        """Build the component; see `Component`.

        Args:
            optimizer: See `Component`.
            scheduler: See `Component`.
            seed: See `Component`.
            augment: See `Component`.
            input_height: Of the network's input, to which every film is brought in its proportions; pixels.
            input_width: Likewise.
            margin: By how much masks are drawn too small on every side, pixels of the input; less than half of what the smallest
                vertebra measures there, else nothing is left of it.
            widths: See `build_unet`.
            dice_weight: Weight of the Dice loss beside the cross-entropy.

        Raises:
            ValueError: If the input cannot be halved as often as the network does it, or see `build_unet`.
        """
        super().__init__(optimizer, scheduler, seed, augment)
        if input_height % (side := coarsest(widths)) or input_width % side:
            raise ValueError(
                f"Expected `input_height` and `input_width` to be multiples of {side} with {len(widths)} `widths`, "
                f"but got {input_height} and {input_width}. Change them, or give fewer `widths`."
            )
        self.frame_size, self.margin, self.dice_weight = (input_height, input_width), margin, dice_weight
        self.model = build_unet(widths)
        self.dice = MeanMetric()

    def view(self, films: Sequence[Radiograph], training: bool) -> FilmMaskView:
        """See `Component.view`."""
        return FilmMaskView(films, training, self.seed, self.frame_size, self.margin, self.augment)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Cross-entropy plus Dice loss."""
        films, masks = batch
        logits = self.model(films)[:, 0].float()
        loss = mask_loss(logits, masks, self.dice_weight)
        self.log("train/loss", loss)
        return loss

    def _evaluate(self, batch: tuple[Tensor, Tensor], stage: str) -> None:
        films, masks = batch
        self.dice(dice(self.model(films)[:, 0] > 0, masks > 0.5))
        self.log(f"{stage}/dice", self.dice, on_epoch=True, on_step=False, batch_size=len(masks))

    def samples(self, batch: tuple[Tensor, Tensor], films: Sequence[Radiograph]) -> list[Sample]:
        """See `Component.samples`: films in the network's frame; found and true mask and their Dice."""
        pixels, masks = batch
        found, true = self.model(pixels)[:, 0] > 0, masks > 0.5
        scores = dice(found, true).tolist()
        return [
            Sample(picture_of(film), {"found": mask_of(mine), "true": mask_of(theirs)}, {"film": source.film_id, "dice": score})
            for film, mine, theirs, source, score in zip(pixels, found, true, films, scores, strict=True)
        ]

    @torch.inference_mode()
    def segment_films(self, films: Sequence[Radiograph]) -> list[Tensor]:
        """Probabilities of vertebrae, drawn apart by `margin`; see `spinefm.pipeline.protocols`."""
        letterboxes = [Letterbox(film.size, self.frame_size) for film in films]
        framed = [torch.from_numpy(box.film(film.pixels)) for box, film in zip(letterboxes, films, strict=True)]
        pixels = torch.stack(framed)[:, None].to(self.device).float() / 255
        probabilities = self.model(pixels)[:, 0].sigmoid().cpu()
        return [box.without_bars(film) for box, film in zip(letterboxes, probabilities, strict=True)]
