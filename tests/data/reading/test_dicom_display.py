"""DICOM films are shown as their headers say."""

import numpy as np
import pytest
from pydicom.dataset import Dataset

from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import read_film
from tests.dicom_files import write_dicom

RAMP = np.tile(np.arange(200, dtype=np.uint8), (100, 1))


def test_dicom_window_then_inversion(tmp_path):
    stored = np.tile(np.arange(0, 4000, 20), (100, 1))
    window = {"WindowCenter": 2000, "WindowWidth": 1000, "PixelSpacing": [0.15, 0.15], "ImagerPixelSpacing": [0.2, 0.2]}
    pixels, spacing_mm, _ = read_film(write_dicom(tmp_path / "a.dcm", stored, **window))
    assert (pixels[0, 70], pixels[0, 130]) == (0, 255)
    assert pixels[0, 100] == pytest.approx(128, abs=2)
    assert spacing_mm == pytest.approx(0.15)
    inverted = read_film(write_dicom(tmp_path / "b.dcm", stored, PhotometricInterpretation="MONOCHROME1", **window)).pixels
    np.testing.assert_array_equal(inverted, 255 - pixels)


def test_dicom_rescale_and_no_window(tmp_path):
    stored = np.tile(np.arange(0, 4000, 20), (100, 1))
    path = write_dicom(tmp_path / "film", stored, RescaleSlope=2, RescaleIntercept=-1024, ImagerPixelSpacing=[0.2, 0.2])
    pixels, spacing_mm, _ = read_film(path)
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert pixels[0, 100] == pytest.approx(128, abs=2)
    assert spacing_mm == pytest.approx(0.2)


def test_dicom_colour_becomes_grey(tmp_path):
    stored = np.stack([RAMP] * 3, axis=-1)
    colour = {
        "SamplesPerPixel": 3,
        "PhotometricInterpretation": "RGB",
        "PlanarConfiguration": 0,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
    }
    path = write_dicom(tmp_path / "a.dcm", RAMP, PixelData=stored.tobytes(), **colour)
    np.testing.assert_allclose(read_film(path).pixels, RAMP, atol=1)
    palette = write_dicom(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(DataError, match=r"b\.dcm.*palette"):
        read_film(palette)


def test_dicom_lookup_table(tmp_path):
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [200, 0, 12], np.arange(0, 4000, 20, dtype=np.uint16).tobytes()
    pixels = read_film(write_dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table])).pixels
    assert (pixels[0, 0], pixels[0, -1]) == (0, 255)


@pytest.mark.parametrize(
    "elements",
    [
        {"WindowCenter": None, "WindowWidth": None},
        {"WindowCenter": 2000},
        {"VOILUTSequence": []},
        {"VOILUTSequence": [Dataset()]},
        {"WindowCenter": None, "WindowWidth": 1000, "VOILUTSequence": []},
    ],
    ids=str,
)
def test_a_window_that_is_none_is_left_out(tmp_path, elements):
    stored = np.arange(64 * 48).reshape(64, 48)
    whole = read_film(write_dicom(tmp_path / "b.dcm", stored)).pixels
    np.testing.assert_array_equal(read_film(write_dicom(tmp_path / "a.dcm", stored, **elements)).pixels, whole)


FRAMED = np.pad(np.tile(np.arange(1000, 1200), (100, 1)), 50, constant_values=-2000)
SIGNED = {"BitsStored": 16, "HighBit": 15, "PixelRepresentation": 1}


