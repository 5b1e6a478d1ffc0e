"""The classifier's view: patches of vertebrae, and of background around the spine."""

import logging
from collections.abc import Collection, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from spinefm.anatomy import BACKGROUND, VERTEBRA, check_level
from spinefm.data.views.background import BACKGROUNDS
from spinefm.data.views.base import View, vertebra_refs
from spinefm.data.views.patches import USUAL, PatchVariation, check_variation, grey_patch, varied_patch
from spinefm.geometry.patches import PatchRule, patch_box
from spinefm.structures import Point, Radiograph

log = logging.getLogger(__name__)

CENTRE_JITTER = 0.12
SCALE_JITTER = 0.15


def class_names(landmarks: Sequence[str]) -> tuple[str, ...]:
    """The classifier's classes in the order of its outputs.

    Raises:
        ValueError: If a landmark is no level, or named twice.
    """
    if len(set(landmarks)) < len(landmarks):
        raise ValueError(f"Expected `landmarks` to be different levels, but got {list(landmarks)}.")
    return BACKGROUND, VERTEBRA, *map(check_level, landmarks)


def _tell_unseen(classes: Sequence[str], seen: Collection[str | None]) -> None:
    """Warn of classes that nothing can be learnt of; some are no fault, where films show a part of the spine."""
    if unseen := [name for name in classes if name not in (BACKGROUND, VERTEBRA, *seen)]:
        told = "Expected each of `landmarks` on a training film, but %s is on none. Correct it, unless this is meant."
        log.warning(told, ", ".join(unseen))


class ClassificationView(View[tuple[Tensor, Tensor]]):
    """Items are (patch, label): (1, S, S) float32 in 0..1, and an index into `class_names`; half of them background."""

    def __init__(
        self,
        films: Sequence[Radiograph],
        training: bool,
        seed: int,
        classes: Sequence[str],
        input_size: int,
        patch_rule: PatchRule,
        repeats: Mapping[str, int],
        background: str = "spacings",
        augment: bool = True,
        variation: PatchVariation = USUAL,
    ) -> None:
        """Make a view; see `View`.

        Args:
            films: Annotated films.
            training: See `View`.
            seed: See `View`.
            classes: As from `class_names`.
            input_size: S.
            patch_rule: Side of a patch.
            repeats: How often vertebrae of a level come in a training epoch: a film has one of each landmark at most.
            background: A key of `BACKGROUNDS`: where background lies.
            augment: See `View`; without it vertebrae stand in the middle of their patches, at one scale, in validation too.
            variation: Of training patches.

        Raises:
            ValueError: If there are no films, or none that can be varied so.
        """
        super().__init__(films, training, seed, augment)
        if self.augments:
            check_variation(variation, films)
        self.refs = vertebra_refs(films, repeats if training else {})
        if training:
            _tell_unseen(classes, {ref.level for ref in self.refs})
        self.classes, self.input_size, self.patch_rule = tuple(classes), input_size, patch_rule
        self.background_point, self.variation = BACKGROUNDS[background], variation
        self.centre_jitter, self.scale_jitter = (CENTRE_JITTER, SCALE_JITTER) if augment else (0.0, 0.0)

    def __len__(self) -> int:
        return 2 * len(self.refs)

    def film_of(self, index: int) -> Radiograph:
        """See `View.film_of`."""
        return self.films[self.refs[index // 2].film]

    def item(self, index: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """See `View.item`; even items are vertebrae, odd ones background beside the same vertebra."""
        ref = self.refs[index // 2]
        film = self.films[ref.film]
        name: str | None = BACKGROUND
        if index % 2:
            centre = self.background_point(film, ref, rng)
        else:
            x, y = np.asarray(ref.centroid) + rng.normal(0, self.centre_jitter, 2) * ref.spacing
            centre, name = (float(x), float(y)), ref.level
        label = self.classes.index(name) if name in self.classes else self.classes.index(VERTEBRA)
        return self._patch(film, centre, ref.spacing * np.exp(rng.normal(0, self.scale_jitter)), rng), torch.tensor(label)

    def _patch(self, film: Radiograph, centre: Point, spacing: float, rng: np.random.Generator) -> Tensor:
        box, size = patch_box(centre, self.patch_rule.side(spacing)), self.input_size
        if self.augments:
            pixels, _ = varied_patch(film, box, spacing, size, rng, self.variation)
        else:
            pixels = grey_patch(film, box, size)
        return torch.from_numpy(pixels)[None].float() / 255
