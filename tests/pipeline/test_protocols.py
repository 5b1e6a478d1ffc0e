"""Films and their spines, side by side."""

from dataclasses import replace

from spinefm.pipeline import film_spines
from spinefm.structures import Spine


class Noting:
    """Finds nothing, and notes the readers of what it is shown."""

    def __init__(self):
        self.readers = []

    def stream(self, films):
        for film in films:
            self.readers.append(film.reader)
            yield Spine(film.film_id, film.size)


def test_films_come_with_their_spines_whatever_the_pipeline_is_shown(make_film):
    films = [replace(make_film(name), reader=reader) for name, reader in (("a", "anna"), ("b", None))]
    for shown, expected in ((None, ["anna", None]), (lambda film: replace(film, reader="ben"), ["ben", "ben"])):
        pipeline = Noting()
        pairs = list(film_spines(pipeline, iter(films), shown))
        assert [film for film, _ in pairs] == films and [spine.film_id for _, spine in pairs] == ["a", "b"]
        assert pipeline.readers == expected
