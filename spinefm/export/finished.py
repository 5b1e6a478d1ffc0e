"""What an earlier run has left in its folder, so that one that was interrupted can go on."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from spinefm.export.films import film_files

RECORD = "run.yaml"
"""What made the results of a folder."""

OF_THE_RUN_ALONE = ("run_id", "config_hash", "config")
"""Keys of a record that say nothing of what results are, but for the options that `config` holds."""


def earlier_run(folder: Path, record: Mapping[str, Any], apart: Iterable[str]) -> str | None:
    """The id of the run whose results lie in a folder; None where there is none.

    Args:
        folder: Of the results.
        record: Of the run that is to go on with it; see `run_record`.
        apart: Options in which the two may differ.

    Raises:
        ValueError: If they differ in anything else: results of both would stand side by side in one table.
    """
    if not (folder / RECORD).is_file():
        return None
    earlier = yaml.safe_load((folder / RECORD).read_text(encoding="utf-8"))
    before, now = (_made_by(each, apart) for each in (earlier, record))
    if others := sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key)):
        fault = f"Expected `{folder / RECORD}` to be of a run like this one, to go on with it, but they differ in {', '.join(others)}"
        raise ValueError(f"{fault}. Repeat its options, or name another folder.")
    return str(earlier["run_id"])


def _made_by(record: Mapping[str, Any], apart: Iterable[str]) -> dict[str, Any]:
    options = {key: value for key, value in record["config"].items() if key not in apart}
    return {key: value for key, value in record.items() if key not in OF_THE_RUN_ALONE} | options


def finished_films(folder: Path, films: Mapping[Path, str], run_id: str) -> dict[str, dict[str, Any]]:
    """What `<id>.json` says of the films with which a run was done, by id; not of those whose files have changed since.

    Args:
        folder: Of the results.
        films: Their files, and the id of each.
        run_id: Of the run.
    """
    found = {film_id: _content(folder, film_id, path) for path, film_id in films.items()}
    return {film_id: content for film_id, content in found.items() if content and content.get("run_id") == run_id}


def _content(folder: Path, film_id: str, film: Path) -> dict[str, Any] | None:
    """The JSON comes last of what is written of a film, so that one that is there is whole."""
    path, *others = film_files(folder, film_id)
    if not all(each.is_file() for each in (path, *others)) or path.stat().st_mtime < film.stat().st_mtime:
        return None
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content
