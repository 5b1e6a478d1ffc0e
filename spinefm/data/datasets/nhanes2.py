"""NHANES II spine films (NLM), lateral cervical and lumbar, in the layout of the original SpineFM."""

from pathlib import Path
from typing import Unpack

from spinefm.data.film_source import FilmSource, check_folder, safe_id
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.data.problems import Problem, Report
from spinefm.data.reading.annotation import Annotation
from spinefm.data.reading.mask_files import find_masked_films, read_masks
from spinefm.structures import View

_VIEWS = {"C": View.LATERAL_CERVICAL, "L": View.LATERAL_LUMBAR}


class Nhanes2Dataset(FolderDataset):
    """NHANES II: `imgs/<id>.jpg` or `.tiff`, `gts/<id>_<level>.npy`, `data_split/{train,val,test}.txt`.

    Ids are C or L and the subject's number; both films of a subject count as one patient's. The split published with SpineFM
    divides subjects all the same; it is taken as it is, with a warning.

    Args:
        root: Folder that holds these.
        spacing_mm: Side of a pixel; all films were digitised at 146 dpi.
        options: See `FolderDataset`.

    Raises:
        DataError: If a folder is missing or holds no annotated film.
    """

    name = "nhanes2"
    patients_may_share = True

    def __init__(self, root: str, spacing_mm: float = 0.174, **options: Unpack[DatasetOptions]) -> None:
        folder = check_folder(Path(root).expanduser(), "the folder of NHANES II")
        films, problems = find_masked_films(folder)
        sources = list[FilmSource]()
        for stem, image, masks in films:
            film_id, view = safe_id(stem), _VIEWS.get(stem[:1].upper())
            if view is None:
                found, remedy = repr(stem), "Rename the film and its masks."
                problems.append(Problem(image, "to be called C or L and a number", found, remedy, film_id=film_id))
            else:
                sources.append(FilmSource(film_id, image, stem[1:], view, masks, spacing_mm=spacing_mm))
        super().__init__(folder, sources, problems, **options)

    def annotation(self, source: FilmSource, size: tuple[int, int], report: Report) -> Annotation:
        """See `FolderDataset.annotation`."""
        return Annotation(read_masks(source.annotations, size))
