"""experiments/aasce: one film laid over another."""

from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from spinefm.data.datasets.aasce import CAMPAIGNS, LEVELS
from spinefm.data.synthetic.dataset import SyntheticDataset
from spinefm.evaluation.records import record_film
from spinefm.files.shipped_files import read_shipped_file, write_shipped_files
from spinefm.geometry.framing import LEAST_FILMS, Framing, learnt_framings, margins_of
from spinefm.geometry.masks import mask_to_vertebra, paste_mask
from spinefm.geometry.patches import PatchRule
from spinefm.structures import SPLITS, Radiograph
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
             "predicted_level": "T1" if found and film_id != "unnamed" else None, "confidence": confidence if found else None}
            for found, labelled in states
        ]  # fmt: skip

    rows = [
        *film("good", 17),
        *film("shifted", 8, misnamed=9),
        *film("short", 14, missed=3),
        *film("unsure", 16, missed=1, confidence=0.5),
        *film("unnamed", 17),
    ]
    films = script.films_of(pd.DataFrame(rows))
    assert films.index[films.misnamed].tolist() == ["shifted"] and films.index[films.missed].tolist() == ["short"]
    assert films.index[films["other number"]].tolist() == ["short", "unsure"] and films.index[films.unsure].tolist() == ["unsure"]
    assert films.index[films.unnamed].tolist() == ["unnamed"]
    assert films.index[films["any"]].tolist() == ["short", "unnamed", "unsure"]


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


@pytest.mark.parametrize(
    ("name", "above", "beside"), [("in a black frame", 0.3, 0.3), ("with more of the body", 0.3, 0.4), ("between mirrors", 0.0, 0.25)]
)
def test_a_film_that_goes_on_shows_the_same_vertebrae(film, name, above, beside):
    larger = load_experiment("aasce/stress").CHANGES[name](film, np.random.default_rng(0))
    top, left = (round(share * side) for share, side in zip((above, beside), film.size, strict=True))
    assert larger.size == (film.size[0] + 2 * top, film.size[1] + 2 * left)
    np.testing.assert_array_equal(larger.pixels[top : top + film.size[0], left : left + film.size[1]], film.pixels)
    assert [each.box for each in larger.vertebrae] == [each.moved(left, top).box for each in film.vertebrae]
    margin = larger.pixels[top : top + film.size[0], :left]
    mirrored = film.pixels[:, left:0:-1]
    if name == "between mirrors":
        np.testing.assert_array_equal(margin, mirrored)
    else:
        assert margin.any() == (name != "in a black frame")
        assert cv2.Laplacian(margin, cv2.CV_64F).std() < 0.1 * cv2.Laplacian(mirrored, cv2.CV_64F).std()


@pytest.mark.parametrize("steps", [-2, 0, 1])
def test_one_spine_named_in_two_ways(script, film, steps):
    copy, matrix = cropped(film, 24, 32, 1.05)
    shown = replace(film, vertebrae=film.vertebrae[max(steps, 0) :]), replace(copy, vertebrae=copy.vertebrae[max(-steps, 0) :])
    assert script.Pair(*shown, script.Registration(1.0, matrix)).steps == steps


def test_pairs_are_of_one_patient_in_one_pose(script, film):
    copy, _ = cropped(film, 24, 32, 1.0)
    other = SyntheticDataset({"train": 2}, size=(1200, 480), views=["ap_spine"]).split("train")[1]
    films = [replace(each, film_id=name, patient_id=patient) for each, name, patient in
             ((film, "a", "1"), (copy, "b", "1"), (other, "c", "1"), (copy, "d", "2"))]  # fmt: skip
    pairs = list(script.pairs_in_one_pose(films))
    assert [(pair.first.film_id, pair.second.film_id, pair.is_copy, pair.steps) for pair in pairs] == [("a", "b", True, 0)]


def test_pairs_are_named_differently_until_names_are_moved(script, film):
    still = script.Registration(0.97, np.eye(2, 3))
    films = [replace(film, film_id=f"{patient}{letter}", patient_id=patient) for patient in "123" for letter in "ab"]
    films[1] = replace(films[1], vertebrae=film.vertebrae[1:])  # 1b: its first vertebra is the second of 1a
    pairs = [script.Pair(first, second, still) for first, second in zip(films[::2], films[1::2], strict=True)]
    assert script.names_that_differ(pairs).startswith("1 of 3 pairs of 3 patients are named differently, 0.333, 0.000 to ")
    assert script.names_that_differ(pairs, {"1b": 1}).startswith("0 of 3 pairs of 3 patients")
    assert script.names_that_differ(pairs, {"1a": -1, "2a": 1}).startswith("1 of 3 pairs of 3 patients")


@pytest.mark.parametrize("steps", [-2, -1, 0, 1, 2])
def test_names_move_to_where_other_films_have_them(film, steps):
    y = np.array([vertebra.centroid[1] for vertebra in film.vertebrae])
    known = Framing([margins_of(y, film.size[0], steps, len(y) - 1 + steps)])
    assert load_experiment("aasce/crops").likeliest_steps(known, film) == steps


