"""One self-contained HTML page about an evaluation."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from math import ceil
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from spinefm.evaluation.figures import angle_plot, dice_histogram, embed_figure, embed_image, level_plot, reliability_plot
from spinefm.evaluation.metrics import mean_dice
from spinefm.evaluation.records import FilmRecord
from spinefm.evaluation.tables import TITLES, format_interval, format_value, metric_cells, number

NUM_WORST, NUM_BEST, NUM_MISTAKEN = 8, 4, 12

_OF_LEVELS = (
    "identification_rate",
    "labelled_identification_rate",
    "centroid_identification_rate",
    "dice_identified",
    "dice_all",
    "hd95_px",
)
_OF_SETS = (*_OF_LEVELS, "false_positives_per_image", "all_correct_films", "shifted_films", "num_images", "num_failures")


def render_report(
    results: Mapping[str, Any],
    films: Sequence[FilmRecord],
    context: Mapping[str, Any],
    overlays: Path | None,
    min_dice: float,
    unreadable: Sequence[str] = (),
) -> str:
    """HTML that needs no network and no other file.

    Args:
        results: From `compute_metrics`.
        films: The films behind `results`.
        context: Anything worth knowing about the run; nested mappings and lists become dotted keys.
        overlays: Folder with `<film_id>.jpg` and `films/<film_id>.jpg`; None for a report without pictures.
        min_dice: Above which a vertebra counts as identified.
        unreadable: Why films could not be used, one sentence each.
    """
    ranked = rank_films(films)
    # The best ones never repeat a film that already stands among the worst.
    worst = ranked[: min(NUM_WORST, ceil(len(ranked) / 2))]
    best = ranked[len(worst) :][-NUM_BEST:][::-1]
    source = files("spinefm.evaluation").joinpath("report.html.j2").read_text(encoding="utf-8")
    template = Environment(autoescape=True, undefined=StrictUndefined).from_string(source)
    return template.render(
        tiles=[(TITLES[key], format_value(key, value), _interval(key, results)) for key, value in _headline(results)],
        tables=_tables(results),
        levels=embed_figure(level_plot(results["per_level"])),
        reliability=embed_figure(reliability_plot(results["calibration"]["bins"])),
        calibration_error=format_value("", results["calibration"]["expected_calibration_error"]["value"]),
        mistaken=_mistaken(results["confusion"]),
        angles=_angles(films),
        histogram=embed_figure(dice_histogram([row.dice or 0.0 for film in films for row in film.true_vertebrae], min_dice)),
        galleries=[("Worst films", _cards(worst, overlays)), ("Best films", _cards(best, overlays))],
        failures=[(film.film_id, _words(film.view), _words(film.failure)) for film in films if film.failure],
        unreadable=list(unreadable),
        stops=_count_stops(films),
        context=list(flatten(context)),
    )


def rank_films(films: Sequence[FilmRecord]) -> list[FilmRecord]:
    """From the worst to the best mean Dice (missed = 0), then from the most to the fewest false positives."""
    return sorted(films, key=lambda film: (mean_dice(film) or 0.0, -film.num_false_positives, film.film_id))


def _headline(results: Mapping[str, Any]) -> list[tuple[str, float]]:
    """Keys and values of what was measured, in the order of `TITLES`."""
    values = [(key, number(results, key)) for key in TITLES]
    return [(key, value) for key, value in values if value is not None]


def _interval(key: str, results: Mapping[str, Any]) -> str:
    low, high = format_interval(key, results)
    return f"{low.removesuffix(' %')}–{high}" if low else ""


def _tables(results: Mapping[str, Any]) -> list[tuple[str, list[str], list[list[str]]]]:
    """(title, column titles, rows of cells) of the breakdowns that there are."""
    levels, sets = ["num", *_OF_LEVELS], ["num_vertebrae", *_OF_SETS]
    views = {_words(view): entry for view, entry in results["per_view"].items()}
    breakdowns = [("level", results["per_level"], levels), ("view", views, sets), ("reader", results["per_reader"], sets)]
    return [
        (f"By {name}", [name.capitalize(), *(TITLES[key] for key in keys)], _rows(entries, keys))
        for name, entries, keys in breakdowns
        if entries
    ]


def _angles(films: Sequence[FilmRecord]) -> dict[str, Any] | None:
    """Figure of the Cobb angles, their number, and (film, known, found, reason) of those that are not measured; None without any."""
    known = [(film.film_id, film.angles) for film in films if film.angles is not None]
    if not known:
        return None
    rows = [(film_id, f"{its.true[0]:.1f}", f"{its.found[0]:.1f}", its.left_out) for film_id, its in known if its.left_out]
    return {"figure": embed_figure(angle_plot([its for _, its in known])), "number": len(known), "unmeasured": rows}


def _mistaken(confusion: Mapping[str, Mapping[str, int]]) -> list[tuple[str, str, int]]:
    """(true level, what it was called, how often), the most frequent first; levels that were called right are left out."""
    pairs = [(true, found, times) for true, its in confusion.items() for found, times in its.items() if found != true]
    return sorted(pairs, key=lambda pair: -pair[2])[:NUM_MISTAKEN]


def _rows(entries: Mapping[str, Any], keys: Sequence[str]) -> list[list[str]]:
    return [[name, *metric_cells(entry, keys)] for name, entry in entries.items()]


def _cards(films: Sequence[FilmRecord], overlays: Path | None) -> list[dict[str, Any]]:
    return [
        {
            "film_id": film.film_id,
            "image": None if overlays is None else embed_image(overlays / f"{film.film_id}.jpg"),
            "bare": None if overlays is None else embed_image(overlays / "films" / f"{film.film_id}.jpg"),
            "facts": film_facts(film),
        }
        for film in films
    ]


def film_facts(film: FilmRecord) -> list[str]:
    """What happened on a film, in a few words each."""
    truth = film.true_vertebrae
    found, labelled = sum(row.identified for row in truth), sum(row.labelled for row in truth)
    facts = [
        f"Dice {format_value('dice_all', mean_dice(film))}",
        f"{found} of {len(truth)} identified",
        f"{labelled} with the right level",
    ]
    if film.spurious_counted:
        facts.append(f"false positives: {film.num_false_positives}")
    if film.angles is not None:
        doubt = "" if film.angles.is_measured else ", not measured"
        facts.append(f"Cobb angle off by {film.angles.error_deg:.1f}°{doubt}")
    facts += [f"stopped {direction}: {_words(reason)}" for direction, reason in film.stops.items()]
    return [*facts, f"failed: {_words(film.failure)}"] if film.failure else facts


def _count_stops(films: Sequence[FilmRecord]) -> list[tuple[str, str, int]]:
    """(direction, reason, number of films), the most frequent first."""
    counts = Counter((direction.value, reason.value) for film in films for direction, reason in film.stops.items())
    return [
        (direction, _words(reason), count) for (direction, reason), count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]


def _words(key: str) -> str:
    return key.replace("_", " ")


def flatten(content: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """(dotted key, value as text) of every leaf of nested mappings and sequences."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(content, (list, tuple)) and any(isinstance(value, (Mapping, list, tuple)) for value in content):
        for index, value in enumerate(content):
            yield from flatten(value, f"{prefix}.{index}")
    else:
        yield prefix, ", ".join(map(str, content)) if isinstance(content, (list, tuple)) else str(content)
