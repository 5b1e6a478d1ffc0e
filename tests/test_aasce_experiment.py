"""experiments/aasce: one film laid over another."""

import cv2
import numpy as np
import pandas as pd
import pytest

from spinefm.data.synthetic.dataset import SyntheticDataset
from spinefm.evaluation.records import record_film
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.structures import Radiograph
from tests.scripts import load_experiment


@pytest.fixture(scope="module")
def script():
    return load_experiment("aasce/annotation_agreement")


@pytest.fixture(scope="module")
def film():
    return SyntheticDataset({"train": 1}, size=(1200, 480), views=["ap_spine"]).split("train")[0]


def cropped(film, left, top, scale):
    """Another crop of a film, in another scale, with its annotation; and the matrix that leads there."""
    matrix = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
    size = (round((film.size[1] - 40) * scale), round((film.size[0] - 60) * scale))

    def there(picture, flags):
        return cv2.warpAffine(picture.astype(np.uint8), matrix, size, flags=flags)

    moved = (mask_to_vertebra(there(paste_mask(v, film.size), cv2.INTER_NEAREST) > 0, level=v.level) for v in film.vertebrae)
    return Radiograph("copy", there(film.pixels, cv2.INTER_LINEAR), tuple(v for v in moved if v), film.view), matrix


@pytest.mark.parametrize(("left", "top", "scale"), [(0, 0, 1.0), (24, 32, 1.0), (24, 32, 1.05)])
def test_a_copy_is_found_where_it_was_cropped_and_its_annotation_agrees(script, film, left, top, scale):
    copy, matrix = cropped(film, left, top, scale)
    found = script.registration(film.pixels, copy.pixels)
    assert found.likeness > script.SAME_EXPOSURE
    np.testing.assert_allclose(found.matrix[:, :2], matrix[:, :2], atol=0.011)
    record = record_film(copy, script.moved(film, copy, found.matrix))
    # The shift is found to four pixels; these vertebrae are some 60 high.
    assert all(row.labelled and row.dice > 0.8 for row in record.true_vertebrae) and not record.num_false_positives


def test_another_film_is_no_copy(script, film):
    other = SyntheticDataset({"train": 2}, size=(1200, 480), views=["ap_spine"]).split("train")[1]
    assert script.registration(film.pixels, other.pixels).likeness < script.SAME_EXPOSURE


def test_the_size_of_outlines_does_not_depend_on_that_of_the_film(script, film):
    larger, _ = cropped(film, 0, 0, 1.5)
    assert script.outline_size(larger) == pytest.approx(script.outline_size(film), rel=0.02)
    tight = [mask_to_vertebra(cv2.erode(paste_mask(v, film.size).astype(np.uint8), np.ones((5, 5))) > 0) for v in film.vertebrae]
    assert script.outline_size(Radiograph("tight", film.pixels, tuple(tight))) < 0.9 * script.outline_size(film)


def test_a_film_is_wrong_if_half_of_it_is_misnamed_or_two_are_missed():
    script = load_experiment("aasce/doubtful_films")

    def film(film_id, right, misnamed=0, missed=0, confidence=0.95):
        states = [(True, True)] * right + [(True, False)] * misnamed + [(False, False)] * missed
        return [
            {"film_id": film_id, "true_x": 1.0, "predicted_x": 1.0 if found else None, "identified": found, "labelled": labelled,
             "confidence": confidence if found else None}
            for found, labelled in states
        ]  # fmt: skip

    rows = [*film("good", 17), *film("shifted", 8, misnamed=9), *film("short", 14, missed=3), *film("unsure", 16, missed=1, confidence=0.5)]
    films = script.films_of(pd.DataFrame(rows))
    assert films.index[films.misnamed].tolist() == ["shifted"] and films.index[films.missed].tolist() == ["short"]
    assert films.index[films["other number"]].tolist() == ["short", "unsure"] and films.index[films.unsure].tolist() == ["unsure"]
    assert films["any"].tolist() == [False, False, True, True]


