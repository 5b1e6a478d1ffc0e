"""What is wrong with a file of a data set, in the four words a person needs: which file, what was expected, what was found, what to do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """Something about one file that is not as it should be.

    Attributes:
        path: The file or folder.
        expected: What it should be or hold, as in "Expected `path` to be ...".
        found: What it is or holds.
        remedy: What to do about it, a whole sentence.
        fatal: Whether the film cannot be used as it is; otherwise the problem was dealt with and is only worth knowing.
        film_id: The film it is about, by which `dataset.exclude` leaves it out; empty where it is about several or none.
    """

    path: Path
    expected: str
    found: str
    remedy: str
    fatal: bool = True
    film_id: str = ""

    def __str__(self) -> str:
        # A file may hold the annotations of many films.
        film = f"{self.film_id}: " if self.film_id and self.film_id not in self.path.name else ""
        return f"{film}Expected `{self.path}` {self.expected}, but found {self.found}. {self.remedy}"


Report = Callable[[Problem], None]
"""Takes the problems that do not stop a reader."""


class DataError(ValueError):
    """A film or an annotation that cannot be used; the message names the file, what was expected, what was found and a remedy."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem
