"""Figures of the report as data URIs, so that the page needs no other file and no network."""

import base64
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from spinefm.evaluation.matching import MIN_DICE


def dice_histogram(dice: Sequence[float]) -> str:
    """Histogram of the Dice of true vertebrae, missed ones at 0, as an SVG data URI.

    Args:
        dice: One per true vertebra, 0..1.
    """
    with rc_context({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False, "svg.hashsalt": "spinefm"}):
        figure = Figure(figsize=(7, 2.8), layout="constrained")
        axes = figure.subplots()
        axes.hist(dice, bins=list(np.linspace(0, 1, 51)), color="#0072b2")
        axes.axvline(MIN_DICE, color="#d55e00", linestyle="--", linewidth=1)
        axes.set(xlim=(0, 1), xlabel="Dice (missed = 0)", ylabel="vertebrae")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        buffer = BytesIO()
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
