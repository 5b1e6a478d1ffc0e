"""`films.csv`: whose a film is, its view, its spacing, its split."""

import pytest

from spinefm.data.problems import DataError
from spinefm.data.reading.film_table import FilmRow, read_film_table, write_film_table
from spinefm.structures import View


@pytest.fixture
def problems():
    """What did not fit the table that `read` read."""
    return []


@pytest.fixture
def read(tmp_path, problems):
    """A function that reads the text of a table of some films."""

    def read_text(text, *film_ids, encoding="utf-8"):
        (tmp_path / "films.csv").write_text(text, encoding=encoding)
        return read_film_table(tmp_path, film_ids, problems.append)

    return read_text


def test_there_need_be_no_table(tmp_path):
    assert read_film_table(tmp_path, ["a"], pytest.fail) == {"a": FilmRow()}


def test_every_column(read):
    table = read("film_id,patient_id,view,spacing_mm,split,reader\n0001,007,ap_spine,0.14,val,anna\n0002,,,,,\n", "0001", "0002")
    assert table == {"0001": FilmRow("007", View.AP_SPINE, 0.14, "val", "anna"), "0002": FilmRow()}


def test_columns_come_in_any_order_and_number(read):
    assert read("spacing_mm,film_id\n0.2,a\n", "a") == {"a": FilmRow(spacing_mm=0.2)}


def test_spreadsheets_add_a_byte_order_mark_and_empty_rows(read):
    assert read("\ufefffilm_id,patient_id\r\na,1\r\n,\r\n,\r\n", "a") == {"a": FilmRow("1")}


def test_blanks_around_cells_are_none_of_them(read):
    table = read(" film_id ,patient_id , view,spacing_mm,split\n a ,anna , ap_spine, 0.2 ,val \n  b,  , ,,\n", "a", "b")
    assert table == {"a": FilmRow("anna", View.AP_SPINE, 0.2, "val"), "b": FilmRow()}


@pytest.mark.parametrize(
    ("written", "film_id"), [("a.png", "a"), ("case.dcm", "case.dcm"), ("case.dcm.png", "case.dcm"), ("p1/lat", "p1_lat")]
)
def test_films_may_be_called_by_their_files(read, written, film_id):
    assert read(f"film_id,patient_id\n{written},7\n", film_id) == {film_id: FilmRow("7")}


def test_rows_may_be_short_or_end_in_empty_cells(read):
    assert read("film_id,patient_id\na\nb,1,, \n", "a", "b") == {"a": FilmRow(), "b": FilmRow("1")}


def test_a_name_with_a_comma_is_put_into_quotes(read):
    assert read('film_id,patient_id\na,"Doe, Jane"\n', "a") == {"a": FilmRow("Doe, Jane")}
    with pytest.raises(
        DataError, match=r"films\.csv` to have 2 cells in each row, but found b, Doe, Jane in line 4\. Put a cell that holds"
    ):
        read("film_id,patient_id\na,1\n\nb,Doe, Jane\n", "a", "b")


def test_what_is_written_is_read_again(tmp_path, problems):
    rows = {"0000140": FilmRow("Ünal, A.", View.LATERAL_CERVICAL, 0.174, "test", "ben"), "b": FilmRow()}
    write_film_table(tmp_path / "films.csv", rows)
    assert read_film_table(tmp_path, list(rows), problems.append) == rows


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("film_id,patient\na,1\n", "found film_id, patient"),
        ("patient_id,view\n1,ap_spine\n", "found patient_id, view"),
        ("film_id;patient_id\na;1\n", "found film_id;patient_id"),
        ("film_id,patient_id,patient_id\na,1,2\n", "found film_id, patient_id, patient_id"),
        ("", "found no header"),
    ],
    ids=["unknown column", "no film_id", "semicolons", "a column twice", "empty"],
)
def test_another_header_is_refused(read, text, found):
    with pytest.raises(
        DataError, match=rf"films\.csv` to have the column film_id and any of patient_id, .*, each once, but {found}\. Correct the header"
    ):
        read(text)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("view", "front"),
        ("spacing_mm", "0,174"),
        ("spacing_mm", "0"),
        ("spacing_mm", "-0.2"),
        ("spacing_mm", "174"),
        ("spacing_mm", "nan"),
        ("split", "training"),
    ],
)
def test_a_value_no_film_can_have_is_refused(read, column, value):
    with pytest.raises(DataError, match=rf"films\.csv` to hold a view .*a spacing in mm and a split .*'{value}'.* in line 3\. Correct"):
        read(f'film_id,{column}\na,\nb,"{value}"\n')


def test_a_film_has_one_row(read):
    with pytest.raises(DataError, match=r"films\.csv` to have one row for each film, but found 'a' again in line 4\. Remove one"):
        read("film_id,patient_id\na,1\nb,2\na,3\n", "a", "b")


def test_a_film_has_one_row_whatever_it_is_called(read):
    with pytest.raises(DataError, match=r"found 'a' again in line 3"):
        read("film_id,patient_id\na,1\na.png ,2\n", "a")
    assert read("film_id,patient_id\na,1\na.png ,2\n", "a", "a.png") == {"a": FilmRow("1"), "a.png": FilmRow("2")}


def test_another_encoding_is_refused(read):
    with pytest.raises(DataError, match=r"films\.csv` to be a table in UTF-8, .*Save it as `CSV UTF-8`"):
        read("film_id,patient_id\na,Müller\n", encoding="cp1252")


def test_rows_of_no_film_are_reported(read, problems):
    text = "film_id,patient_id\n140,1\n1241,2\n,\n"
    assert read(text, "140", "1241").keys() == {"140", "1241"} and problems == []
    assert read(text, "0000140", "1241")["0000140"] == FilmRow()
    assert "films.csv` to name films that are annotated, but found 1 other rows, such as '140'" in str(problems[0])
    assert not problems[0].fatal


def test_films_without_a_patient_are_reported_where_others_have_one(read, problems):
    read("film_id,patient_id\na,anna\nb,\n", "a", "b", "c")
    (problem,) = problems
    assert "films.csv` to give every film a patient_id, but found 2 films without one, such as 'b'. Each counts as another" in str(problem)
    assert not problem.fatal


@pytest.mark.parametrize("text", ["film_id,spacing_mm\na,0.2\n", "film_id,patient_id\na,anna\nb,anna\n"])
def test_patients_of_none_or_all_are_no_matter(read, problems, text):
    read(text, "a", "b")
    assert problems == []
