"""The AASCE data set, on tiny generated films in the publisher's layout with the publisher's faults."""

import logging

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from spinefm.anatomy import levels_between
from spinefm.data.datasets.aasce import AasceDataset, campaign, patient_key, repair
from spinefm.data.problems import DataError
from spinefm.structures import SPLITS, View
from tests.layouts.aasce import AasceLayout
from tests.scripts import ROOT

LEVELS = list(levels_between("T1", "L5"))


@pytest.fixture
def layout(aasce_layout):
    return aasce_layout


def only_train(layout):
    return layout.open(fractions={"train": 1.0, "val": 0.0, "test": 0.0}).split("train")


def test_a_film_with_its_vertebrae(layout):
    films = only_train(layout.add(182))
    film = films[0]
    assert len(films) == 1
    assert (film.film_id, film.patient_id, film.view, film.size) == (
        "sunhl-1th-06-Jan-2017-182_A_AP",
        "182",
        View.AP_SPINE,
        layout.size,
    )
    assert [vertebra.level for vertebra in film.vertebrae] == LEVELS
    for vertebra, quad in zip(film.vertebrae, layout.spine(), strict=True):
        assert vertebra.centroid == pytest.approx(quad.mean(0), abs=0.6)
        assert vertebra.mask.sum() == pytest.approx(30 * 14, rel=0.05)
    assert films[0:1][0].film_id == film.film_id


def rings(quads):
    """From the table's order of the corners, TL TR BL BR, to the order around the vertebra."""
    return quads[:, [0, 1, 3, 2]]


def rolled(quads):
    return np.roll(quads, -1, axis=0)


def reversed_rows(quads):
    return quads[::-1]


def upside_down_corners(quads):
    quads[5] = quads[5][[2, 3, 0, 1]]
    return quads


def mirrored_corners(quads):
    quads[5] = quads[5][[1, 0, 3, 2]]
    return quads


def crossed_corners(quads):
    quads[5] = quads[5][[2, 1, 0, 3]]
    return quads


@pytest.mark.parametrize("fault", [rolled, reversed_rows, upside_down_corners, mirrored_corners, crossed_corners])
def test_disorder_is_repaired(layout, caplog, fault):
    caplog.set_level(logging.INFO)
    film = only_train(layout.add(1, quads=fault(layout.spine())))[0]
    np.testing.assert_allclose([vertebra.centroid for vertebra in film.vertebrae], layout.spine().mean(1), atol=0.6)
    assert f"to have its {'rows' if fault in (rolled, reversed_rows) else 'corners'} in order" in caplog.text
    assert repair(rings(fault(layout.spine())))[0] == pytest.approx(rings(layout.spine()))


def test_order_that_is_right_is_left_alone(layout):
    repaired, repairs = repair(rings(layout.spine()))
    np.testing.assert_array_equal(repaired, rings(layout.spine()))
    assert repairs == ()


def test_scoliosis_is_no_fault():
    centres, angles = np.zeros((17, 2)), np.radians(55) * np.sin(np.linspace(0, 2 * np.pi, 17))
    for i in range(1, 17):
        centres[i] = centres[i - 1] + 20 * np.array([-np.sin(angles[i]), np.cos(angles[i])])
    turn = np.stack([np.stack([np.cos(angles), -np.sin(angles)], -1), np.stack([np.sin(angles), np.cos(angles)], -1)], axis=1)
    corners = np.array([[-15, -7], [15, -7], [15, 7], [-15, 7]])
    assert repair(np.einsum("nij,kj->nki", turn, corners) + centres[:, None])[1] == ()


def twice_the_same(quads):
    quads[16] = quads[15] + 1
    return quads


def flat(quads):
    quads[16, 2:] = quads[16, :2] + (0, 0.5)
    return quads


def corner_missing(quads):
    quads[8, 3] = quads[8, 2] + (0.5, 0)
    return quads


@pytest.mark.parametrize(("fault", "reason"), [(twice_the_same, "overlapping"), (flat, "collapsed"), (corner_missing, "collapsed")])
def test_what_no_order_mends_is_left_out(layout, caplog, fault, reason):
    caplog.set_level(logging.INFO)
    films = only_train(layout.add(1).add(2, quads=fault(layout.spine())))
    assert [film.patient_id for film in films] == ["1"]
    assert "1 of 2 films" in caplog.text
    assert reason in caplog.text and "It is left out." in caplog.text


def test_serials_stay_together_and_splits_are_disjoint(layout):
    for serial in range(20):
        layout.add(serial, "A").add(serial, "B")
    dataset = layout.open()
    patients = {split: {film.patient_id for film in dataset.split(split)} for split in ("train", "val", "test")}
    assert {split: len(dataset.split(split)) for split in patients} == {"train": 28, "val": 4, "test": 8}
    assert sum(map(len, patients.values())) == 20


