"""What loggers are told of an evaluation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spinefm.evaluation.evaluator import FILES, OVERLAYS
from spinefm.evaluation.records import FilmRecord
from spinefm.evaluation.report import NUM_WORST, film_facts, rank_films
from spinefm.evaluation.tables import vertebra_table

if TYPE_CHECKING:
    from wandb import Image, Run

BREAKDOWNS = ("per_view", "per_reader", "per_level")
"""Parts of `results.json` with the same metrics over again: hundreds, for which W&B makes no panels by itself."""
NO_METRICS = ("confusion", "bins", "protocol")
"""Parts of `results.json` that are not logged."""


@dataclass(frozen=True)
class TrackedEvaluation:
    """An evaluation, and who is told of it.

    Attributes:
        config: Resolved.
        record: Content of its `run.json`.
        dataset: Name of the data set.
        loggers: Lightning's.
        run: W&B's; None without.
    """

    config: Mapping[str, Any]
    record: Mapping[str, Any]
    dataset: str
    loggers: Sequence[Any]
    run: "Run | None"

    def tell_films(self, folder: Path, results: Mapping[str, Any], films: Sequence[FilmRecord]) -> None:
        """Tell what a pipeline reached.

        Args:
            folder: Where `Evaluator.write` wrote, and the overlays are.
            results: From there.
            films: The films behind them.
        """
        if self.run is not None:
            for part in BREAKDOWNS:
                self.run.define_metric(f"test/{part}/*", hidden=True)
            self.run.log(_media(folder, films))
        for logger in self.loggers:
            logger.log_metrics(logged_metrics(results), step=0)
            logger.finalize("success")
        self.keep_files(folder)

    def keep_files(self, folder: Path) -> None:
        """Give W&B the files of an evaluation, those that there are, as one artifact."""
        if self.run is None:
            return
        import wandb

        artifact = wandb.Artifact(f"{self.dataset}-evaluation", type="evaluation")
        for name in FILES:
            if (folder / name).is_file():
                artifact.add_file(str(folder / name))
        self.run.log_artifact(artifact)


def logged_metrics(results: Mapping[str, Any], prefix: str = "test") -> dict[str, float]:
    """The numbers of an evaluation, by the names under which they are logged.

    Args:
        results: As from `compute_metrics`.
        prefix: In front of every name.

    Returns:
        `test/<key>`, and `test/<key>_low` and `test/<key>_high` for the ends of its interval; a breakdown's are
        `test/<breakdown>/<part>/<key>`. What is None is left out.
    """
    named: dict[str, Any] = {}
    for key, entry in results.items():
        if key not in NO_METRICS:
            named |= _named(f"{prefix}/{key}", entry)
    return {name: value for name, value in named.items() if value is not None}


def _named(name: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, Mapping):
        return {name: entry}
    if "value" not in entry:
        return logged_metrics(entry, name)
    low, high = entry.get("ci95") or (None, None)
    return {name: entry["value"], f"{name}_low": low, f"{name}_high": high}


def _media(folder: Path, films: Sequence[FilmRecord]) -> dict[str, Any]:
    """For W&B: a row per vertebra, the worst films, the report."""
    import wandb

    return {
        "test/vertebrae": wandb.Table(dataframe=vertebra_table(films)),
        "test/worst_films": [_picture(film, folder / OVERLAYS) for film in rank_films(films)[:NUM_WORST]],
        "test/report": wandb.Html(str(folder / "report.html"), inject=False),
    }


def _picture(film: FilmRecord, overlays: Path) -> "Image":
    import wandb

    return wandb.Image(str(overlays / f"{film.film_id}.jpg"), caption=", ".join([film.film_id, *film_facts(film)]))
