"""Reading film files: PNG, JPEG, TIFF, BMP and DICOM, to 8-bit display values with bright bone."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydicom
from PIL import Image, ImageFile, ImageOps
from PIL.TiffImagePlugin import PHOTOMETRIC_INTERPRETATION, TiffImageFile
from pydicom.errors import InvalidDicomError
from pydicom.pixels.utils import pixel_array
from pydicom.uid import UID

from spinefm.data.problems import DataError, Problem
from spinefm.data.reading.dicom_display import display
from spinefm.data.reading.dicom_header import spacing_mm, view
from spinefm.data.reading.grey_values import to_uint8
from spinefm.structures import Pixels, View

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
DICOM_SUFFIXES = frozenset({".dcm", ".dicom"})
FILM_SUFFIXES = IMAGE_SUFFIXES | DICOM_SUFFIXES
LONGEST = 20
"""Sides of a film; a strip that a network brings to its size may have no pixel left across."""
FORMATS = "PNG, JPEG, TIFF, BMP or single-frame DICOM"


class Film(NamedTuple):
    """What a film file holds.

    Attributes:
        pixels: (H, W) uint8, bone bright, display window applied.
        spacing_mm: Side of a pixel; None where the file does not tell.
        view: `UNKNOWN` where the file does not tell.
    """

    pixels: Pixels
    spacing_mm: float | None
    view: View = View.UNKNOWN

    @property
    def size(self) -> tuple[int, int]:
        """(H, W) in pixels."""
        return self.pixels.shape[0], self.pixels.shape[1]


def is_film(path: Path) -> bool:
    """Whether a file is a film by its suffix, or DICOM by its beginning and no report, directory or other file without a picture."""
    return path.is_file() and (path.suffix.lower() in IMAGE_SUFFIXES or (_is_dicom(path) and _may_hold_picture(path)))


def check_film(path: Path) -> Path:
    """Make sure that a file is a film, as far as its suffix and its beginning tell.

    Raises:
        DataError: If it is none.
    """
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise _error(path, "a film", found, "Check the path.")
    if not is_film(path):
        raise _error(path, f"a {FORMATS} film", f"a file of another format ({path.suffix or 'no suffix'})", "Convert it, to PNG say.")
    return path


def read_film(path: str | Path) -> Film:
    """Read one film of any supported format.

    Raises:
        DataError: If the file is missing, truncated, of another format, too large or a mere strip, holds several frames,
            or says that its pixels are not square.
    """
    place = check_film(Path(path))
    film = _read_dicom(place) if _is_dicom(place) else Film(_read_image(place, _display), None)
    if max(film.size) > LONGEST * min(film.size):
        found = f"a strip of {film.size[1]} x {film.size[0]} pixels"
        raise _error(place, f"a film at most {LONGEST} times as long as wide", found, "Export the whole film.")
    return film


def read_thumbnail(path: str | Path, width: int, height: int) -> Pixels:
    """(height, width) uint8 grey picture of a PNG, JPEG, TIFF or BMP film; JPEGs are decoded at a reduced size, which is quick.

    Raises:
        DataError: As `read_film`.
    """

    def shrink(image: Image.Image) -> Pixels:
        image.draft("L", (2 * width, 2 * height))
        return np.asarray(Image.fromarray(_display(image)).resize((width, height), Image.Resampling.BOX))

    return _read_image(check_film(Path(path)), shrink)


def _error(path: Path, expected: str, found: str, remedy: str) -> DataError:
    return DataError(Problem(path, f"to be {expected}", found, remedy))


def _is_dicom(path: Path) -> bool:
    return path.suffix.lower() in DICOM_SUFFIXES or _begins_as_dicom(path)


def _may_hold_picture(path: Path) -> bool:
    """Of a DICOM file, by its class; one that does not say a known one is to be looked into."""
    try:
        kind = UID(str(pydicom.filereader.read_file_meta_info(path).get("MediaStorageSOPClassUID")))
    except Exception:  # The bytes of a damaged file may lead pydicom to any exception.
        return True
    return kind.name == kind or "Image Storage" in kind.name  # pydicom names an unknown class by its number


def _begins_as_dicom(path: Path) -> bool:
    """Not if the file cannot be read: whoever reads it as a film of its suffix will say so."""
    try:
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def _read_image(path: Path, convert: Callable[[Image.Image], Pixels]) -> Pixels:
    # Another library may have asked Pillow to be lenient; grey bars in place of a spine are worse than an error.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(path) as image:
            # Photographs of two pictures in one JPEG are of one film; TIFFs of several pages are of several.
            pages = image.n_frames if isinstance(image, TiffImageFile) else 1
            if pages == 1:
                return convert(image)
    except Image.DecompressionBombError as error:
        most = f"a film of at most {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels"
        raise _error(path, most, "a larger one", "Export it smaller.") from error
    except Exception as error:  # The bytes of a damaged file may lead Pillow to any exception.
        raise _error(path, "a complete image", f"one that cannot be decoded ({error})", "Copy the file again from its source.") from error
    raise _error(path, "a single film", f"{pages} pages", "Export the one that shows the spine as its own file.")


def _display(image: Image.Image) -> Pixels:
    """(H, W) display values of an opened image, upright as its EXIF orientation says."""
    # Pillow turns such TIFFs over itself where they have 8 bits or fewer, and hands on the values of others.
    min_is_white = isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith(("I", "F")):
        return to_uint8(np.asarray(upright), negative=min_is_white)
    if upright.has_transparency_data:
        # What lies under full transparency is arbitrary; a film's background is black.
        opaque = upright.convert("RGBA")
        upright = Image.alpha_composite(Image.new("RGBA", opaque.size, (0, 0, 0, 255)), opaque)
    return np.array(upright.convert("L"))


def _read_dicom(path: Path) -> Film:
    try:
        dataset = pydicom.dcmread(path)
        frames = int(dataset.get("NumberOfFrames") or 1)
        if frames == 1:
            return Film(display(pixel_array(dataset), dataset, path), spacing_mm(dataset, path), view(dataset, path))
    except DataError:
        raise
    except InvalidDicomError as error:
        found = "one that does not begin as DICOM files do" if path.stat().st_size else "an empty file"
        remedy = "Copy it again from its source; if it is like that there, export it again as a DICOM file, or as PNG."
        raise _error(path, "a complete DICOM film", found, remedy) from error
    except Exception as error:  # The bytes of a damaged file may lead pydicom to any exception.
        remedy = "Export it again, uncompressed if need be."
        raise _error(path, "a complete DICOM film", f"one that cannot be decoded ({error})", remedy) from error
    raise _error(path, "a single-frame DICOM film", f"{frames} frames", "Export the one frame that shows the spine as its own file.")
