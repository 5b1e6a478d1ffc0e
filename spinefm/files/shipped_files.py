"""Trained components that are shipped: weights in half precision and JSON about them in one `.safetensors` each, listed in `SHA256SUMS`.

The format holds tensors and text and nothing else: opening such a file executes nothing.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from spinefm.files.atomic import atomic_path, write_text

OWN, SHIPPED = ".ckpt", ".safetensors"
"""Suffixes of a trained component's file: published by a training, or shipped."""
SUMS = "SHA256SUMS"
TEXT_KEY = "spinefm"
"""Of the metadata. There is no other, for the format keeps no order of keys, and the same content is to make the same file."""
WEIGHTS_KEY = "state_dict"
SUMS_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
LARGEST = int(torch.finfo(torch.float16).max)


def find_checkpoint(folder: str | Path, component: str) -> Path:
    """The file of a trained component: `<component>.ckpt` if there is one, else the `<component>.safetensors` that was shipped.

    One's own training thus goes before what is shipped, and a damaged result of it is not passed over in silence. Where neither is, the
    first: opening it says what is missing.
    """
    # A name of digits alone arrives as a number from a command line.
    own, shipped = (Path(str(folder)) / f"{component}{suffix}" for suffix in (OWN, SHIPPED))
    return shipped if shipped.is_file() and not os.path.lexists(own) else own


def checkpoint_at(path: str | Path, component: str) -> Path:
    """The file that is meant by a checkpoint's path, or by that of the folder in which it lies; see `find_checkpoint`."""
    return find_checkpoint(path, component) if Path(path).is_dir() else Path(path)


def read_shipped_file(path: str | Path, expected: str, remedy: str) -> dict[str, Any]:
    """Open a shipped file, on the CPU; it has to be the one that `SHA256SUMS` beside it lists, if there is that list.

    Args:
        path: Where it is.
        expected: What it should be, for the error.
        remedy: A sentence for the error.

    Returns:
        The checkpoint's content; floating tensors of its `state_dict` in single precision, others as they were.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not the listed one, or cannot be read as one.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"No {expected} at `{path}`. {remedy}")
    whole = Path(path).read_bytes()  # read once: what is loaded is what was verified
    _verify(Path(path), whole)
    try:
        return _unpacked(whole)
    except Exception as error:  # The format's reader has errors of its own, and what it reads may be anything.
        raise ValueError(f"Expected a {expected} at `{path}`, but could not read it as one ({type(error).__name__}). {remedy}") from error


def _unpacked(whole: bytes) -> dict[str, Any]:
    tensors = {key: value.float() if value.is_floating_point() else value for key, value in load(whole).items()}
    header = json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")])
    return {**json.loads(header.get("__metadata__", {}).get(TEXT_KEY, "{}")), WEIGHTS_KEY: tensors}


def _verify(path: Path, whole: bytes) -> None:
    if not (path.parent / SUMS).is_file():
        return
    listed, found = read_sums(path.parent), hashlib.sha256(whole).hexdigest()
    if path.name not in listed:
        names = ", ".join(listed) or "nothing"
        raise ValueError(f"Expected `{path.parent / SUMS}` to list `{path.name}`, but it lists {names}. {_restore(path.parent)}")
    if found != listed[path.name]:
        fault = f"Expected `{path}` to have the SHA-256 that `{SUMS}` beside it lists, {listed[path.name]}, but found {found}"
        raise ValueError(f"{fault}. {_restore(path.parent)}")


def _restore(folder: Path) -> str:
    return f"Restore what was shipped, as by `git checkout -- {folder}`, or remove `*{SHIPPED}` and `{SUMS}` there."


def read_sums(folder: Path) -> dict[str, str]:
    """What `SHA256SUMS` lists: {file: SHA-256, hexadecimal}.

    Raises:
        ValueError: If a line is not as `sha256sum` writes it.
    """
    listed: dict[str, str] = {}
    for line in (folder / SUMS).read_text(encoding="utf-8", errors="replace").splitlines():
        if (entry := SUMS_LINE.fullmatch(line)) is None:
            fault = f"Expected lines of `{folder / SUMS}` to be a SHA-256 and a file, but found `{line}`"
            raise ValueError(f"{fault}. {_restore(folder)}")
        listed[entry[2]] = entry[1]
    return listed


def write_shipped_files(folder: str | Path, checkpoints: Mapping[str, Mapping[str, Any]]) -> list[Path]:
    """Write `<component>.safetensors` of every checkpoint, then `SHA256SUMS`, each atomically; what else that lists stays, if it is there.

    Args:
        folder: Where.
        checkpoints: By component: a `state_dict`, and whatever JSON can hold.

    Returns:
        The files of the components.

    Raises:
        ValueError: If a weight is not finite or beyond half precision, which names the tensor; nothing is written then.
    """
    place, files = Path(folder), {f"{name}{SHIPPED}": _packed(name, checkpoint) for name, checkpoint in checkpoints.items()}
    before = read_sums(place) if (place / SUMS).is_file() else {}
    sums = {name: sha256 for name, sha256 in before.items() if (place / name).is_file()}
    for name, whole in files.items():
        sums[name] = hashlib.sha256(whole).hexdigest()
        with atomic_path(place / name) as temporary:
            temporary.write_bytes(whole)
    write_text(place / SUMS, "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(sums.items())))
    return [place / name for name in files]


def _packed(component: str, checkpoint: Mapping[str, Any]) -> bytes:
    text = {key: value for key, value in checkpoint.items() if key != WEIGHTS_KEY}
    tensors = {key: _packable(component, key, value) for key, value in checkpoint[WEIGHTS_KEY].items()}
    return bytes(save(tensors, {TEXT_KEY: json.dumps(text)}))


def _packable(component: str, key: str, tensor: Tensor) -> Tensor:
    """Of its own and contiguous, as the format wants it; integers stay."""
    if not tensor.is_floating_point():
        return tensor.clone().contiguous()
    if not (finite := tensor.isfinite()).all():
        fault = f"Expected weights of {component} to be finite, but `{key}` holds {float(tensor[~finite][0])}"
        raise ValueError(f"{fault}. Its training went astray; train it anew.")
    # Vectors (biases, statistics of normalisation) take little space, and rounding them moves whole channels.
    packed = tensor.to(torch.float16 if tensor.ndim > 1 else torch.float32, copy=True).contiguous()
    if not (fits := packed.isfinite()).all():
        fault = f"Expected weights of {component} within half precision, ±{LARGEST}, but `{key}` holds {float(tensor[~fits][0])}"
        raise ValueError(f"{fault}. Keep this one as it is (`{component}{OWN}`), or train it anew so that its weights stay smaller.")
    return packed
