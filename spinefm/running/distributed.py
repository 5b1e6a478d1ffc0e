"""Several processes at one task: each does its share, one puts the results together."""

import logging
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import torch.distributed as dist

log = logging.getLogger(__name__)

ItemT = TypeVar("ItemT")

PATIENCE = timedelta(days=30)
"""How long a process waits for the slowest one. Lightning's own groups wait for half an hour."""


class Team:
    """All processes of a run, from `with` on; alone, the one there is.

    Args:
        fabric: Lightning's, which starts the processes or finds those that were started by `torchrun` or SLURM.

    Attributes:
        rank: Of this process.
        size: How many there are.
    """

    def __init__(self, fabric: Any) -> None:
        self._fabric = fabric
        self.rank, self.size = 0, 1

    def __enter__(self) -> Self:
        self._fabric.launch()
        self.rank, self.size = self._fabric.global_rank, self._fabric.world_size
        self._group = dist.new_group(backend="gloo", timeout=PATIENCE) if dist.is_initialized() else None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        # Threads of a group that is left to the end of the process may abort it.
        if dist.is_initialized():
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        """Whether this process puts the results together."""
        return self.rank == 0

    def share(self, items: Sequence[ItemT]) -> Sequence[ItemT]:
        """This process's share: every item belongs to one process."""
        return items[self.rank :: self.size]

    def gather(self, own: Sequence[ItemT]) -> list[ItemT]:
        """What all processes have, in the order of their ranks; every process has to ask."""
        return gather(own, self._group)

    def beforehand(self, work: Callable[[], object]) -> None:
        """Let the first process do something before any goes on."""
        self.together(work if self.is_first else lambda: None)

    def together(self, work: Callable[[], ItemT]) -> ItemT:
        """Do this process's share; if that fails in any process, all end, and the one that failed says why."""
        try:
            result = work()
        except BaseException as error:
            if self.size > 1:
                log.error("Process %d failed, and waits for the others to end: %s", self.rank, error)
            self.gather([False])
            raise
        if not all(self.gather([True])):
            sys.exit(1)
        return result


def gather(own: Sequence[ItemT], group: Any = None) -> list[ItemT]:
    """What all processes of a group have, in the order of their ranks; every process has to ask. Alone, what this one has."""
    if not dist.is_initialized():
        return list(own)
    shares: list[Sequence[ItemT]] = [()] * dist.get_world_size()
    dist.all_gather_object(shares, own, group)
    return [item for share in shares for item in share]


def check_one_folder(folder: Path) -> None:
    """Make sure that all processes write into one folder; every process has to ask.

    Raises:
        ValueError: If they do not: started from outside, each has made the folder's name from its own clock.
    """
    if len(folders := set(gather([folder]))) > 1:
        names = ", ".join(f"`{each}`" for each in sorted(folders))
        raise ValueError(f"Expected one output folder for all processes, but got {names}. Name it with `output=<folder>`.")
