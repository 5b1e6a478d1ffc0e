"""Figures of the report, and data URIs, so that the page needs no other file and no network."""

import base64
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from spinefm.evaluation.angles import AngleRecord

STYLE: dict[Any, Any] = {"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "spinefm"}
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"


def dice_histogram(dice: Sequence[float], min_dice: float) -> Figure:
    """Histogram of the Dice of true vertebrae, missed ones at 0.

    Args:
        dice: One per true vertebra, 0..1.
        min_dice: Above which one counts as identified.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.hist(dice, bins=list(np.linspace(0, 1, 51)), color=BLUE)
        axes.axvline(min_dice, color=ORANGE, linestyle="--", linewidth=1)
        axes.set(xlim=(0, 1), xlabel="Dice (missed = 0)", ylabel="vertebrae")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        return figure


def level_plot(per_level: Mapping[str, Any]) -> Figure:
    """What was found of each level, with 95 % intervals.

    Args:
        per_level: From `compute_metrics`.
    """
    series = {"dice_all": ("Dice (missed = 0)", BLUE, -0.15), "labelled_identification_rate": ("right level", GREEN, 0.15)}
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 2.8), layout="constrained")
        axes = figure.subplots()
        for key, (label, colour, shift) in series.items():
            _with_intervals(axes, [entry[key] for entry in per_level.values()], shift, label=label, color=colour)
        axes.set(ylim=(0, 1.02), xlabel="true level", xticks=range(len(per_level)))
        axes.set_xticklabels(list(per_level), fontsize=9, rotation=90 if len(per_level) > 12 else 0)
        axes.legend(loc="lower right", frameon=False, ncols=2, fontsize=9)
        return figure


def _with_intervals(axes: Any, entries: Sequence[Mapping[str, Any]], shift: float, **looks: Any) -> None:
    known = [
        (index + shift, entry["value"], entry["ci95"] or [entry["value"]] * 2)
        for index, entry in enumerate(entries)
        if entry["value"] is not None
    ]
    if known:
        places, values, intervals = zip(*known, strict=True)
        # Drawn by itself: where there are few patients an interval need not hold the value.
        axes.vlines(places, *np.array(intervals).T, linewidth=1, color=looks.get("color"))
        axes.plot(places, values, "o", markersize=4, **looks)


def reliability_plot(bins: Sequence[Mapping[str, float]]) -> Figure:
    """How often predictions of a confidence are right.

    Args:
        bins: From `calibration`.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(3.6, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], color=ORANGE, linestyle="--", linewidth=1)
        sizes = [12 + 60 * each["num"] / max(other["num"] for other in bins) for each in bins]
        axes.scatter([each["confidence"] for each in bins], [each["right"] for each in bins], s=sizes, color=BLUE)
        axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="confidence", ylabel="share that is right")
        return figure


def angle_plot(angles: Sequence[AngleRecord]) -> Figure:
    """Largest Cobb angles that were found against the known ones, and by how much they differ.

    Args:
        angles: Of films whose angles are known, at least one; those that are not measured are drawn as hollow dots.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 3.2), layout="constrained")
        agreement, differences = figure.subplots(1, 2)
        for measured, looks in ((True, {"color": BLUE}), (False, {"facecolors": "none", "edgecolors": BLUE, "linewidths": 0.8})):
            pairs = [(its.true[0], its.found[0]) for its in angles if its.is_measured == measured]
            true, found = np.array(pairs).reshape(-1, 2).T
            agreement.scatter(true, found, s=14, **looks)
            differences.scatter((true + found) / 2, found - true, s=14, **looks)
        end = 1.05 * max(max(its.true[0], its.found[0]) for its in angles) or 1.0
        agreement.plot([0, end], [0, end], color=ORANGE, linestyle="--", linewidth=1)
        agreement.set(xlim=(0, end), ylim=(0, end), xlabel="known, degrees", ylabel="found, degrees", aspect="equal")
        _limits_of_agreement(differences, [its.found[0] - its.true[0] for its in angles if its.is_measured])
        differences.set(xlabel="mean of both, degrees", ylabel="found - known, degrees")
        return figure


def _limits_of_agreement(axes: Any, differences: Sequence[float]) -> None:
    """Lines at the mean, and 1.96 standard deviations around it. Source: Bland and Altman, The Lancet 1986."""
    if len(differences) < 2:
        return
    mean, spread = np.mean(differences), 1.96 * np.std(differences, ddof=1)
    for height, style in ((mean, "-"), (mean - spread, "--"), (mean + spread, "--")):
        axes.axhline(height, color=ORANGE, linestyle=style, linewidth=1)
        axes.annotate(f"{height:+.1f}", (1, height), xycoords=("axes fraction", "data"), ha="right", va="bottom", fontsize=9)


def embed_figure(figure: Figure) -> str:
    """A figure as an SVG data URI, the same for the same figure."""
    buffer = BytesIO()
    with rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata=dict.fromkeys(["Creator", "Date", "Format", "Type"]))
    return _data_uri("svg+xml", buffer.getvalue())


def embed_image(path: Path, max_side: int = 700) -> str:
    """A picture, made smaller, as a JPEG data URI.

    Args:
        path: Any format that Pillow reads.
        max_side: Of the embedded picture, pixels.
    """
    buffer = BytesIO()
    with Image.open(path) as image:
        image.thumbnail((max_side, max_side))
        image.convert("RGB").save(buffer, "JPEG", quality=82)
    return _data_uri("jpeg", buffer.getvalue())


def _data_uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