def test_a_turned_vertebra_looks_as_it_does_upright(film):
    script = load_experiment("aasce/simulated_looks")
    upright = script.upright(film, 8)
    turn = cv2.getRotationMatrix2D((film.size[1] / 2, film.size[0] / 2), 12, 0.9)

    def turned(picture, flags=cv2.INTER_NEAREST):
        return cv2.warpAffine(picture.astype(np.uint8), turn, film.size[::-1], flags=flags)

    bodies = [mask_to_vertebra(turned(paste_mask(vertebra, film.size)) > 0, level=vertebra.level) for vertebra in film.vertebrae]
    again = script.upright(Radiograph("turned", turned(film.pixels, cv2.INTER_LINEAR), tuple(bodies), film.view), 8)
    assert np.corrcoef(upright.ravel(), again.ravel())[0, 1] > 0.95


def test_contrasts_are_of_what_they_say():
    script = load_experiment("aasce/simulated_looks")
    y, x = (np.indices((script.SIDE, script.SIDE)) + 0.5 - script.SIDE / 2) * script.SPACINGS / script.SIDE
    column, disc, wall = np.abs(x) < 0.6, np.abs(np.abs(y) - 0.5) < 0.1, (np.abs(x) > 0.44) & (np.abs(x) < 0.6)
    assert script.contrasts(2.0 * column - 0.5 * (column & disc) + 0.25 * wall) == pytest.approx((0.5, 0.25, 2.0), abs=0.01)


@pytest.mark.parametrize(("first", "last"), [("T1", "T12"), ("T10", "L5"), ("T1", "L5")])
def test_a_film_that_is_cut_shows_the_same_vertebrae(film, first, last):
    short = load_experiment("aasce/stress").cut(film, np.random.default_rng(0), first, last)
    levels = [vertebra.level for vertebra in film.vertebrae]
    kept = film.vertebrae[levels.index(first) : levels.index(last) + 1]
    assert [vertebra.level for vertebra in short.vertebrae] == [vertebra.level for vertebra in kept]
    moved = film.vertebrae[0].centroid[1] - short.vertebrae[0].centroid[1] if first == "T1" else film.size[0] - short.size[0]
    for mine, theirs in zip(short.vertebrae, kept, strict=True):
        (x0, y0, x1, y1), rows = mine.box, round(moved)
        assert y0 >= 0 and y1 <= short.size[0] and mine.area > 0.8 * theirs.area
        np.testing.assert_array_equal(short.pixels[y0:y1, x0:x1], film.pixels[y0 + rows : y1 + rows, x0:x1])
        assert mine.centroid == pytest.approx((theirs.centroid[0], theirs.centroid[1] - rows))


@pytest.fixture(scope="module")
def naming(script):
    return load_experiment("aasce/names")  # imports `script` by the name under which it is loaded


@pytest.mark.parametrize("steps", [-2, -1, 0, 1, 3])
def test_names_are_moved_to_where_they_are_likeliest(naming, steps):
    """A classifier that is sure of nothing but sees the right level a little more often, and is plainly wrong about one vertebra."""
    probabilities = 0.05 + 0.1 * np.eye(17, k=steps)
    probabilities[8] = np.eye(17)[8]
    assert naming.likeliest_steps(probabilities) == steps


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_one_spine_named_in_two_ways(naming, film, step):
    shifted = film.vertebrae[max(-step, 0) :], film.vertebrae[max(step, 0) :]
    first, second = (Radiograph(name, film.pixels, its, film.view) for name, its in zip("ab", shifted, strict=True))
    off = naming.offset(first, second, np.eye(2, 3))
    assert off == -step
    assert naming.alike({("a", "b"): off}, {}) == (step == 0)
    assert naming.alike({("a", "b"): off}, {"a": off, "b": 0}) == naming.alike({("a", "b"): off}, {"b": -off}) == 1


def test_halves_are_disjoint_and_leave_validation_alone(naming, aasce_layout, tmp_path):
    for serial in range(8):
        aasce_layout.add(serial).add(serial, "B")
    dataset = aasce_layout.open(fractions={"train": 0.5, "val": 0.25, "test": 0.25})
    naming.write_halves(dataset, tmp_path)
    halves = [{split: set((tmp_path / half / f"{split}.txt").read_text().split()) for split in ("train", "val", "test")} for half in "ab"]
    original = {split: {film.film_id for film in dataset.split(split)} for split in ("train", "val", "test")}
    assert halves[0]["train"] | halves[1]["train"] == original["train"] and not halves[0]["train"] & halves[1]["train"]
    assert [len(half["train"]) for half in halves] == [4, 4]
    for half, other in (halves, halves[::-1]):
        assert half["val"] == original["val"] and half["test"] == original["test"] | other["train"]
