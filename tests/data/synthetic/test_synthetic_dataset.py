"""The simulated data set: reproducible films with exact, ordered, disjoint annotations."""

import numpy as np
import pytest

from spinefm.anatomy import LEVELS, level_index
from spinefm.data.synthetic.dataset import VIEWS, SyntheticDataset
from spinefm.geometry.centroids import centroids_of
from spinefm.structures import Radiograph, View

SCALE = 0.25


@pytest.fixture(scope="module")
def films() -> list[Radiograph]:
    return list(SyntheticDataset({"train": 18}, seed=3, scale=SCALE).split("train"))


def _is_same(first: Radiograph, second: Radiograph) -> bool:
    same_masks = all(np.array_equal(a.mask, b.mask) and a.box == b.box for a, b in zip(first.vertebrae, second.vertebrae, strict=True))
    return np.array_equal(first.pixels, second.pixels) and same_masks


def test_a_film_depends_on_its_index_and_not_on_the_order_of_access(films: list[Radiograph]) -> None:
    again = SyntheticDataset({"train": 18}, seed=3, scale=SCALE).split("train")
    assert all(_is_same(again[index], films[index]) for index in (7, 2, 5))


def test_splits_and_seeds_give_different_films(films: list[Radiograph]) -> None:
    other_split = SyntheticDataset({"test": 1}, seed=3, scale=SCALE).split("test")[0]
    other_seed = SyntheticDataset({"train": 1}, seed=4, scale=SCALE).split("train")[0]
    for other in (other_split, other_seed):
        assert other.size != films[0].size or not np.array_equal(other.pixels, films[0].pixels)


def test_the_split_is_a_sequence() -> None:
    split = SyntheticDataset({"val": 4}, scale=0.1).split("val")
    assert len(split) == 4 and len(split[1:3]) == 2 and split[-1].film_id == "val_0003"
    with pytest.raises(IndexError):
        split[4]
    assert len(SyntheticDataset({"val": 4}).split("test")) == 0


def test_views_come_in_turn_and_patients_are_unique(films: list[Radiograph]) -> None:
    assert [film.view for film in films] == list(VIEWS) * 6
    assert len({film.patient_id for film in films}) == len({film.film_id for film in films}) == len(films)


def test_pixels_and_spacing(films: list[Radiograph]) -> None:
    for film in films:
        assert film.pixels.dtype == np.uint8 and film.pixels.ndim == 2
        assert film.pixels.std() > 15
        assert film.spacing_mm is not None and 0.1 < film.spacing_mm * SCALE < 0.6


def test_levels_are_valid_and_run_from_head_to_foot(films: list[Radiograph]) -> None:
    ranges = {View.LATERAL_CERVICAL: ("C1", "T1"), View.LATERAL_LUMBAR: ("T11", "S1"), View.AP_SPINE: ("T1", "L6")}
    for film in films:
        levels = [vertebra.level for vertebra in film.vertebrae]
        assert set(levels) <= set(LEVELS) and len(levels) >= 4
        indices = [level_index(str(level)) for level in levels]
        first, last = (level_index(level) for level in ranges[film.view])
        assert indices == sorted(set(indices)) and first <= indices[0] and indices[-1] <= last


def test_masks_are_disjoint_and_on_the_film(films: list[Radiograph]) -> None:
    for film in films:
        counts = np.zeros(film.size, int)
        for vertebra in film.vertebrae:
            x0, y0, x1, y1 = vertebra.box
            assert 0 <= x0 < x1 <= film.size[1] and 0 <= y0 < y1 <= film.size[0]
            counts[y0:y1, x0:x1] += vertebra.mask
        assert counts.max() == 1


def test_bone_is_brighter_than_what_surrounds_it() -> None:
    brighter = [_contrast(film) > 0 for film in SyntheticDataset({"train": 30}, seed=1, scale=SCALE).split("train")]
    # A few films are inverted; the others may lose a vertebra in the shoulders, but not most of them.
    assert np.mean(brighter) > 0.85


def _contrast(film: Radiograph) -> float:
    """Median over the vertebrae of the mean grey value in the mask minus that in the rest of its box."""
    differences = []
    for vertebra in film.vertebrae:
        x0, y0, x1, y1 = vertebra.box
        window = film.pixels[y0:y1, x0:x1].astype(float)
        if (~vertebra.mask).any():
            differences.append(window[vertebra.mask].mean() - window[~vertebra.mask].mean())
    return float(np.median(differences))


