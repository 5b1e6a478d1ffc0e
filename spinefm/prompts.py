"""What tells a segmenter which vertebra of a patch is meant: a point in the centre or near it or on the vertebra, or a box."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from torch import Tensor, tensor


class Prompt(Protocol):
    """Makes the prompt of a patch, in training and in a pipeline alike."""

    def __call__(self, size: int, spacing: float, rng: np.random.Generator | None = None, mask: Tensor | None = None) -> Tensor:
        """Make the prompt of one patch.

        Args:
            size: Side S of the patch, pixels.
            spacing: Distance of neighbouring vertebrae, pixels of the patch.
            rng: Source of randomness in training; None otherwise.
            mask: (size, size) covered share of each pixel, in training and validation; a pipeline has none.

        Returns:
            (2,) point as (x, y) or (4,) box as xyxy, float32, pixels of the patch.
        """
        ...

    @property
    def is_box(self) -> bool:
        """Whether prompts are boxes and not points."""
        ...


@dataclass(frozen=True)
class CentrePoint:
    """The centre of the patch, as in arXiv:2411.00326."""

    is_box = False

    def __call__(self, size: int, spacing: float, rng: np.random.Generator | None = None, mask: Tensor | None = None) -> Tensor:
        """See `Prompt`."""
        return tensor([size / 2, size / 2])


@dataclass(frozen=True)
class JitteredPoint:
    """In training a point near the centre of the patch; otherwise its centre, the best guess there is.

    Attributes:
        jitter: Standard deviation of each coordinate, in vertebra spacings.
    """

    jitter: float = 0.1
    is_box = False

    def __post_init__(self) -> None:
        if self.jitter < 0:
            raise ValueError(f"Expected `prompt.jitter` to be 0 or more spacings, but got {self.jitter}.")

    def __call__(self, size: int, spacing: float, rng: np.random.Generator | None = None, mask: Tensor | None = None) -> Tensor:
        """See `Prompt`."""
        offset = np.zeros(2) if rng is None else rng.normal(0, self.jitter, 2) * spacing
        return tensor(np.clip(size / 2 + offset, 0, size).tolist())


@dataclass(frozen=True)
class ForegroundPoint:
    """In training any pixel of the vertebra, as in arXiv:2304.12620; otherwise the centre of the patch."""

    is_box = False

    def __call__(self, size: int, spacing: float, rng: np.random.Generator | None = None, mask: Tensor | None = None) -> Tensor:
        """See `Prompt`."""
        if rng is not None and mask is not None and len(pixels := (mask > 0.5).nonzero()):
            row, column = pixels[int(rng.integers(len(pixels)))].tolist()
            return tensor([column + 0.5, row + 0.5])
        return tensor([size / 2, size / 2])


@dataclass(frozen=True)
class SpacingBox:
    """A box around the centre of the patch, its sides in vertebra spacings, within the patch.

    Attributes:
        width: In spacings.
        height: In spacings.
    """

    width: float = 1.2
    height: float = 0.84
    is_box = True

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise ValueError(f"Expected `prompt.width` and `prompt.height` to be positive, but got {self.width} and {self.height}.")

    def __call__(self, size: int, spacing: float, rng: np.random.Generator | None = None, mask: Tensor | None = None) -> Tensor:
        """See `Prompt`."""
        half = np.array([self.width, self.height]) * spacing / 2
        return tensor(np.clip([*(size / 2 - half), *(size / 2 + half)], 0, size).tolist())


PROMPTS: dict[str, type[CentrePoint] | type[JitteredPoint] | type[ForegroundPoint] | type[SpacingBox]] = {
    "centre": CentrePoint,
    "jittered": JitteredPoint,
    "foreground": ForegroundPoint,
    "box": SpacingBox,
}


def build_prompt(kind: str, **options: Any) -> Prompt:
    """The prompt of that kind.

    Raises:
        ValueError: If there is no such kind.
    """
    if kind not in PROMPTS:
        raise ValueError(f"Expected `prompt.kind` to be one of {', '.join(PROMPTS)}, but got `{kind}`.")
    return PROMPTS[kind](**options)
