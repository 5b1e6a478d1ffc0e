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

from spinefm.components import Placement
from spinefm.composition import load_pipeline
from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import find_films, read_film
from spinefm.distributed import check_one_folder, gather
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
    folder, fabric = Path(HydraConfig.get().runtime.output_dir), instantiate(config.trainer)
    ids, failures = film_ids(find_films(Path(config.input))), dict[str, str]()
    placement = Placement(fabric.device, fabric.autocast, config.compile, config.channels_last)
    pipeline = load_pipeline(instantiate(config.pipeline), config.checkpoints, placement)
    # What is wrong with the input has been said before there are more processes that would say it again.
    fabric.launch()
    check_one_folder(folder)
    share = dict(list(ids.items())[fabric.global_rank :: fabric.world_size])
    films = read_ahead(readable(share, failures), AHEAD)
    written = work_behind(partial(write, folder), film_spines(pipeline, films), AHEAD)
    for spine in track(written, "Films", total=len(share), disable=not fabric.is_global_zero):
        if spine.failure is not None:
            failures[spine.film_id] = spine.failure
    failures = dict(gather(list(failures.items())))
    if fabric.is_global_zero:
        tell(folder, list(ids.values()), failures)


def tell(folder: Path, film_ids: list[str], failures: dict[str, str]) -> None:
    """Print the outcome; films that failed are named in the order in which they were found, and fail the run."""
    Console().print(f"{len(film_ids) - len(failures)} of {len(film_ids)} films: {folder}")
    if failures:
        reasons = "\n".join(f"  {film_id}: {failures[film_id]}" for film_id in film_ids if film_id in failures)
        raise ValueError(f"{len(failures)} of {len(film_ids)} films failed; look at them by hand:\n{reasons}")


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