def test_a_split_has_the_views_of_its_films() -> None:
    dataset = SyntheticDataset({"train": 4, "test": 2})
    assert set(dataset.views_of("train")) == set(dataset.views) == set(VIEWS)
    assert set(dataset.views_of("test")) == {film.view for film in dataset.split("test")} and not dataset.views_of("val")


def test_fixed_size_and_chosen_views() -> None:
    film = SyntheticDataset({"train": 2}, size=(120, 90), views=["ap_spine"]).split("train")[1]
    assert film.size == (120, 90) and film.view is View.AP_SPINE


@pytest.mark.parametrize(
    "changed",
    [
        {"num_films": {"train": 2}},
        {"seed": 1},
        {"size": (99, 99)},
        {"views": ["ap_spine"]},
        {"scale": 0.5},
        {"terminals": ("C1",)},
        {"curve_scale": 2.0},
    ],
)
def test_fingerprint_follows_the_arguments(changed: dict[str, object]) -> None:
    usual: dict[str, object] = {"num_films": {"train": 1}}
    fingerprint = SyntheticDataset(**usual).fingerprint  # type: ignore[arg-type]
    assert fingerprint == SyntheticDataset(**usual).fingerprint  # type: ignore[arg-type]
    assert fingerprint != SyntheticDataset(**{**usual, **changed}).fingerprint  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"num_films": {"train": 2, "val": 1, "test": 0}}, True),
        ({"num_films": {"train": 2, "val": 1}, "landmarks": ("C2",), "terminals": ()}, True),
        ({"cache_dir": "elsewhere"}, True),
        ({"num_films": {"train": 3, "val": 1}}, False),
        ({"num_films": {"train": 1, "val": 2}}, False),
        ({"seed": 1}, False),
        ({"scale": 0.5}, False),
    ],
)
def test_training_films_are_those_that_train_and_validate(changed: dict[str, object], same: bool) -> None:
    usual: dict[str, object] = {"num_films": {"train": 2, "val": 1, "test": 5}}
    first, second = (SyntheticDataset(**options) for options in (usual, {**usual, **changed}))  # type: ignore[arg-type]
    assert (first.training_films == second.training_films) is same


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"num_films": {"train": 3}}, True),
        ({"landmarks": ["C2"], "terminals": ["C2"]}, True),
        ({"seed": 1}, False),
        ({"size": (200, 150)}, False),
        ({"views": ["ap_spine"]}, False),
        ({"scale": 0.5}, False),
        ({"curve_scale": 1.5}, False),
    ],
    ids=str,
)
def test_a_kept_film_is_used_again_where_nothing_that_makes_it_changed(changed: dict[str, object], same: bool) -> None:
    first, second = (SyntheticDataset(**{"num_films": {"train": 1}, **each}).split("train") for each in ({}, changed))  # type: ignore[arg-type]
    assert (first.key(0) == second.key(0)) == same


@pytest.mark.parametrize(("option", "value"), [("scale", 0), ("size", [100]), ("size", [0, 10])])
def test_a_frame_that_is_none_is_refused(option: str, value: object) -> None:
    with pytest.raises(ValueError, match=f"`{option}` to be"):
        SyntheticDataset({"train": 1}, **{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("num_films", "views", "named"), [({"trian": 1}, VIEWS, "trian"), ({"train": -1}, VIEWS, "-1"), ({}, ["oblique"], "oblique")]
)
def test_wrong_arguments_are_named(num_films: dict[str, int], views: list[str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        SyntheticDataset(num_films, views=views)


@pytest.mark.parametrize("curve_scale", [-1.0, float("inf"), float("nan")])
def test_a_curve_scale_that_is_none_is_refused(curve_scale: float) -> None:
    with pytest.raises(ValueError, match=f"`curve_scale` to be a number of at least 0, but got {curve_scale}"):
        SyntheticDataset({"train": 1}, curve_scale=curve_scale)


def test_curve_scale_bends_the_spines_of_the_films() -> None:
    def bend(curve_scale: float) -> float:
        """How far centroids lie beside the line through them, in the median, as a share of the film's width."""
        films = SyntheticDataset({"train": 8}, size=(300, 120), views=["ap_spine"], curve_scale=curve_scale).split("train")
        lines = [centroids_of(film.vertebrae) for film in films]
        return float(np.median([np.ptp(x - np.polyval(np.polyfit(y, x, 1), y)) for x, y in (line.T for line in lines)]) / 120)

    assert 2 * bend(0.0) < bend(1.0) < bend(2.0)