@pytest.mark.parametrize("interpretation", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize(
    "padding",
    [
        {"PixelPaddingValue": -2000},
        {"PixelPaddingValue": -2100, "PixelPaddingRangeLimit": -1900},
        {"PixelPaddingValue": -1900, "PixelPaddingRangeLimit": -2100, "RescaleSlope": 2, "RescaleIntercept": 500},
    ],
    ids=str,
)
def test_padding_is_black_and_leaves_the_others_alone(tmp_path, padding, interpretation):
    grey = {"PhotometricInterpretation": interpretation, **SIGNED}
    alone = read_film(write_dicom(tmp_path / "a.dcm", FRAMED[50:-50, 50:-50], **grey)).pixels
    pixels = read_film(write_dicom(tmp_path / "b.dcm", FRAMED, **grey, **padding)).pixels
    np.testing.assert_array_equal(pixels[50:-50, 50:-50], alone)
    assert alone.max() == 255 and pixels[:50].max() == pixels[:, :50].max() == 0


def test_padding_is_black_beside_a_window(tmp_path):
    window = {"WindowCenter": 1100, "WindowWidth": 100, "PhotometricInterpretation": "MONOCHROME1", "PixelPaddingValue": -2000}
    pixels = read_film(write_dicom(tmp_path / "a.dcm", FRAMED, **SIGNED, **window)).pixels
    assert pixels[:50].max() == 0 and (pixels[60, 55], pixels[60, -55]) == (255, 0)


def test_a_padding_that_is_none_counts_as_missing(tmp_path, caplog):
    whole = read_film(write_dicom(tmp_path / "a.dcm", RAMP)).pixels
    for index, padding in enumerate(({"PixelPaddingValue": [1, 2]}, {"PixelPaddingValue": 0, "PixelPaddingRangeLimit": 255})):
        np.testing.assert_array_equal(read_film(write_dicom(tmp_path / f"{index}.dcm", RAMP, **padding)).pixels, whole)
        assert f"{index}.dcm" in caplog.text
    assert "PixelPaddingValue (0028,0120)" in caplog.text and len(caplog.messages) == 2


def test_a_negative_padding_may_be_written_unsigned(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", FRAMED, PixelPaddingValue=-2000, **SIGNED)
    known = read_film(path).pixels
    path.write_bytes(path.read_bytes().replace(b"\x28\x00\x20\x01SS", b"\x28\x00\x20\x01US"))
    np.testing.assert_array_equal(read_film(path).pixels, known)


@pytest.mark.parametrize(
    ("elements", "told"),
    [
        ({"WindowCenter": 2000, "WindowWidth": 0}, "WindowWidth (0028,1051) `0.0`"),
        ({"WindowCenter": 2000, "WindowWidth": 0.5}, "WindowWidth (0028,1051) `0.5`"),
        ({"WindowCenter": "nan", "WindowWidth": 100}, "WindowCenter (0028,1050) `nan`"),
        ({"WindowCenter": 2000, "WindowWidth": 100, "VOILUTFunction": "CUBIC"}, "VOILUTFunction (0028,1056) `CUBIC`"),
        ({"WindowCenter": -5000, "WindowWidth": 100}, "WindowCenter (0028,1050) `-5000.0`"),
        ({"WindowCenter": 9000, "WindowWidth": 100, "VOILUTFunction": "SIGMOID"}, "all of the film lies outside"),
    ],
    ids=str,
)
def test_a_window_that_cannot_be_used_is_left_out(tmp_path, elements, told, caplog):
    stored = np.arange(64 * 48).reshape(64, 48)
    whole = read_film(write_dicom(tmp_path / "b.dcm", stored)).pixels
    assert not caplog.messages
    np.testing.assert_array_equal(read_film(write_dicom(tmp_path / "a.dcm", stored, **elements)).pixels, whole)
    (message,) = (record.getMessage() for record in caplog.records if record.name.startswith("spinefm"))
    assert "a.dcm" in message and told in message


def test_a_window_that_is_no_number_is_left_out(tmp_path, caplog):
    path = write_dicom(tmp_path / "a.dcm", RAMP, WindowCenter="2048.5", WindowWidth=100)
    path.write_bytes(path.read_bytes().replace(b"2048.5", b"2048,5"))
    np.testing.assert_array_equal(read_film(path).pixels, read_film(write_dicom(tmp_path / "b.dcm", RAMP)).pixels)
    (message,) = caplog.messages
    assert "WindowCenter (0028,1050) `2048,5`" in message


def test_a_lookup_table_that_cannot_be_used_is_left_out(tmp_path, caplog):
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [200, 0, 99], b"\x00\x00"
    whole = read_film(write_dicom(tmp_path / "b.dcm", RAMP)).pixels
    np.testing.assert_array_equal(read_film(write_dicom(tmp_path / "a.dcm", RAMP, VOILUTSequence=[table])).pixels, whole)
    assert "VOILUTSequence (0028,3010)" in caplog.text


def test_a_film_of_one_grey_has_no_window_to_warn_of(tmp_path, caplog):
    path = write_dicom(tmp_path / "a.dcm", np.full((20, 20), 9), WindowCenter=2000, WindowWidth=100)
    assert read_film(path).pixels.max() == 0 and not caplog.messages