def test_a_classifier_is_taught_how_films_are_framed_and_stays_what_it_is(aasce_layout, tmp_path, shipped):
    for serial in range(2 * LEAST_FILMS):
        aasce_layout.add(serial)
    aasce_layout.write()
    before, after = (folder / "resnet.safetensors" for folder in (shipped, tmp_path))
    load_experiment("aasce/with_framings").main(str(aasce_layout.root), str(shipped), str(tmp_path))
    old, new = (read_shipped_file(path, "", "") for path in (before, after))
    assert all(torch.equal(value, new["state_dict"][key]) for key, value in old["state_dict"].items())
    films = aasce_layout.open(readers=CAMPAIGNS).split("train")
    expected = {reader: framing.known.tolist() for reader, framing in learnt_framings(films, ("T1", "L5")).items()}
    assert new["hyper_parameters"] == old["hyper_parameters"] and new["framings"] == expected and expected


def test_the_mean_of_two_networks(shipped, tmp_path):
    content = read_shipped_file(shipped / "resnet.safetensors", "", "")
    state = content["state_dict"]
    moved = {key: value + 1 if value.is_floating_point() else value + 4 for key, value in state.items()}
    write_shipped_files(tmp_path / "second", {"resnet": content | {"state_dict": moved, "run": {"run_id": "second"}}})
    load_experiment("aasce/mean_weights").main("resnet", str(shipped), str(tmp_path / "second"), str(tmp_path / "mean"))
    mean = read_shipped_file(tmp_path / "mean" / "resnet.safetensors", "", "")
    assert mean["run"] == {"run_id": "second"} and len(set(mean["mean_of_sha256"])) == 2 and "checkpoint_sha256" not in mean
    for key, value in mean["state_dict"].items():
        expected = state[key] + (0.5 if value.is_floating_point() else 4)
        torch.testing.assert_close(value, expected, rtol=2e-3, atol=2e-3)


@pytest.fixture(scope="module")
def naming(script):
    return load_experiment("aasce/names")  # imports `script` by the name under which it is loaded


@pytest.mark.parametrize("steps", [-2, -1, 0, 1, 3])
def test_names_are_moved_to_where_they_are_likeliest(naming, steps):
    """A classifier that is sure of nothing but sees the right level a little more often, and is plainly wrong about one vertebra."""
    probabilities = 0.05 + 0.1 * np.eye(17, k=steps)
    probabilities[8] = np.eye(17)[8]
    assert naming.likeliest_steps(probabilities) == steps


def test_names_of_which_nothing_is_known_stay(naming):
    assert naming.likeliest_steps(np.full((17, 17), 1 / 17)) == 0


@pytest.fixture
def halves(naming, aasce_layout, tmp_path):
    """Eight patients of two films each, and the lists of both halves."""
    for serial in range(8):
        aasce_layout.add(serial).add(serial, "B")
    dataset = aasce_layout.open(fractions={"train": 0.5, "val": 0.25, "test": 0.25})
    naming.write_halves(dataset, tmp_path)
    lists = {half: {split: set((tmp_path / half / f"{split}.txt").read_text().split()) for split in SPLITS} for half in "ab"}
    return dataset, tmp_path, lists


def test_halves_share_no_patient_and_leave_validation_alone(halves):
    dataset, _, lists = halves
    original = {split: {film.film_id for film in dataset.split(split)} for split in SPLITS}
    patients = [{film.patient_id for film in dataset.split("train") if film.film_id in lists[half]["train"]} for half in "ab"]
    assert [len(its) for its in patients] == [2, 2] and not patients[0] & patients[1]
    for half, other in ("ab", "ba"):
        assert lists[half]["val"] == original["val"] and lists[half]["test"] == original["test"] | lists[other]["train"]
        assert lists[half]["train"] == original["train"] - lists[other]["train"]


class KnowingClassifier:
    """Sees every level one further down than it is annotated; remembers whose films it was shown."""

    classes = ("background", "vertebra", *reversed(LEVELS))
    patch_rule, input_size, device = PatchRule(1.0), 8, torch.device("cpu")

    def __init__(self):
        self.shown = set()

    def classify(self, patches):
        self.shown |= set(patches.film_ids)
        columns = [self.classes.index(level) for level in (*LEVELS[1:], LEVELS[0])]
        return torch.eye(len(self.classes))[columns]


def test_classifiers_are_asked_for_films_that_they_have_not_seen(naming, halves, monkeypatch):
    dataset, folder, lists = halves
    asked = {half: KnowingClassifier() for half in "ab"}
    monkeypatch.setattr(naming, "load_components", lambda path, names: {"resnet": asked[path.name]})
    films = [film for split in SPLITS for film in dataset.split(split)]
    assert naming.steps_of(films, folder) == {film.film_id: 1 for film in films}
    for half in "ab":
        assert asked[half].shown == {film.film_id for film in films} - lists[half]["train"]
