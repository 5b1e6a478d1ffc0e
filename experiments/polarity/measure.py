"""How often a film's polarity is mistaken: `python measure.py dataset=<name> ... checkpoints=<folder> [split=val]`."""

import sys
from dataclasses import replace

import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from rich.console import Console
from rich.progress import track

from spinefm.composition import load_pipeline
from spinefm.conf import CONF
from spinefm.data.reading.polarity import is_inverted
from spinefm.structures import Radiograph


def turned(film: Radiograph) -> Radiograph:
    """The film with bright for dark."""
    return replace(film, pixels=255 - film.pixels)


def main() -> None:
    """Count films called dark, as they are (bright bone) and turned over, by the annotation and by the pipeline without it."""
    torch.set_num_threads(1)
    with initialize_config_dir(CONF, version_base=None):
        config = compose("evaluate", [*sys.argv[1:], "output=none"])
    pipeline = load_pipeline(instantiate(config.pipeline), config.checkpoints)
    counts = {"films": 0, "annotation, bright": 0, "annotation, dark": 0, "pipeline, bright": 0, "pipeline, dark": 0}
    for film in track(instantiate(config.dataset, _convert_="all").split(config.split), "Films"):
        # Some simulated films have dark bone.
        bright = turned(film) if is_inverted(film.pixels, film.vertebrae) else film
        counts["films"] += 1
        for name, each in {"bright": bright, "dark": turned(bright)}.items():
            counts[f"annotation, {name}"] += is_inverted(each.pixels, each.vertebrae)
            counts[f"pipeline, {name}"] += pipeline([each])[0].turned_over
    Console().print({f"called dark: {name}" if name != "films" else name: count for name, count in counts.items()})


if __name__ == "__main__":
    main()
