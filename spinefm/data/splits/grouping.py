"""Dividing films among train, val and test so that no patient stands in two of them, not even by a copy of a film."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from spinefm.structures import SPLITS, Pixels, Split

FRACTIONS: Mapping[Split, float] = MappingProxyType({"train": 0.7, "val": 0.1, "test": 0.2})

SAME_FILM = 0.58
"""Similarity from which on two thumbnails of 64 rows and 32 columns count as one film. Seen among the 481 public AASCE films: copies with
another crop or exposure reach down to 0.61, other patients up to 0.59. A group too large costs less than a leak."""
_MAX_SHIFT = 2
_BLUR = 2.0


def grouped_split(groups: Sequence[str], strata: Sequence[str], fractions: Mapping[Split, float] = FRACTIONS, seed: int = 0) -> list[Split]:
    """Divide items among splits, whole groups at a time.

    Groups are dealt out stratum by stratum, each to the split that lags most behind its share, so that every
    split sees about the same mixture of strata.

    Args:
        groups: The group (patient) of each item.
        strata: The stratum of each item; a group counts as its most frequent one.
        fractions: Share of the items each split should hold; they sum to 1.
        seed: Another seed deals the groups in another order.

    Returns:
        The split of each item; the same for the same arguments in any process and any order of the items.

    Raises:
        ValueError: If `groups` and `strata` differ in length or the fractions are not shares of 1.
    """
    if len(groups) != len(strata):
        raise ValueError(f"Expected one stratum per item, but got {len(groups)} groups and {len(strata)} strata.")
    _check_fractions(fractions)
    chosen: dict[str, Split] = {}
    counts = dict.fromkeys(fractions, 0)
    sizes = Counter(groups)
    for group in _dealing_order(groups, strata, seed):
        due = sum(counts.values()) + sizes[group]
        chosen[group] = max(fractions, key=lambda split: (fractions[split] * due - counts[split], -SPLITS.index(split)))
        counts[chosen[group]] += sizes[group]
    return [chosen[group] for group in groups]


def joined_groups(groups: Sequence[str], pairs: Iterable[tuple[int, int]]) -> list[str]:
    """Merge the groups of items that belong together.

    Args:
        groups: The group of each item.
        pairs: Positions of items that must share a group.

    Returns:
        The group of each item: among merged groups, the name that sorts first.
    """
    merged = {group: group for group in groups}
    for first, second in pairs:
        old, new = merged[groups[first]], merged[groups[second]]
        name = min(old, new)
        merged = {group: name if target in (old, new) else target for group, target in merged.items()}
    return [merged[group] for group in groups]


def similar_films(thumbnails: Sequence[Pixels], same_film: float = SAME_FILM) -> list[tuple[int, int]]:
    """Pairs of films that show one exposure, perhaps with another crop, brightness or contrast.

    Plain correlation cannot tell: all spine films are bright along the middle. So local contrast is compared,
    at the best shift by a few pixels.

    Args:
        thumbnails: N pictures (H, W) of one size; `SAME_FILM` was chosen for (64, 32).
        same_film: Correlation of local contrast from which on two films are a pair.

    Returns:
        Positions (first, second), first < second, in order.
    """
    if len(thumbnails) < 2:
        return []
    pictures = np.array([_local_contrast(thumbnail) for thumbnail in thumbnails])
    spectra = np.fft.rfft2(pictures)
    found = []
    for first in range(len(pictures) - 1):
        alike = np.fft.irfft2(spectra[first].conj() * spectra[first + 1 :], s=pictures.shape[1:])
        # The transform wraps around: a shift by -1 is the last row or column.
        near = np.roll(alike, (_MAX_SHIFT, _MAX_SHIFT), axis=(1, 2))[:, : 2 * _MAX_SHIFT + 1, : 2 * _MAX_SHIFT + 1]
        found += [(first, first + 1 + int(offset)) for offset in np.flatnonzero(near.max((1, 2)) > same_film)]
    return found


def shared_patients(patients: Mapping[Split, Iterable[str]]) -> dict[str, tuple[Split, Split]]:
    """Patients who stand in two splits, and which.

    Args:
        patients: The patients of each split; a patient may repeat within one.
    """
    seen, shared = dict[str, Split](), dict[str, tuple[Split, Split]]()
    for split, names in patients.items():
        for name in names:
            if seen.setdefault(name, split) != split:
                shared[name] = seen[name], split
    return shared


def check_split(split: Split) -> Split:
    """Return `split` unchanged.

    Raises:
        ValueError: If it is not one of `SPLITS`.
    """
    if split not in SPLITS:
        raise ValueError(f"Expected `split` to be one of {', '.join(SPLITS)}, but got {split!r}.")
    return split


def _local_contrast(thumbnail: Pixels) -> NDArray[np.float32]:
    """The picture less its blur, over its local spread; mean 0 and norm 1."""
    grey = thumbnail.astype(np.float32)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), _BLUR)
    even = detail / (np.sqrt(cv2.GaussianBlur(detail * detail, (0, 0), 1.5 * _BLUR)) + 1.0)
    centred: NDArray[np.float32] = even - even.mean()
    return centred / max(float(np.linalg.norm(centred)), 1e-9)


def _check_fractions(fractions: Mapping[Split, float]) -> None:
    unknown = sorted(set(fractions) - set(SPLITS))
    if unknown or min(fractions.values(), default=-1) < 0 or not math.isclose(sum(fractions.values()), 1.0, abs_tol=1e-6):
        raise ValueError(
            f"Expected `fractions` to give {', '.join(SPLITS)} shares that sum to 1, but got {dict(fractions)}. "
            "Correct `dataset.fractions`."
        )


def _dealing_order(groups: Sequence[str], strata: Sequence[str], seed: int) -> list[str]:
    # Hashes rather than a random generator: the order of the others stays when a film is added, on every platform.
    tallies: dict[str, Counter[str]] = {}
    for group, stratum in zip(groups, strata, strict=True):
        tallies.setdefault(group, Counter())[stratum] += 1
    stratum_of = {group: min(tally, key=lambda stratum: (-tally[stratum], stratum)) for group, tally in tallies.items()}
    return sorted(tallies, key=lambda group: (stratum_of[group], hashlib.sha256(f"{seed}:{group}".encode()).hexdigest()))
