"""How much a film's edges tell of its names: `python experiments/aasce/crops.py <folder of AASCE>`.

The films are cropped to T1 to L5. How far T1 lies below the upper edge, and L5 above the lower, is learnt of the training films of each
campaign; for validation and test films it prints by how many vertebrae names would have to be moved for both to lie where they are the
likeliest to. No network is asked. No film has borders, which would be left out in what is learnt only.
"""

import sys
from collections import Counter

from rich.console import Console

from spinefm.data.datasets.aasce import CAMPAIGNS, AasceDataset
from spinefm.geometry.centroids import centroids_of
from spinefm.geometry.framing import Framing, learnt_framings, margins_of
from spinefm.structures import Radiograph

ENDS = ("T1", "L5")
STEPS = (0, -1, 1, -2, 2)
"""By how many vertebrae names may be moved, downwards."""


def main(root: str) -> None:
    """Print the counts."""
    dataset = AasceDataset(root, landmarks=ENDS, terminals=ENDS, readers=CAMPAIGNS)
    framings = learnt_framings(dataset.split("train"), ENDS)
    for split in ("val", "test"):
        films = list(dataset.split(split))
        for reader in CAMPAIGNS:
            counts = Counter(likeliest_steps(framings[reader], film) for film in films if film.reader == reader)
            Console().print(f"{split}, {reader}: {counts.total()} films, by steps down to the likeliest names: {sorted(counts.items())}")


def likeliest_steps(framing: Framing, film: Radiograph) -> int:
    """By how many vertebrae names have to be moved down for the first and the last to lie where they usually do."""
    y, end = centroids_of(film.vertebrae)[:, 1], len(film.vertebrae) - 1
    return max(STEPS, key=lambda steps: framing.log_density([margins_of(y, film.size[0], steps, end + steps)])[0])


if __name__ == "__main__":
    main(*sys.argv[1:])
