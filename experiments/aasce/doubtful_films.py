"""Which results to doubt: `python experiments/aasce/doubtful_films.py <folder of an evaluation>`.

Of films with each sign by which `infer.py` doubts a result, how many are wrong: at least half of the vertebrae found have another level
than annotated, or two or more are missed.
"""

import sys
from pathlib import Path

import pandas as pd
from rich.console import Console

USUAL_NUMBER = 17
"""Vertebrae from T1 to L5."""
SURE = 0.9


def films_of(vertebrae: pd.DataFrame) -> pd.DataFrame:
    """A row per film: its signs, which are the `doubts` of `infer.py`, and whether it is wrong.

    Args:
        vertebrae: `vertebrae.csv`.
    """
    return vertebrae.groupby("film_id").apply(_film).assign(any=lambda films: films[SIGNS].any(axis=1), all=True)


SIGNS = ["other number", "unnamed", "unsure"]
TITLES = {
    "other number": f"other than {USUAL_NUMBER} vertebrae",
    "unnamed": "a vertebra of unknown level",
    "unsure": f"mean confidence below {SURE}",
    "any": "any of these",
    "none": "none",
    "all": "all films",
}


def _film(rows: pd.DataFrame) -> pd.Series:
    found, annotated = rows[rows.predicted_x.notna()], rows[rows.true_x.notna()]
    identified, right = annotated.identified.sum(), annotated.labelled.sum()
    return pd.Series(
        {
            "other number": len(found) != USUAL_NUMBER,
            "unnamed": found.predicted_level.isna().any(),
            "unsure": found.confidence.mean() < SURE,
            "misnamed": 2 * (identified - right) >= identified,
            "missed": len(annotated) - identified >= 2,
        }
    )


def main(folder: str) -> None:
    """Print the table."""
    films = films_of(pd.read_csv(Path(folder) / "vertebrae.csv")).assign(none=lambda films: ~films["any"])
    say = Console(width=200).print
    say("| sign | films | misnamed | two or more missed | either |\n|---|---|---|---|---|")
    for sign, title in TITLES.items():
        its = films[films[sign].astype(bool)]
        either = (its.misnamed | its.missed).sum()
        say(f"| {title} | {len(its)} | {its.misnamed.sum()} | {its.missed.sum()} | {either} ({either / max(len(its), 1):.0%}) |")


if __name__ == "__main__":
    main(sys.argv[1])
