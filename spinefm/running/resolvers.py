"""What conf/ may call in `${...}`."""

import hashlib
from collections.abc import Sequence
from typing import Any

from omegaconf import OmegaConf


def short_hash(texts: Sequence[str]) -> str:
    """Six letters for a set of texts, whatever their order."""
    return hashlib.sha256("\n".join(sorted(texts)).encode()).hexdigest()[:6]


def joined(*parts: Any) -> str:
    """Those that there are, with dashes between."""
    return "-".join(str(part) for part in parts if part is not None)


def first(*parts: Any) -> Any:
    """The first that there is."""
    return next((part for part in parts if part is not None), None)


def register_resolvers() -> None:
    """Let conf/ call them."""
    OmegaConf.register_new_resolver("short_hash", short_hash, replace=True)
    OmegaConf.register_new_resolver("joined", joined, replace=True)
    OmegaConf.register_new_resolver("first", first, replace=True)
