"""The files of the original SpineFM (arXiv:2411.00326) as checkpoints of our components, and the other way round.

Facts about the files: state dicts of torchvision's Mask R-CNN and ResNet-50 and of the MLP `fc1`, `fc2`; the segmenter's file wraps one
of a whole SAM with adapters in a dict. Every key is accounted for: what does not fit is named, and what has no use here is kept for the
way back.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.serialization import safe_globals

from spinefm.components import Component, SamAdapterComponent
from spinefm.files.torch_files import read_torch_file
from spinefm.files.weight_files import read_weights
from spinefm.models.foundation import STATISTICS
from spinefm.models.tuning import foundation_key

_SCALAR = np.float64(0).__reduce__()[0]
FILES = {"mask_rcnn": "mask_rcnn*.pth", "resnet": "resnet50*.pth", "point_predictor": "point_predictor*.pth", "sam_adapter": "MSA*.pth"}
"""The original's file of each component."""
MARKS = {"csxa": "csxa", "nhanes2": "nhanes"}
"""What the original's files call a data set, in small letters."""
PREFIXES = {"mask_rcnn": "model.", "resnet": "model.network.", "point_predictor": "model.", "sam_adapter": "model."}
"""What our state dicts put before the original's keys."""
BLOCK = re.compile(r"image_encoder\.blocks\.\d+\.")
BLOCK_PARTS = {
    "Space_Adapter.D_fc1.": "attn.adapter.down.",
    "Space_Adapter.D_fc2.": "attn.adapter.up.",
    "MLP_Adapter.D_fc1.": "mlp.adapter.down.",
    "MLP_Adapter.D_fc2.": "mlp.adapter.up.",
    "attn.": "attn.base_layer.",
    "mlp.": "mlp.base_layer.",
}
"""How parts of an encoder block are called there and here."""
DEPTH_ADAPTER = ".Depth_Adapter."
"""Adapters between the slices of a volume: two-dimensional SpineFM never uses them."""
NUMPY_NUMBERS: list[Any] = [
    (_SCALAR, "numpy.core.multiarray.scalar"),
    _SCALAR,
    np.dtype,
    *(type(np.dtype(kind)) for kind in ("f4", "f8", "i8")),
]
"""A training may have noted its epoch or its best value as one of them; they hold a number and run nothing."""
UNUSED_KEY = "original_unused"
"""Where our checkpoint keeps what it has no use for."""
INPUT_OPTIONS = ("coordinates", "input_size", "landmarks", "normalise", "patch_pixels", "prompt", "sam", "size")
"""Options that no shape tells, but that decide what a network sees and what its outputs mean."""
SEGMENTER_ENTRIES = {"epoch": 0, "model": "sam", "optimizer": {}, "best_tol": 0.0, "path_helper": {}}
"""What the segmenter's file holds beside its state dict."""


def find_original(folder: Path, component: str, dataset: str) -> Path:
    """The original's file of a component in a folder, which names this data set or none.

    Raises:
        FileNotFoundError: If there is no such file, or more than one.
    """
    candidates = sorted(folder.glob(FILES[component]))
    others = [mark for name, mark in MARKS.items() if name != dataset]
    fitting = [path for path in candidates if not any(mark in path.name.lower() for mark in others)]
    named = [path for path in fitting if MARKS[dataset] in path.name.lower()] or fitting
    if len(named) != 1:
        there = ", ".join(path.name for path in candidates) or "none"
        raise FileNotFoundError(f"Expected one `{FILES[component]}` for {component} and {dataset} in `{folder}`, but found {there}.")
    return named[0]


def our_key(component: str, key: str) -> str:
    """The name in our component's state dict of one of the original's keys."""
    return PREFIXES[component] + _renamed(key, BLOCK_PARTS)


def original_key(component: str, key: str) -> str:
    """The inverse of `our_key`."""
    return _renamed(key.removeprefix(PREFIXES[component]), {ours: original for original, ours in BLOCK_PARTS.items()})


def _renamed(key: str, parts: Mapping[str, str]) -> str:
    block = BLOCK.match(key)
    if block is None:
        return key
    part = key.removeprefix(block[0])
    old = next((old for old in parts if part.startswith(old)), "")
    return f"{block[0]}{parts.get(old, old)}{part.removeprefix(old)}"


def read_original(path: Path, component: str) -> dict[str, Tensor]:
    """The state dict in one of the original's files, opened without executing anything in it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, or holds something else.
    """
    with safe_globals(NUMPY_NUMBERS):
        content = read_torch_file(path, f"file of the original {component}", "Get it anew from where the original SpineFM is published.")
    state = content.get("state_dict") if component == "sam_adapter" else content
    if not isinstance(state, dict) or not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in state.items()):
        entries = ", ".join(map(str, content))[:200]
        raise ValueError(f"Expected a state dict of the original {component} in `{path}`, but it holds {entries}.")
    return state


