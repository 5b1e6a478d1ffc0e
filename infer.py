"""Segment and name the vertebrae of a film or a folder of films: `python infer.py input=<folder> checkpoints=<folder>`."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import track

from spinefm.composition import load_pipeline
from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import find_films, read_film
from spinefm.export import write_spine
from spinefm.failures import run_script
from spinefm.overlapping import read_ahead, work_behind
from spinefm.pipeline import film_spines
from spinefm.structures import Radiograph, Spine

AHEAD = 4
"""Films that are read before the networks want them, and that wait to be written."""


@hydra.main(version_base=None, config_path="conf", config_name="infer")
def main(config: DictConfig) -> None:
    """Write labels, JSON and overlay of every film; a film that fails does not stop the others."""
    folder = Path(HydraConfig.get().runtime.output_dir)
    paths = find_films(Path(config.input))
    pipeline = load_pipeline(instantiate(config.pipeline), config.checkpoints, config.device)
    ids, failures = film_ids(paths), dict[str, str]()
    films = read_ahead(readable(ids, failures), AHEAD)
    written = work_behind(partial(write, folder), film_spines(pipeline, films), AHEAD)
    for spine in track(written, "Films", total=len(ids)):
        if spine.failure is not None:
            failures[spine.film_id] = spine.failure
    Console().print(f"{len(paths) - len(failures)} of {len(paths)} films: {folder}")
    if failures:
        reasons = "\n".join(f"  {film_id}: {reason}" for film_id, reason in failures.items())
        raise ValueError(f"{len(failures)} of {len(paths)} films failed; look at them by hand:\n{reasons}")


def write(folder: Path, found: tuple[Radiograph, Spine]) -> Spine:
    """Write what was found on a film."""
    film, spine = found
    write_spine(folder, film, spine)
    return spine


def film_ids(paths: list[Path]) -> dict[Path, str]:
    """An id per film: its file's name without the suffix, or with it where two names differ in nothing else."""
    stems = Counter(path.stem for path in paths)
    return {path: path.stem if stems[path.stem] == 1 else path.name for path in paths}


def readable(ids: dict[Path, str], failures: dict[str, str]) -> Iterator[Radiograph]:
    """The films that can be read; the reason goes into `failures` for the others."""
    for path, film_id in ids.items():
        try:
            film = read_film(path)
        except DataError as error:
            failures[film_id] = str(error)
        else:
            yield Radiograph(film_id, film.pixels, spacing_mm=film.spacing_mm)


if __name__ == "__main__":
    run_script(main)
