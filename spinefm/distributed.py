"""Several processes at one task: each does its share, one puts the results together."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch.distributed as dist

ItemT = TypeVar("ItemT")


def gather(own: Sequence[ItemT]) -> list[ItemT]:
    """What all processes have, in the order of their ranks; every process has to ask. Alone, what this one has."""
    if not dist.is_initialized():
        return list(own)
    shares: list[Sequence[ItemT]] = [()] * dist.get_world_size()
    dist.all_gather_object(shares, own)
    return [item for share in shares for item in share]


def check_one_folder(folder: Path) -> None:
    """Make sure that all processes write into one folder; every process has to ask.

    Raises:
        ValueError: If they do not: started from outside, each has made the folder's name from its own clock.
    """
    if len(folders := set(gather([folder]))) > 1:
        names = ", ".join(f"`{each}`" for each in sorted(folders))
        raise ValueError(f"Expected one output folder for all processes, but got {names}. Name it with `output=<folder>`.")
