"""Save simulated films as PNG files, to have something to infer: `python -m spinefm.data.synthetic.save_films <folder> <number>`."""

import argparse
from pathlib import Path

from PIL import Image

from spinefm.data.synthetic.dataset import SyntheticDataset
from spinefm.files.atomic import atomic_path
from spinefm.running.failures import run_script


def save_films(folder: Path, number: int, seed: int = 0) -> list[Path]:
    """Write the first test films to `<folder>/<film_id>.png`; pixels only, no annotations."""
    films = SyntheticDataset({"test": number}, seed=seed).split("test")
    return [_save(folder / f"{film.film_id}.png", Image.fromarray(film.pixels)) for film in films]


def _save(path: Path, image: Image.Image) -> Path:
    with atomic_path(path) as temporary:
        image.save(temporary)
    return path


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("number", type=int)
    arguments = parser.parse_args()
    save_films(arguments.folder, arguments.number)


if __name__ == "__main__":
    run_script(main)
