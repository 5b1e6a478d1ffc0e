"""Which items a training epoch sees, in which order: a function of (seed, epoch) alone, so that runs repeat and resume."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler


@dataclass(frozen=True)
class ItemKey:
    """What a view's item is drawn from: its augmentation is a function of (seed, epoch, index)."""

    epoch: int
    index: int


class EpochSampler(Sampler[ItemKey]):
    """Every item once an epoch, shuffled anew from (seed, epoch); Lightning calls `set_epoch`."""

    def __init__(self, num_items: int, seed: int, shuffle: bool) -> None:
        self.num_items, self.seed, self.shuffle = num_items, seed, shuffle
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration goes through."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.num_items

    def __iter__(self) -> Iterator[ItemKey]:
        indices = np.arange(self.num_items)
        if self.shuffle:
            np.random.default_rng((self.seed, self.epoch)).shuffle(indices)
        return (ItemKey(self.epoch, int(index)) for index in indices)
