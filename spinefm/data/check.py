"""Look at a data set before training on it: `python -m spinefm.data.check dataset=<name> dataset.root=<folder>`."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from PIL import Image
from rich.console import Console
from rich.progress import track
from rich.table import Table

from spinefm.conf import CONF
from spinefm.data.contact_sheet import contact_sheet, film_cell
from spinefm.data.dataset import Inspection, RadiographDataset
from spinefm.data.problems import Problem
from spinefm.data.summary import Summary
from spinefm.files.atomic import atomic_path
from spinefm.running.failures import run_script
from spinefm.structures import Pixels


@hydra.main(version_base=None, config_path=CONF, config_name="check")
def main(config: DictConfig) -> None:
    """Read every film, print a table and every problem, draw a contact sheet; fails if a film cannot be used."""
    folder, console = Path(HydraConfig.get().runtime.output_dir), Console()
    dataset: RadiographDataset = instantiate(config.dataset, _convert_="all")
    summary, sheet, problems = Summary(), Sheet(len(dataset), config.sheet_films), list(dataset.problems)
    for inspection in track(dataset.inspect(), "Films", total=len(dataset)):
        summary.add(inspection)
        sheet.add(inspection)
        problems += inspection.problems
    console.print(summary_table(summary, dataset.name))
    for problem in problems:
        console.print(f"[{'red' if problem.fatal else 'yellow'}]{'error' if problem.fatal else 'note '}[/]  ", end="")
        console.print(str(problem), markup=False, highlight=False, soft_wrap=True)
    write_problems(folder / "problems.csv", problems)
    sheet.write(folder / "contact_sheet.jpg")
    console.print(f"Contact sheet and problems: {folder}")
    if errors := sum(problem.fatal for problem in problems):
        remedy = "Mend them, or leave films out by the id given there: `dataset.exclude=[<id>, ...]`."
        raise ValueError(f"{errors} errors in `dataset={dataset.name}`, also in `{folder}/problems.csv`. {remedy}")


class Sheet:
    """The films of a contact sheet: some of all, evenly, and those with problems.

    Args:
        num_films: How many films there are.
        wanted: How many to draw, and how many more of those with problems.
    """

    def __init__(self, num_films: int, wanted: int) -> None:
        self._chosen = set(np.linspace(0, num_films - 1, min(wanted, num_films)).round().astype(int).tolist())
        self._seen, self._troubled, self._wanted = 0, 0, wanted
        self.cells: list[Pixels] = []

    def add(self, inspection: Inspection) -> None:
        """Draw a film if it is chosen."""
        troubled = bool(inspection.problems) and self._troubled < self._wanted
        if inspection.film is not None and (troubled or self._seen in self._chosen):
            self.cells.append(film_cell(inspection.film, inspection.film_id, warn=bool(inspection.problems)))
            self._troubled += troubled
        self._seen += 1

    def write(self, path: Path) -> None:
        """Write the sheet as a JPEG; nothing if no film was drawn."""
        if self.cells:
            with atomic_path(path) as temporary:
                Image.fromarray(contact_sheet(self.cells)).save(temporary, quality=85)


def summary_table(summary: Summary, name: str) -> Table:
    """What there is of everything, a column per split."""
    table = Table(title=f"dataset={name}")
    table.add_column("")
    for split in summary.columns:
        table.add_column(split, justify="right")
    for row in summary.rows():
        table.add_row(*row)
    return table


def write_problems(path: Path, problems: Sequence[Problem]) -> None:
    """Write a table of problems, errors first."""
    rows: Iterator[tuple[str, ...]] = (
        ("error" if problem.fatal else "note", problem.film_id, str(problem.path), problem.expected, problem.found, problem.remedy)
        for problem in sorted(problems, key=lambda problem: not problem.fatal)
    )
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("severity", "film_id", "path", "expected", "found", "remedy"))
        writer.writerows(rows)


if __name__ == "__main__":
    run_script(main)
