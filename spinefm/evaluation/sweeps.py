"""A sweep as one table and one picture: `python -m spinefm.evaluation.sweeps <folder>`, and at the end of every multirun."""

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from hydra.experimental.callback import Callback
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from spinefm.evaluation.compare import compare, format_difference, read_evaluation
from spinefm.evaluation.figures import BLUE
from spinefm.evaluation.tables import ANGLE_SHORT_TITLES, SHORT_TITLES, TITLES, format_value
from spinefm.files.atomic import atomic_path
from spinefm.running.failures import run_script
from spinefm.running.jobs import OVERRIDES, RECORD, SCORE


@dataclass(frozen=True)
class Job:
    """One run of a sweep.

    Attributes:
        name: Of its folder.
        options: What it was given, by key.
        values: What came out, by metric; empty if it failed or is under way.
        falls: Whether the first value is the better the less it is.
    """

    name: str
    options: Mapping[str, str]
    values: Mapping[str, float | None]
    falls: bool = False


def read_jobs(folder: Path) -> list[Job]:
    """The jobs of a sweep: the best training first, evaluations as they were given; those without a result last.

    Raises:
        FileNotFoundError: If the folder holds no job.
    """
    paths = [path for path in folder.iterdir() if (path / ".hydra" / "overrides.yaml").is_file()] if folder.is_dir() else []
    if not paths:
        raise FileNotFoundError(
            f"Expected a sweep in `{folder}`, but it holds no job. Give the folder of a multirun, such as runs/sweeps/<time>."
        )
    jobs = [_read(path) for path in sorted(paths, key=lambda path: (len(path.name), path.name))]
    done = [job for job in jobs if job.values]
    if all(len(job.values) == 1 for job in done):
        done.sort(key=_rank)
    return done + [job for job in jobs if not job.values]


def _rank(job: Job) -> float:
    (value,) = job.values.values()
    if value is None:
        return float("inf")
    return value if job.falls else -value


def _read(path: Path) -> Job:
    options = dict(str(override).lstrip("+~").partition("=")[::2] for override in _overrides(path))
    if (path / SCORE).is_file():
        score = json.loads((path / SCORE).read_text(encoding="utf-8"))
        return Job(path.name, options, {score["monitor"]: score["value"]}, score["mode"] == "min")
    if (path / "results.json").is_file():
        results = json.loads((path / "results.json").read_text(encoding="utf-8"))
        measured = {key: entry for key, entry in results.items() if isinstance(entry, dict) and "value" in entry}
        return Job(path.name, options, {key: entry["value"] for key, entry in measured.items()})
    return Job(path.name, options, {})


def _overrides(path: Path) -> Iterable[Any]:
    """What the run was given whose result lies in a folder; what Hydra notes there may be of a later one that failed."""
    record = json.loads((path / RECORD).read_text(encoding="utf-8")) if (path / RECORD).is_file() else {}
    given: Iterable[Any] = record[OVERRIDES] if OVERRIDES in record else OmegaConf.load(path / ".hydra" / "overrides.yaml")
    return given


def varied(jobs: Sequence[Job]) -> list[str]:
    """Keys of the options in which jobs differ."""
    keys = dict.fromkeys(key for job in jobs for key in job.options)
    return [key for key in keys if len({job.options.get(key) for job in jobs}) > 1]


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """The last parts of keys, as many as it takes to tell them apart."""
    return {key: next((tail for tail in _tails(key) if sum(f".{each}".endswith(f".{tail}") for each in keys) == 1), key) for key in keys}


def _tails(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[-number:]) for number in range(1, len(parts) + 1)]


def _short(text: str) -> str:
    return f"{float(text):.4g}" if _is_number(text) else text


def sweep_table(jobs: Sequence[Job]) -> Table:
    """For the terminal: one row per job, what was varied and what came out."""
    keys, metrics = varied(jobs), _shown(jobs)
    table = Table("job", *short_names(keys).values(), *(SHORT_TITLES.get(metric, metric) for metric in metrics))
    for job in jobs:
        outcome = [format_value(metric, job.values.get(metric)) for metric in metrics] if job.values else ["no result"]
        table.add_row(*_which(job, keys), *outcome)
    return table


