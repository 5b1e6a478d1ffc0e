"""Reading films: every format gives upright, bright-boned 8-bit pixels, and damage gives a reason."""

import struct
from pathlib import Path

import gdcm
import numpy as np
import pytest
from PIL import Image, ImageFile

from spinefm.data.problems import DataError
from spinefm.data.reading.film_files import Film, is_film, read_film, read_thumbnail
from tests.dicom_files import write_dicom

RAMP = np.tile(np.arange(200, dtype=np.uint8), (100, 1))


def compressed(path, name):
    """The film again, in a transfer syntax of GDCM's."""
    reader, change, writer = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax(), gdcm.ImageWriter()
    reader.SetFileName(str(path))
    assert reader.Read()
    change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer.SetFileName(str(path.with_name(f"{name}.dcm")))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
    return path.with_name(f"{name}.dcm")


@pytest.mark.parametrize(
    "syntax", ["JPEGLosslessProcess14_1", "JPEGLosslessProcess14", "JPEGLSLossless", "JPEG2000Lossless", "RLELossless"]
)
def test_what_archives_keep_is_read_to_the_last_bit(tmp_path, syntax):
    plain = write_dicom(tmp_path / "a.dcm", np.arange(64 * 48).reshape(64, 48))
    np.testing.assert_array_equal(read_film(compressed(plain, syntax)).pixels, read_film(plain).pixels)


@pytest.mark.parametrize("suffix", ["png", "tif", "tiff", "bmp", "jpg", "JPEG"])
def test_eight_bit_grey(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    Image.fromarray(RAMP).save(path)
    pixels, spacing_mm, _ = read_film(str(path))
    assert pixels.dtype == np.uint8
    assert spacing_mm is None
    np.testing.assert_allclose(pixels, RAMP, atol=2 if suffix.lower() in ("jpg", "jpeg") else 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_without_outliers_eating_the_range(tmp_path, suffix):
    values = np.tile(np.linspace(1000, 5000, 200), (100, 1)).astype(np.uint16)
    values[0, :3] = 65535
    Image.fromarray(values).save(tmp_path / f"film.{suffix}")
    pixels = read_film(tmp_path / f"film.{suffix}").pixels
    assert pixels[50, 0] <= 3
    assert pixels[50, -1] >= 252
    assert pixels[50, 100] == pytest.approx(128, abs=3)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16, np.float32])
def test_a_tiff_whose_least_value_is_white_is_turned_over(tmp_path, kind):
    values = RAMP > 100 if kind is bool else RAMP.astype(kind)
    tag = struct.pack("<HHLHH", 262, 3, 1, 1, 0)
    for name in ("black", "white"):
        Image.fromarray(values).save(tmp_path / f"{name}.tif")
    whole = (tmp_path / "white.tif").read_bytes()
    assert whole.count(tag) == 1
    (tmp_path / "white.tif").write_bytes(whole.replace(tag, struct.pack("<HHLHH", 262, 3, 1, 0, 0)))
    np.testing.assert_allclose(read_film(tmp_path / "white.tif").pixels, 255 - read_film(tmp_path / "black.tif").pixels, atol=1)


@pytest.mark.parametrize("unknown", [np.nan, np.inf, -np.inf])
def test_pixels_without_a_value_are_black_and_leave_the_others_alone(tmp_path, unknown):
    values = np.tile(np.linspace(-1, 1, 200, dtype=np.float32), (100, 1))
    Image.fromarray(values).save(tmp_path / "whole.tif")
    values[50, 100:110] = unknown
    Image.fromarray(values).save(tmp_path / "film.tif")
    pixels = read_film(tmp_path / "film.tif").pixels
    assert pixels[50, 100:110].max() == 0
    np.testing.assert_allclose(pixels[:40], read_film(tmp_path / "whole.tif").pixels[:40], atol=1)


def test_a_film_without_a_single_value_is_refused(tmp_path):
    Image.fromarray(np.full((10, 10), np.nan, dtype=np.float32)).save(tmp_path / "film.tif")
    with pytest.raises(DataError, match=r"film\.tif` to be a complete image, .*no finite pixel.*Copy the file again"):
        read_film(tmp_path / "film.tif")


def test_constant_film_is_read(tmp_path):
    Image.fromarray(np.full((10, 10), 7000, dtype=np.uint16)).save(tmp_path / "flat.png")
    assert read_film(tmp_path / "flat.png").pixels.max() == 0


def test_colour_becomes_grey_and_transparency_black(tmp_path):
    rgba = np.stack([RAMP] * 3 + [np.full_like(RAMP, 255)], axis=-1)
    rgba[:10, :, :3], rgba[:10, :, 3] = 255, 0
    Image.fromarray(rgba).save(tmp_path / "film.png")
    pixels = read_film(tmp_path / "film.png").pixels
    assert pixels[:10].max() == 0
    np.testing.assert_allclose(pixels[10:], RAMP[10:], atol=1)


