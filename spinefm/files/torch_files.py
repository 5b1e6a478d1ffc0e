"""Files of `torch.save`: written whole or not at all, opened without executing anything in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch

from spinefm.files.atomic import atomic_path


def read_torch_file(path: str | Path, expected: str, remedy: str, opened: BinaryIO | None = None) -> dict[str, Any]:
    """Open a dict that `torch.save` wrote, on the CPU, without executing anything in it.

    Args:
        path: Where it is.
        expected: What it should be, for the error.
        remedy: A sentence for the error.
        opened: That file, if it is open already: it is read from there, whatever lies at `path` by now.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read as one, or is unsafe to open.
    """
    if opened is None and not Path(path).is_file():
        raise FileNotFoundError(f"No {expected} at `{path}`. {remedy}")
    try:
        content = torch.load(opened or path, map_location="cpu", weights_only=True)
        if not isinstance(content, dict):  # `dict` would make one of a list of pairs, too
            raise TypeError(f"Expected a dict, but found a {type(content).__name__}.")
        return dict(content)
    except Exception as error:  # The bytes of a damaged file may lead the unpickler to any exception.
        raise ValueError(f"Expected a {expected} at `{path}`, but could not read it as one ({type(error).__name__}). {remedy}") from error


def write_torch_file(path: str | Path, content: Mapping[str, Any]) -> None:
    """Write a dict that `read_torch_file` opens, atomically."""
    with atomic_path(path) as temporary:
        torch.save(dict(content), temporary)