def import_original(component: Component, state: Mapping[str, Tensor], path: Path) -> dict[str, Any]:
    """The original's weights as a checkpoint of a component.

    Args:
        component: In the original's shape; gets the weights.
        state: From `read_original`.
        path: Where it was read, for messages.

    Returns:
        The checkpoint's content.

    Raises:
        ValueError: If a key is missing, unexpected or of another shape; names every one, as the original calls it.
    """
    unused = {key: value for key, value in state.items() if DEPTH_ADAPTER in key or key in STATISTICS}
    used = {our_key(component.name, key): value for key, value in state.items() if key not in unused}
    _check_fit(component, used, path)
    component.load_state_dict(used)
    kept = _beyond_foundation(component, used) if isinstance(component, SamAdapterComponent) else used
    checkpoint: dict[str, Any] = {"hyper_parameters": dict(component.hparams), "state_dict": used, UNUSED_KEY: unused}
    component.on_save_checkpoint(checkpoint)
    component.on_load_checkpoint(checkpoint | {"state_dict": kept})  # a foundation that does not fit is told now
    return checkpoint | {"state_dict": kept}


def _beyond_foundation(component: SamAdapterComponent, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What was trained, and whatever else is not bit for bit in the foundation's weights; these are read for their SHA-256."""
    foundation, component.foundation_sha256 = read_weights(str(component.weights))
    names = {key: foundation_key(key.removeprefix("model.")) for key in state}
    equal = {key for key, value in state.items() if names[key] in foundation and torch.equal(value, foundation[names[key]])}
    return {key: value for key, value in state.items() if key not in equal - component.trained_keys()}


def _check_fit(component: Component, state: Mapping[str, Tensor], path: Path) -> None:
    own = component.state_dict()

    def named(keys: Iterable[str]) -> list[str]:
        return sorted(original_key(component.name, key) for key in keys)

    missing, unexpected = named(own.keys() - state.keys()), named(state.keys() - own.keys())
    wrong = named(key for key in own.keys() & state.keys() if own[key].shape != state[key].shape)
    if missing or unexpected or wrong:
        raise ValueError(
            f"Expected the keys of the original {component.name} in `{path}`, but of them are missing {missing}, unexpected {unexpected}, "
            f"of another shape {wrong}. Is it the file of another component, number of classes or data set?"
        )


def export_original(component: Component, like: Component, unused: Mapping[str, Tensor]) -> dict[str, Any]:
    """A component as the content of the original's file.

    Args:
        component: Any.
        like: The same component in the original's shape.
        unused: What our checkpoint keeps under `UNUSED_KEY`; empty if it was trained here.

    Raises:
        ValueError: If the component has another shape, or sees its input in another way, than the original's code expects.
    """
    shapes, expected = ({key: tuple(value.shape) for key, value in each.state_dict().items()} for each in (component, like))
    own, wanted = (dict(each.hparams) for each in (component, like))
    others = [key for key in sorted(shapes.keys() | expected.keys()) if shapes.get(key) != expected.get(key)]
    others += [f"{name}={own[name]}" for name in INPUT_OPTIONS if own.get(name) != wanted.get(name)]
    if others:
        raise ValueError(
            f"Expected a {component.name} in the original's shape, but these differ: {', '.join(others)[:1000]}. "
            "Train it with `experiment=paper/<dataset>/<component>`."
        )
    state = {original_key(component.name, key): value for key, value in component.state_dict().items()}
    if not isinstance(component, SamAdapterComponent):
        return state
    return SEGMENTER_ENTRIES | {"state_dict": state | (dict(unused) or _depth_adapters(state))}


def original_file(component: str, dataset: str, content: Mapping[str, Any]) -> str:
    """How the original calls the file of a component."""
    if component == "resnet":
        return f"resnet50_{len(content['fc.bias'])}_class_224px_{dataset}.pth"
    return {"mask_rcnn": f"mask_rcnn_{dataset}.pth", "point_predictor": "point_predictor.pth"}.get(component, f"MSA_{dataset.upper()}.pth")


def _depth_adapters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Depth adapters of zeros: the original's code builds them, so that its file has to hold them."""
    space = ".Space_Adapter."
    return {key.replace(space, DEPTH_ADAPTER): torch.zeros_like(value) for key, value in state.items() if space in key}
