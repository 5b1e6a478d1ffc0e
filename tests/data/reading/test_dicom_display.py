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
