"""As many items at once as a device's memory takes."""

from collections.abc import Callable, Iterable, Sequence
from typing import Self, TypeVar

import torch

from spinefm.pipeline.protocols import PatchNetwork

CPU_PIXELS = 1024**2
"""Of one batch on a CPU: one patch for SAM at its full size, a hundred for a small one; twice as many with their mirror images."""

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")


class BatchSize:
    """All items at once, until a GPU runs out of memory; from then on half as many.

    Attributes:
        limit: Most items at once; None while no limit has been met.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit

    @classmethod
    def of_patches(cls, network: PatchNetwork) -> Self:
        """How many patches a network gets at once: on a CPU, where memory that runs out ends the process and many large patches gain
        nothing over few, about a million pixels."""
        return cls(max(1, CPU_PIXELS // network.input_size**2) if network.device.type == "cpu" else None)

    def map(self, function: Callable[[Sequence[ItemT]], Iterable[ResultT]], items: Sequence[ItemT]) -> list[ResultT]:
        """Call a function of many items on all of them, in as few calls as memory allows; one result per item.

        Raises:
            torch.OutOfMemoryError: If there is not enough memory for a single one.
        """
        results: list[ResultT] = []
        while batch := items[len(results) :][: self.limit]:
            if not self._try(function, batch, results):
                self.limit = len(batch) // 2
                # What the failed call held is free by now, but PyTorch keeps it in pieces that fit its batch.
                torch.cuda.empty_cache()
        return results

    @staticmethod
    def _try(function: Callable[[Sequence[ItemT]], Iterable[ResultT]], batch: Sequence[ItemT], results: list[ResultT]) -> bool:
        """Add the results of one call; False if memory did not suffice."""
        try:
            results.extend(function(batch))
        except torch.OutOfMemoryError:
            if len(batch) == 1:
                raise
            return False
        return True
