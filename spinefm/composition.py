"""Where trained components become a pipeline."""

from functools import partial
from pathlib import Path
from typing import Any

import torch

from spinefm.components import COMPONENTS
from spinefm.pipeline import EitherPolarity, SpinePipeline


def load_pipeline(pipeline: "partial[SpinePipeline]", checkpoints: str | Path, device: str = "cpu") -> SpinePipeline:
    """Load the components that a pipeline needs and put them into it; films may have bright bone or dark, unless it says otherwise.

    Args:
        pipeline: A pipeline's class with its settings; its `components` names what it is made of.
        checkpoints: Folder with one `<component>.ckpt` each.
        device: As torch names it.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: If a checkpoint is unreadable or another component's, or the device is not there.
    """
    check_device(device)
    kind: Any = pipeline.func
    loaded = {name: COMPONENTS[name].load(Path(checkpoints) / f"{name}.ckpt").to(device) for name in kind.components}
    built = pipeline(**loaded)
    return EitherPolarity(built) if kind.either_polarity else built


def check_device(device: str) -> None:
    """Make sure that a device is there.

    Raises:
        ValueError: If it is not.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(f"Expected a device that is there, but got `{device}` ({reason}). Set `device=cpu`.") from error