def test_copies_join_their_patients(layout):
    film = layout.picture(99)
    layout.add(10, pixels=film).add(11).add(12, pixels=film // 2 + 60)
    assert [each.patient_id for each in only_train(layout)] == ["10", "11", "10"]


def test_search_for_copies_is_kept(layout, monkeypatch):
    layout.add(1).add(2).open()
    monkeypatch.setattr("spinefm.data.datasets.aasce.read_thumbnail", None)
    layout.open()


def test_cache_that_cannot_be_written_is_no_failure(layout, caplog):
    (layout.root / "cache").write_text("a file is in the way")
    layout.add(1).open()
    assert "made anew each time" in caplog.text


def test_fingerprint_tells_films_labels_and_splits_apart(layout):
    layout.add(1).add(2).add(3)
    first = layout.open().fingerprint
    assert layout.open().fingerprint == first
    others = {layout.open(fractions={split: 1.0}).fingerprint for split in ("val", "test")}
    layout.rows[0] = layout.rows[0].replace("0.35", "0.36", 1)
    others.add(layout.open().fingerprint)
    layout.films.joinpath(layout.names[0]).touch()
    others.add(layout.open().fingerprint)
    layout.angles[0] = "9,4.1,1.05"
    others.add(layout.open().fingerprint)
    assert len(others - {first}) == 5


def test_published_angles(layout):
    assert only_train(layout.add(1, angles=(20.0, 10.5, 3)))[0].cobb_angles == (20.0, 10.5, 3.0)


def test_angles_of_disorder_are_computed_anew(layout):
    bent = layout.spine()
    bent[3, 1] += (0, 6)
    film = only_train(layout.add(1, quads=bent[::-1], angles=(20.0, 10.5, 3)))[0]
    assert film.cobb_angles == pytest.approx((np.degrees(np.arctan2(3, 30)), 0, np.degrees(np.arctan2(3, 30))), abs=0.1)


def test_without_a_table_no_angles_are_known(layout, caplog):
    caplog.set_level(logging.INFO)
    layout.add(1).angles.clear()
    assert only_train(layout)[0].cobb_angles is None
    assert "angles.csv`, so that no Cobb angles are known" in caplog.text


@pytest.mark.parametrize(
    ("angles", "found"),
    [(["1,2"], r"1 rows of 3 numbers.*found 1 rows of \[2\]"), (["1,2,3"] * 2, "found 2 rows"), (["1,2,x"], "numbers only")],
)
def test_angles_must_be_three_numbers_for_each_film(layout, angles, found):
    layout.add(1).angles = angles
    with pytest.raises(DataError, match=rf"angles\.csv.*{found}"):
        layout.open()


def test_missing_root_names_the_option(tmp_path):
    with pytest.raises(DataError, match=r"`data` and `labels`.*dataset\.root=<folder>"):
        AasceDataset(str(tmp_path / "absent"))
    with pytest.raises(DataError, match=r"filenames\.csv.*dataset\.root=<folder"):
        AasceDataset(str(tmp_path))


def test_missing_film_is_named(layout):
    layout.add(1).add(2)
    (layout.films / layout.names[1]).unlink()
    with pytest.raises(DataError, match=r"1 missing.*-2 A AP\.jpg.*dataset\.root"):
        layout.open()


def test_damaged_film_is_named(layout):
    layout.add(1)
    film = layout.films / layout.names[0]
    film.write_bytes(film.read_bytes()[:2000])
    with pytest.raises(ValueError, match="-1 A AP"):
        layout.open()


def test_row_counts_must_match(layout):
    layout.add(1).add(2)
    layout.rows.pop()
    with pytest.raises(ValueError, match=r"2 rows of 136 numbers.*found 1 rows of \[136\].*same release"):
        layout.open()


@pytest.mark.parametrize(
    ("row", "found"), [("1,2,3", r"found 1 rows of \[3\]"), (",".join(["x"] * 136), "numbers only"), ("nan," * 135 + "1", "finite")]
)
def test_rows_must_hold_numbers(layout, row, found):
    layout.add(1)
    layout.rows[0] = row
    with pytest.raises(ValueError, match=found):
        layout.open()


def test_repeated_film_is_refused(layout):
    layout.add(1).add(1)
    with pytest.raises(ValueError, match="id of its own"):
        layout.open()


def test_unknown_split_is_refused(layout):
    with pytest.raises(ValueError, match="'training'"):
        layout.add(1).open().split("training")


@pytest.mark.parametrize(
    ("stem", "key"),
    [
        ("sunhl-1th-06-Jan-2017-182 A AP", "182"),
        ("sunhl-1th-21-Nov-2016-138 D AP2", "138"),
        ("sunhl-1th-22-Nov-2016-142 A AP (2)", "142"),
        ("sunhl-1th-01-Mar-2017-310 a ap", "310"),
        ("sunhl-1th-20-Jul-2016-coronal12", "sunhl-1th-20-Jul-2016-coronal12"),
    ],
)
def test_patient_key(stem, key):
    assert patient_key(stem) == key


def test_films_tell_their_campaign(layout):
    assert [film.reader for film in only_train(layout.add(1))] == ["second_campaign"]


@pytest.mark.parametrize(
    ("stem", "who"),
    [
        ("sunhl-1th-26-Jul-2016-81 A AP", "first_campaign"),
        ("sunhl-1th-22-Nov-2016-152 A AP", "first_campaign"),
        ("sunhl-1th-29-Dec-2016-158 C AP", "second_campaign"),
        ("sunhl-1th-06-Jan-2017-182 A AP", "second_campaign"),
        ("sunhl-1th-01-Mar-2017-311 M AP", None),
        ("film 12 A AP", None),
    ],
)
def test_campaigns_are_told_by_the_months_in_names(stem, who):
    assert campaign(stem) == who


def test_the_official_test_films_are_a_data_set_of_their_own(layout):
    layout.add(1).add(2).write()
    AasceLayout(layout.root, "test").add(3, angles=(20.0, 10.0, 5.0)).write()
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        dataset = instantiate(compose("check", ["dataset=aasce_test", f"dataset.root={layout.root}", "dataset.cache_dir=null"]).dataset)
    assert {split: [film.patient_id for film in dataset.split(split)] for split in SPLITS} == {"train": [], "val": [], "test": ["3"]}
    assert dataset.split("test")[0].cobb_angles == (20.0, 10.0, 5.0)
    assert len(layout.open()) == 2


def test_a_part_that_is_not_there(layout):
    with pytest.raises(DataError, match=r"labels/test/filenames.csv` to be a table of AASCE"):
        layout.add(1).open(part="test")