def _which(job: Job, keys: Sequence[str]) -> list[str]:
    """The cells that tell a job from others; a list of options is no markup."""
    return [job.name, *(escape(_short(job.options.get(key, "–"))) for key in keys)]


def _shown(jobs: Sequence[Job]) -> list[str]:
    """The metrics that fit on a terminal: of pipelines a few."""
    metrics = dict.fromkeys(metric for job in jobs for metric in job.values)
    return [metric for metric in SHORT_TITLES if metric in metrics] or list(metrics)


def cost_table(folder: Path, jobs: Sequence[Job]) -> Table | None:
    """By how much each evaluation of a pipeline differs from the first one; None unless films, annotation and protocol are the same."""
    evaluations = [job for job in jobs if (folder / job.name / "vertebrae.csv").is_file()]
    if len(evaluations) < 2:
        return None
    keys, (first, *others) = varied(jobs), evaluations
    base = read_evaluation(folder / first.name)
    try:
        found = [compare(base, read_evaluation(folder / job.name)) for job in others]
    except ValueError:
        return None
    titles = {metric: title for metric, title in (SHORT_TITLES | ANGLE_SHORT_TITLES).items() if any(metric in each for each in found)}
    headings = ["job", *short_names(keys).values()], *(_which(job, keys) for job in others)
    table = Table(*map("\n".join, headings), title=f"Difference from job {first.name}, film by film (95 %)", show_lines=True)
    for metric, title in titles.items():
        table.add_row(title, *(format_difference(each[metric]) if metric in each else "–" for each in found))
    return table


def write_sweep(folder: Path, jobs: Sequence[Job]) -> None:
    """Write `sweep.csv`, and `sweep.png`: what came out first against each option that was varied."""
    rows = [{"job": job.name, **job.options, **job.values} for job in jobs]
    with atomic_path(folder / "sweep.csv") as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False)
    keys, done = varied(jobs), [job for job in jobs if job.values]
    if keys and done:
        with atomic_path(folder / "sweep.png") as temporary:
            sweep_figure(keys, done).savefig(temporary, dpi=110)


def sweep_figure(keys: Sequence[str], jobs: Sequence[Job]) -> Figure:
    """What came out first against each option that was varied."""
    metric = next(iter(jobs[0].values))
    jobs = [job for job in jobs if metric in job.values]
    figure = Figure(figsize=(3.4 * len(keys), 3.0), layout="constrained")
    row = figure.subplots(1, len(keys), sharey=True, squeeze=False)[0]
    for axes, (key, name) in zip(row, short_names(keys).items(), strict=True):
        texts = [job.options.get(key, "–") for job in jobs]
        values = [job.values[metric] for job in jobs]
        places: list[Any] = [float(text) for text in texts] if all(map(_is_number, texts)) else texts
        axes.plot(places, values, "o", color=BLUE)
        if _spans_decades(places):
            axes.set_xscale("log")
        axes.set(xlabel=name)
    figure.supylabel(TITLES.get(metric, metric))
    return figure


def _spans_decades(places: Sequence[Any]) -> bool:
    numbers = all(isinstance(place, float) for place in places)
    return numbers and min(places) > 0 and max(places) >= 20 * min(places)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class SweepTable(Callback):
    """Shows a multirun as one table when it has ended."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """See Hydra."""
        show(Path(config.hydra.sweep.dir))


def show(folder: Path) -> None:
    """Print a sweep, and write its table and picture into its folder."""
    jobs = read_jobs(folder)
    Console().print(sweep_table(jobs))
    if costs := cost_table(folder, jobs):
        Console().print(costs)
    write_sweep(folder, jobs)


def main() -> None:
    """Show a sweep that has ended, or is under way."""
    parser = argparse.ArgumentParser(prog="python -m spinefm.evaluation.sweeps", description="Show a sweep as one table and one picture.")
    parser.add_argument("folder", type=Path, help="of a multirun, such as runs/sweeps/<time>")
    show(parser.parse_args().folder)


if __name__ == "__main__":
    run_script(main)
