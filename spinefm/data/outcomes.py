"""Outcomes of long reads that are kept on disk, so that the next run has them at once."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spinefm.data.dataset import digest
from spinefm.files.atomic import write_json

logger = logging.getLogger(__name__)


VERSION = 1
"""Raise it whenever the same dependencies give another outcome."""


def kept_outcome(folder: str | Path | None, name: str, depends_on: tuple[str, ...], compute: Callable[[], Any]) -> Any:
    """What `compute` gives, or gave before for the same dependencies.

    Args:
        folder: Where outcomes are kept; None keeps none.
        name: What it is, for its file's name.
        depends_on: Everything that the outcome depends on: stamps of files, and settings, lest a new release trusts an old outcome.
        compute: Gives something that JSON can hold; must not mind that tuples come back as lists.
    """
    if not folder:
        return compute()
    path = Path(folder).expanduser() / f"{name}-{digest(str(VERSION), *depends_on)[:16]}.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        outcome = compute()
    except (OSError, ValueError) as error:
        logger.warning("Cannot read `%s` (%s); it is made anew.", path, error)
        outcome = compute()
    try:
        write_json(path, outcome)
    except OSError as error:
        logger.warning("Cannot keep `%s` (%s); it is made anew each time.", path, error)
    return outcome
