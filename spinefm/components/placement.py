"""Where and how the networks of components run."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch
from lightning_utilities.core.apply_func import apply_to_collection
from torch import Tensor, nn


@dataclass(frozen=True)
class Placement:
    """Where and how networks run.

    Attributes:
        device: Where.
        autocast: Makes the context in which the module runs that takes nearly all of the time, such as one of lower precision.
        compiler: Backend of `torch.compile`, such as "inductor"; None runs them as they are.
        channels_last: Whether images lie in memory with their channels side by side, as convolutions on GPUs like them.
    """

    device: torch.device | str = "cpu"
    autocast: Callable[[], AbstractContextManager[None]] = nullcontext
    compiler: str | None = None
    channels_last: bool = False


def run_within(context: Callable[[], AbstractContextManager[None]], module: nn.Module) -> None:
    """Let a module run in a context, such as one of lower precision, from now on; what it gives stays fp32.

    What comes after it (heads, mask decoder) thus keeps its precision.
    """
    kind = type(module)

    def within(self: nn.Module, *arguments: Any, **options: Any) -> Any:
        with context():
            result = kind.forward(self, *arguments, **options)
        return apply_to_collection(result, Tensor, Tensor.float)

    module.forward = MethodType(within, module)  # a copy of the module gets one of its own
