"""What a run was: enough to tell two runs apart and to repeat one."""

import hashlib
import json
import platform
import subprocess
import uuid
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

APART = ("output", "publish", "logger")
"""Keys of a config that say where results go, and nothing of what they are."""

PACKAGES = ("torch", "torchvision", "pytorch-lightning", "segment-anything", "albumentations", "hydra-core", "spinefm")


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
    """Of Python and the packages that decide results."""
    return {"python": platform.python_version()} | {package: version(package) for package in PACKAGES}


def run_record(config: Mapping[str, Any], data_fingerprint: str) -> dict[str, Any]:
    """Content of `run.json`.

    Args:
        config: Resolved.
        data_fingerprint: See `RadiographDataset.fingerprint`.
    """
    return {
        "run_id": uuid.uuid4().hex,
        "git_commit": git_commit(),
        "config_hash": config_hash(config),
        "data_fingerprint": data_fingerprint,
        "versions": versions(),
    }
