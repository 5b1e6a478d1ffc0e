"""NHANES II spine films (NLM), lateral cervical and lumbar, in the layout of the original SpineFM."""

from pathlib import Path
from typing import Unpack

from spinefm.data.dataset import safe_id
from spinefm.data.film_files import find_image, read_film
from spinefm.data.film_source import FilmSource
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset, check_folder
from spinefm.data.mask_files import FOLDER as MASK_FOLDER
from spinefm.data.mask_files import find_masks, read_masks
from spinefm.data.problems import Problem, Report
from spinefm.structures import Radiograph, View

_IMAGE_FOLDER = "imgs"
_VIEWS = {"C": View.LATERAL_CERVICAL, "L": View.LATERAL_LUMBAR}


class Nhanes2Dataset(FolderDataset):
    """NHANES II: `imgs/<id>.jpg` or `.tiff`, `gts/<id>_<level>.npy`, `data_split/{train,val,test}.txt`.

    Ids are C or L and the subject's number; both films of a subject count as one patient's. The split published with SpineFM
    divides subjects all the same; it is taken as it is, with a warning.

    Args:
        root: Folder that holds these.
        spacing_mm: Side of a pixel, where the film's file does not tell; digitised at 146 dpi.
        options: See `FolderDataset`.

    Raises:
        DataError: If a folder is missing or holds no annotated film.
    """

    name = "nhanes2"
    patients_may_share = True

    def __init__(self, root: str, spacing_mm: float = 0.174, **options: Unpack[DatasetOptions]) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of NHANES II")
        self._spacing_mm = spacing_mm
        masks, problems = find_masks(check_folder(folder / MASK_FOLDER, "the folder of its masks"))
        sources = list[FilmSource]()
        for stem, paths in masks.items():
            image, view = find_image(folder / _IMAGE_FOLDER, stem), _VIEWS.get(stem[:1].upper())
            if view is None:
                problems.append(Problem(paths[0], "to be of a film called C or L and a number", repr(stem), "Rename film and masks."))
            elif image is None:
                problems.append(Problem(paths[0], f"to have its film in {_IMAGE_FOLDER}", f"none called {stem}", "Complete the data set."))
            else:
                sources.append(FilmSource(safe_id(stem), image, stem[1:], view, paths))
        super().__init__(folder, sources, problems, **options)

    def settings(self) -> tuple[object, ...]:
        """See `FolderDataset.settings`."""
        return (self._spacing_mm,)

    def read(self, source: FilmSource, report: Report) -> Radiograph:
        """See `FolderDataset.read`."""
        film = read_film(source.image)
        vertebrae = read_masks(source.annotations, (film.pixels.shape[0], film.pixels.shape[1]))
        spacing_mm = film.spacing_mm or self._spacing_mm
        return Radiograph(source.film_id, film.pixels, vertebrae, source.view, source.patient_id, spacing_mm)
