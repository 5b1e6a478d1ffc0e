"""The segmenter's view: patches with the mask of the vertebra under a prompt point."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from spinefm.data.views.base import View, vertebra_refs
from spinefm.data.views.patches import USUAL, PatchVariation, check_variation, grey_patch, varied_patch
from spinefm.geometry.patches import PatchRule, crop_mask, patch_box
from spinefm.prompts import Prompt
from spinefm.structures import PatchBox, Pixels, Radiograph


def reader_index(reader: str | None, readers: Sequence[str]) -> int:
    """Where a reader stands among those who are told apart; -1 for everyone else."""
    return readers.index(reader) if reader in readers else -1


class SegmentationView(View[tuple[Tensor, Tensor, Tensor, Tensor]]):
    """Items are (patch, prompt, mask, reader).

    patch is (1, S, S) float32 in 0..1, prompt a point or a box in pixels of it (see `Prompt`), mask (S, S) float32, the covered share
    of each pixel, reader the index of who drew the mask; see `reader_index`.
    """

    def __init__(
        self,
        films: Sequence[Radiograph],
        training: bool,
        seed: int,
        input_size: int,
        patch_rule: PatchRule,
        prompt: Prompt,
        jitter: float,
        repeats: Mapping[str, int],
        augment: bool = True,
        readers: Sequence[str] = (),
        variation: PatchVariation = USUAL,
    ) -> None:
        """Make a view; see `View`.

        Args:
            films: Annotated films.
            training: See `View`.
            seed: See `View`.
            input_size: S.
            patch_rule: Side of a patch.
            prompt: What tells which vertebra is meant.
            jitter: Standard deviation of the patch centre around the centroid, in local spacings.
            repeats: How often vertebrae of a level come in a training epoch: odd shapes are rare ones.
            augment: See `View`.
            readers: Names of those who are told apart.
            variation: Of training patches.

        Raises:
            ValueError: If there are no films, or none that can be varied so.
        """
        super().__init__(films, training, seed, augment)
        if self.augments:
            check_variation(variation, films)
        refs = vertebra_refs(films, repeats if training else {})
        self.refs = [(ref, vertebra) for ref in refs if (vertebra := ref.vertebra) is not None]
        self.input_size, self.patch_rule, self.prompt, self.jitter = input_size, patch_rule, prompt, jitter
        self.readers, self.variation = tuple(readers), variation

    def __len__(self) -> int:
        return len(self.refs)

    def film_of(self, index: int) -> Radiograph:
        """See `View.film_of`."""
        return self.films[self.refs[index][0].film]

    def item(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """See `View.item`. The centre of the patch misses the centroid as a prediction does."""
        ref, vertebra = self.refs[index]
        film = self.films[ref.film]
        x, y = np.asarray(ref.centroid) + rng.normal(0, self.jitter, 2) * ref.spacing
        spacing = ref.spacing * np.exp(rng.normal(0, self.jitter))
        box = patch_box((float(x), float(y)), self.patch_rule.side(spacing))
        pixels, mask = self._patch(film, vertebra, box, spacing, rng)
        prompt = self.prompt(self.input_size, spacing * self.input_size / box.side, rng if self.training else None, mask)
        return torch.from_numpy(pixels)[None].float() / 255, prompt, mask, torch.tensor(reader_index(film.reader, self.readers))

    def _patch(self, film: Radiograph, vertebra: int, box: PatchBox, spacing: float, rng: np.random.Generator) -> tuple[Pixels, Tensor]:
        size, one = self.input_size, film.vertebrae[vertebra]
        if not self.augments:
            return grey_patch(film, box, size), crop_mask(one, box, size)
        pixels, (mask,) = varied_patch(film, box, spacing, size, rng, self.variation, [one])
        return pixels, torch.from_numpy(mask).float()
