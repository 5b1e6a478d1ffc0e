"""The side of a pixel and the view, as headers of DICOM films tell them, or do not."""

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes

from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import read_film
from spinefm.structures import View
from tests.dicom_files import write_dicom

RAMP = np.tile(np.arange(200, dtype=np.uint8), (100, 1))


@pytest.mark.parametrize(
    ("sides", "ratio"),
    [
        ({"PixelSpacing": [0.2, 0.1]}, "2"),
        ({"ImagerPixelSpacing": [0.1, 0.125], "PixelAspectRatio": [1, 1]}, "0.8"),
        ({"PixelAspectRatio": [103, 100]}, "1.03"),
        ({"PixelSpacing": [0, 0], "PixelAspectRatio": [1, 2]}, "0.5"),
    ],
    ids=str,
)
def test_pixels_that_are_not_square_are_refused(tmp_path, sides, ratio):
    expected = rf"a\.dcm` to be a film of square pixels, but found pixels {ratio} times as high as wide\. Export it with square pixels"
    with pytest.raises(DataError, match=expected):
        read_film(write_dicom(tmp_path / "a.dcm", RAMP, **sides))


@pytest.mark.parametrize(
    ("sides", "spacing_mm"),
    [
        ({"PixelSpacing": [0.1, 0.1005], "PixelAspectRatio": [2, 1]}, 0.1),
        ({"PixelAspectRatio": [1, 1]}, None),
        ({"PixelAspectRatio": [200, 201]}, None),
        ({"PixelAspectRatio": [0, 1]}, None),
    ],
    ids=str,
)
def test_pixels_that_are_all_but_square_are_read(tmp_path, sides, spacing_mm):
    assert read_film(write_dicom(tmp_path / "a.dcm", RAMP, **sides)).spacing_mm == spacing_mm


@pytest.mark.parametrize("spacing", [[0, 0], [0.1, 0], [-0.1, -0.1], [0.1], ["nan", "nan"], ["1e400", "1e400"], "", None], ids=str)
def test_a_spacing_that_is_none_counts_as_missing(tmp_path, spacing, caplog):
    own = {} if spacing is None else {"PixelSpacing": spacing}
    assert read_film(write_dicom(tmp_path / "a.dcm", RAMP, **own, ImagerPixelSpacing=[0.14, 0.14])).spacing_mm == 0.14
    assert read_film(write_dicom(tmp_path / "b.dcm", RAMP, **own)).spacing_mm is None
    assert ("PixelSpacing is no height and width of a pixel" in caplog.text) == bool(spacing)


def test_a_spacing_that_cannot_be_read_counts_as_missing(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", RAMP, PixelSpacing=[0.25, 0.25], ImagerPixelSpacing=[0.14, 0.14])
    path.write_bytes(path.read_bytes().replace(b"0.25\\0.25", b"wide\\high"))
    assert read_film(path).spacing_mm == 0.14


@pytest.mark.parametrize(
    ("position", "view"),
    [
        ("AP", "ap_spine"),
        ("PA", "ap_spine"),
        ("LL", "lateral"),
        ("LLAT", "lateral"),
        ("RLAT", "lateral"),
        ("lateral ", "lateral"),
        ("LLO", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_dicom_may_tell_from_where_it_was_taken(tmp_path, position, view):
    known = {} if position is None else {"ViewPosition": position}
    assert read_film(write_dicom(tmp_path / "a.dcm", RAMP, **known)).view == view


def test_a_view_that_nobody_knows_is_told(tmp_path, caplog):
    read_film(write_dicom(tmp_path / "known.dcm", RAMP, ViewPosition="AP"))
    assert not caplog.messages
    read_film(write_dicom(tmp_path / "unknown.dcm", RAMP, ViewPosition="LLO"))
    assert "unknown.dcm" in caplog.text and "`LLO`" in caplog.text and "counts as missing" in caplog.text


def coded(scheme, value):
    item = Dataset()
    item.CodingSchemeDesignator, item.CodeValue, item.CodeMeaning = scheme, value, "as told"
    return {"ViewCodeSequence": [item]}


@pytest.mark.parametrize(
    ("told", "view"),
    [
        (coded("SCT", codes.SCT.LateralProjection.value), "lateral"),
        (coded("SCT", codes.SCT.LeftLateral.value), "lateral"),
        (coded("SCT", codes.SCT.RightLateral.value), "lateral"),
        (coded("SRT", "R-10236"), "lateral"),
        (coded("SCT", codes.SCT.AnteroPosterior.value), "ap_spine"),
        (coded("SCT", codes.SCT.PosteroAnterior.value), "ap_spine"),
        (coded("SRT", "R-10206"), "ap_spine"),
        (coded("SNM3", "R-10214"), "ap_spine"),
        (coded("99LAB", "R-10236"), "unknown"),
        (coded("SCT", codes.SCT.LeftAnteriorOblique.value), "unknown"),
        ({"ViewCodeSequence": []}, "unknown"),
        ({"ViewCodeSequence": [Dataset()]}, "unknown"),
        ({"PatientOrientation": ["A", "F"]}, "lateral"),
        ({"PatientOrientation": ["P", "F"]}, "lateral"),
        ({"PatientOrientation": ["L", "F"]}, "unknown"),
        ({"PatientOrientation": []}, "unknown"),
        ({"PatientOrientation": ["A", "F"], **coded("SCT", codes.SCT.LeftAnteriorOblique.value)}, "lateral"),
        ({"PatientOrientation": ["A", "F"], "ViewPosition": "AP"}, "ap_spine"),
        ({"PatientOrientation": ["A", "F"], "ViewPosition": "SIDE"}, "lateral"),
    ],
)
def test_a_view_may_be_told_elsewhere(tmp_path, told, view):
    assert read_film(write_dicom(tmp_path / "a.dcm", RAMP, **told)).view == view


def test_codes_that_are_no_sequence_count_as_missing(tmp_path, caplog):
    path = write_dicom(tmp_path / "a.dcm", RAMP)
    dataset = pydicom.dcmread(path)
    dataset.add_new("ViewCodeSequence", "OB", b"lateral ")
    dataset.save_as(path)
    assert read_film(path).view == "unknown" and "its ViewCodeSequence is no sequence" in caplog.text


def test_a_code_that_nobody_knows_is_told(tmp_path, caplog):
    read_film(write_dicom(tmp_path / "a.dcm", RAMP, **coded("SCT", "1234")))
    assert "a.dcm: its ViewCodeSequence says `SCT 1234 as told`" in caplog.text


@pytest.mark.parametrize(
    ("letters", "number"),
    [
        ("R-102CD", "399067008"),
        ("R-10236", "399173006"),
        ("R-10232", "399198007"),
        ("R-10206", "399348003"),
        ("R-40888", "272479007"),
        ("R-10202", "399033003"),
    ],
)
def test_letters_and_numbers_of_a_view_mean_the_same(tmp_path, letters, number):
    told = (coded("SRT", letters), coded("SCT", number))
    views = {read_film(write_dicom(tmp_path / "a.dcm", RAMP, **code)).view for code in told}
    assert len(views) == 1 and View.UNKNOWN not in views