@pytest.mark.parametrize("values", [RAMP, RAMP.astype(np.uint16) * 100])
def test_exif_rotation_is_applied(tmp_path, values):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "film.png"
    Image.fromarray(values).save(path, exif=exif)
    pixels = read_film(path).pixels
    assert pixels.shape == (200, 100)
    assert pixels[0, 0] < 5 < pixels[-1, 0]


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "bmp"])
def test_truncated_image_is_refused_even_where_pillow_was_made_lenient(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"film.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (100, 200), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:5000])
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(DataError, match=rf"film\.{suffix}.*complete image.*Copy the file again"):
        read_film(path)


def test_thumbnail(tmp_path):
    Image.fromarray(np.tile(RAMP, (10, 4))).save(tmp_path / "film.jpg")
    assert read_thumbnail(tmp_path / "film.jpg", 32, 64).shape == (64, 32)


def test_multi_frame_dicom_is_refused(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", np.stack([RAMP, RAMP]), NumberOfFrames=2)
    with pytest.raises(DataError, match=r"a\.dcm.*single-frame.*2 frames.*Export the one frame"):
        read_film(path)


def test_a_dicom_that_ends_anywhere_is_refused(tmp_path):
    path = write_dicom(tmp_path / "a.dcm", RAMP[:3, :4], PixelSpacing=[0.1, 0.1], WindowCenter=5, WindowWidth=4)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.dcm` to be a complete DICOM film"):
            read_film(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("suffix", ["tif", "dcm"])
def test_a_film_with_any_damaged_byte_is_read_or_refused(tmp_path, suffix):
    path = tmp_path / f"film.{suffix}"
    write_dicom(path, RAMP[:3, :4]) if suffix == "dcm" else Image.fromarray(RAMP[:3, :4]).save(path)
    whole, refused = path.read_bytes(), 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + b"\xff" + whole[place + 1 :])
        try:
            assert read_film(path).pixels.ndim == 2
        except DataError:
            refused += 1
    assert 0 < refused < len(whole)


@pytest.mark.parametrize(
    ("name", "content"), [("film.dcm", b"nothing of the kind"), ("film.dcm", b""), ("film.png", b""), ("film.png", b"GIF89a")]
)
def test_wrong_content_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=name):
        read_film(tmp_path / name)


@pytest.mark.parametrize(("content", "found"), [(b"", "an empty file"), (b"nothing of the kind" * 20, "one that does not begin as DICOM")])
def test_a_dicom_that_is_none_can_be_mended(tmp_path, content, found):
    (tmp_path / "a.dcm").write_bytes(content)
    with pytest.raises(DataError, match=rf"to be a complete DICOM film, but found {found}.*\. Copy it again .* as PNG\.$"):
        read_film(tmp_path / "a.dcm")


@pytest.mark.parametrize("size", [(2, 3000), (3000, 2), (1, 21)])
def test_a_strip_is_refused(tmp_path, size):
    Image.fromarray(np.zeros(size, np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=rf"a film at most 20 .* found a strip of {size[1]} x {size[0]} pixels\. Export the whole film"):
        read_film(tmp_path / "a.png")


def test_missing_and_unsupported_files_are_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no film")
    with pytest.raises(DataError, match=r"other\.png.*no such file"):
        read_film(tmp_path / "other.png")
    with pytest.raises(DataError, match=r"notes\.txt.*another format"):
        read_film(tmp_path / "notes.txt")
    with pytest.raises(DataError, match="a folder"):
        read_film(tmp_path)


def test_the_size_of_a_film_is_rows_and_columns():
    assert Film(RAMP, None).size == (100, 200)


def test_a_tiff_of_two_pages_is_refused(tmp_path):
    page = Image.fromarray(RAMP)
    page.save(tmp_path / "study.tif", save_all=True, append_images=[page])
    with pytest.raises(DataError, match=r"to be a single film, but found 2 pages\. Export"):
        read_film(tmp_path / "study.tif")


def test_a_file_that_may_not_be_read_is_no_film_or_one_that_fails(tmp_path, monkeypatch):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    for name in ("b.png", "c.dcm", "notes"):
        (tmp_path / name).write_bytes(b"")

    def opened(path, *args, of=Path.open, **options):
        if path.name in ("b.png", "c.dcm", "notes"):
            raise PermissionError(13, "Permission denied")
        return of(path, *args, **options)

    monkeypatch.setattr(Path, "open", opened)
    assert [path.name for path in sorted(tmp_path.iterdir()) if is_film(path)] == ["a.png", "b.png", "c.dcm"]
    for name in ("b.png", "c.dcm"):
        with pytest.raises(DataError, match=f"{name}` to be a complete"):
            read_film(tmp_path / name)


def test_a_film_of_too_many_pixels_is_refused(tmp_path, monkeypatch):
    Image.fromarray(RAMP).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", RAMP.size // 4)
    with pytest.raises(DataError, match=r"a film of at most 10,000 pixels, but found a larger one\. Export it smaller\.$"):
        read_film(tmp_path / "a.png")
