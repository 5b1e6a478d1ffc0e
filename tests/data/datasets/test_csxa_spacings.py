"""The table of CSXA: millimetres of a pixel, by case."""

import pytest

from spinefm.data.datasets.csxa import CsxaDataset
from spinefm.data.problems import DataError
from tests.layouts import csxa


@pytest.fixture
def root(tmp_path):
    """Three films as published."""
    return csxa.write(tmp_path / "csxa", num_films=3)


def spacings(root, **options):
    """The spacing of each film, and what was noticed."""
    dataset = CsxaDataset(str(root), fractions={"train": 1.0}, **options)
    assert not any(problem.fatal for problem in dataset.problems)
    return [each.film.spacing_mm for each in dataset.inspect()], [str(problem) for problem in dataset.problems]


KNOWN = [pytest.approx(csxa.spacing_mm(index)) for index in range(3)]


def test_each_film_has_the_spacing_of_its_case(root):
    assert spacings(root) == (KNOWN, [])


def numbers_as_text(index):
    return f"{index:04d}"


def whole_names(index):
    return csxa.film_id(index)


def whole_names_as_numbers(index):
    return int(csxa.film_id(index))


@pytest.mark.parametrize("number", [numbers_as_text, whole_names, whole_names_as_numbers])
def test_cases_are_found_however_they_are_written(root, number):
    rows = [(number(index), csxa.spacing_mm(index)) for index in (1, 2, 0)]
    csxa.write_table(root, [*rows, (number(1234), 0.9)], header=("NUMBER ", "pixelEquivalent"))
    assert spacings(root) == (KNOWN, [])


def test_cases_of_many_digits_are_told_from_whole_names(root):
    """ "1241" is the case 1241, or the film 0001241 of case 0001 where longer names stand beside it."""
    csxa.write_table(root, [("1241", 0.2), ("140", 0.3)], header=("Number", "Pixel Equivalent"))
    assert spacings(root) == ([None] * 3, [])
    csxa.write_table(root, [("1241", 0.2), ("140", 0.3), ("2548130", 0.4)], header=("Number", "Pixel Equivalent"))
    assert spacings(root) == ([0.3, 0.2, None], [])


def test_masked_films_have_spacings_too(root, tmp_path):
    masked = csxa.write(tmp_path / "masked", num_films=3, layout="spinefm")
    (root / "datasets.xlsx").rename(masked / "datasets.xlsx")
    assert spacings(masked) == (KNOWN, [])


def test_a_case_without_a_row_has_no_spacing(root):
    csxa.write_table(root, [(1, 0.2), (999, 0.3)], header=("Number", "Pixel Equivalent"))
    assert spacings(root) == ([None, 0.2, None], [])


def test_the_column_can_be_named(root):
    csxa.write_table(root, [(index, 0.9, csxa.spacing_mm(index)) for index in range(3)], header=("Number", "Pixel Equivalent", "mm per px"))
    assert spacings(root, spacing_column="MM per px")[0] == KNOWN


@pytest.mark.parametrize("header", [("Number", "Pixel size"), ("Case", "Pixel Equivalent")])
def test_another_header_is_reported_and_the_films_are_read(root, header):
    csxa.write_table(root, [(0, 0.3)], header=header)
    found, (problem,) = spacings(root)
    assert found == [None] * 3
    assert f"datasets.xlsx` to have the columns Number and pixel equivalent in its second row, but found {', '.join(header)}." in problem
    assert "dataset.spacing_column=<name>" in problem


def test_units_are_read(root):
    csxa.write_table(root, [(0, "0.3mm"), (1, " 0.31 mm/px"), (2, "0.32")], header=("Number", "Pixel Equivalent"))
    assert spacings(root) == (KNOWN, [])


@pytest.mark.parametrize("value", [0, 30.5, -0.3, "0,3", "1 px = 0.3 mm", "unknown", None])
def test_an_implausible_value_counts_as_unknown(root, value):
    csxa.write_table(root, [(0, 0.3), (1, value), (2, 0.32)], header=("Number", "Pixel Equivalent"))
    found, (problem,) = spacings(root)
    assert found == [0.3, None, 0.32]
    assert "datasets.xlsx` to hold millimetres between 0.01 and 2.0, but found 1 others. Their spacings count as unknown." in problem


def test_a_column_without_values_and_a_row_without_a_case_are_no_failure(root):
    csxa.write_table(root, [(0, None), (None, None)], header=("Number", "Pixel Equivalent"))
    assert spacings(root)[0] == [None] * 3
    csxa.write_table(root, [(0, 0.3), (None, 0.31)], header=("Number", "Pixel Equivalent"))
    assert spacings(root)[0] == [0.3, None, None]


def test_there_need_be_no_table(root):
    (root / "datasets.xlsx").unlink()
    found, (problem,) = spacings(root)
    assert found == [None] * 3 and "datasets.xlsx` to hold the pixel spacings, but found no such file" in problem


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"<html>", lambda whole: b""])
def test_a_damaged_table_is_refused(root, damage):
    path = root / "datasets.xlsx"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=r"datasets\.xlsx` to be an Excel table, but found \w+: .*Copy it again"):
        CsxaDataset(str(root))


def test_a_film_is_read_anew_when_its_spacing_changes(root):
    before = CsxaDataset(str(root))
    csxa.write_table(root, [(0, 0.3), (1, 0.5), (2, 0.32)], header=("Number", "Pixel Equivalent"))
    after = CsxaDataset(str(root))
    assert [before.key(old) == after.key(new) for old, new in zip(before.sources, after.sources, strict=True)] == [True, False, True]
    assert before.fingerprint != after.fingerprint
