"""Label map, JSON and overlay of one film."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from skimage.draw import ellipse

from spinefm.anatomy import LEVELS
from spinefm.export.films import label_map, label_values, level_table, remove_spine, write_spine
from spinefm.geometry.masks import mask_to_vertebra, polygon_to_vertebra
from spinefm.structures import Direction, Failure, Radiograph, Spine, StopReason, Vertebra, View
from tests.scoliosis import SIZE as BENT_SIZE
from tests.scoliosis import spine as bent_spine
from tests.scripts import ROOT

SIZE = (200, 120)


def oval(y, level, confidence=0.9):
    mask = np.zeros(SIZE, dtype=bool)
    mask[ellipse(y, 60, 12, 20)] = True
    return mask_to_vertebra(mask, level=level, confidence=confidence)


@pytest.fixture
def radiograph():
    return Radiograph("film.1", np.full(SIZE, 80, dtype=np.uint8), spacing_mm=0.25)


@pytest.fixture
def spine():
    stops = {Direction.UP: StopReason.LANDMARK, Direction.DOWN: StopReason.BORDER}
    return Spine("film.1", SIZE, (oval(30, "C2"), oval(70, "T13"), oval(110, None), oval(150, None)), stops=stops)


def test_every_key_of_the_json_is_explained(radiograph, spine, tmp_path):
    write_spine(tmp_path, radiograph, spine)
    told = json.loads((tmp_path / "film.1.json").read_text())
    explained = (ROOT / "docs" / "infer.md").read_text()
    keys = [*told, *told["vertebrae"][0], *StopReason, *Failure]
    assert not [key for key in keys if not re.search(rf"`(vertebrae\[\])?\.?{key}(\[\])?(\.\w+)?`", explained)]


def read_labels(folder):
    with Image.open(folder / "film.1_labels.png") as image:
        assert image.mode == "L"
        return np.array(image)


def test_the_level_table_is_fixed():
    """Written files depend on it: changing it breaks their readers."""
    table = level_table()
    assert list(table) == list(LEVELS)
    assert [table[level] for level in ("C1", "C7", "T1", "T13", "L1", "L6", "S1")] == [1, 7, 8, 20, 21, 26, 27]


def test_labels_round_trip(tmp_path, radiograph, spine):
    write_spine(tmp_path, radiograph, spine)
    labels = read_labels(tmp_path)
    assert labels.shape == SIZE
    assert np.unique(labels).tolist() == [0, 2, 20, 101, 102]
    for vertebra, value in zip(spine.vertebrae, label_values(spine), strict=True):
        restored = mask_to_vertebra(labels == value)
        assert restored.origin == vertebra.origin
        np.testing.assert_array_equal(restored.mask, vertebra.mask)


def test_json(tmp_path, radiograph, spine):
    write_spine(tmp_path, radiograph, spine)
    content = json.loads((tmp_path / "film.1.json").read_text())
    assert content["film_id"] == "film.1"
    assert content["size"] == {"height": 200, "width": 120}
    assert (content["spacing_mm"], content["failure"], content["dark_bone"]) == (0.25, None, False)
    assert content["stops"] == {"up": "landmark", "down": "border"}
    assert (tmp_path / content["label_map"]).is_file()
    assert [found["level"] for found in content["vertebrae"]] == ["C2", "T13", None, None]
    for found, vertebra in zip(content["vertebrae"], spine.vertebrae, strict=True):
        assert found["centroid"] == pytest.approx(vertebra.centroid)
        assert found["confidence"] == 0.9


@pytest.fixture
def scoliosis():
    """A film from the front, and its spine without L4."""
    found = tuple(vertebra for vertebra in bent_spine() if vertebra.level != "L4")
    return Radiograph("bent", np.full(BENT_SIZE, 80, dtype=np.uint8), view=View.AP_SPINE), Spine("bent", BENT_SIZE, found)


def test_curves_corners_and_tilts(tmp_path, scoliosis):
    content = write_spine(tmp_path, *scoliosis)
    assert content == json.loads((tmp_path / "bent.json").read_text())
    first, main = content["curves"]
    assert (first["upper"], first["lower"], first["direction"]) == ("T1", "T6", "right")
    assert main["angle_deg"] == pytest.approx(42, abs=0.5) and main["apex"] in ("T8", "T9") and main["direction"] == "left"
    assert content["measurements_left_out"] == [
        "The curve from T10 to L3 is left out: L4, next to L3, is missing, so that it may end elsewhere."
    ]
    t6 = content["vertebrae"][5]
    assert list(t6["corners"]) == ["superior_left", "superior_right", "inferior_left", "inferior_right"]
    width = np.subtract(t6["corners"]["superior_right"], t6["corners"]["superior_left"])
    assert np.linalg.norm(width) == pytest.approx(80, abs=1.5) and width[1] > 0
    assert t6["tilt_deg"] == pytest.approx(18, abs=0.5)
    tilts = {found["level"]: found["tilt_deg"] for found in content["vertebrae"]}
    assert abs(tilts["T6"] - tilts["T10"]) == pytest.approx(main["angle_deg"], abs=0.06)


def test_a_film_of_unknown_view_has_no_curves_but_corners(tmp_path, scoliosis):
    film, spine = scoliosis
    write_spine(tmp_path, replace(film, view=View.UNKNOWN), spine)
    content = json.loads((tmp_path / "bent.json").read_text())
    assert content["curves"] == [] and "view=ap_spine" in content["measurements_left_out"][0]
    assert all(found["corners"] and found["tilt_deg"] is not None for found in content["vertebrae"])


def test_dark_bone_is_told(tmp_path, radiograph, spine):
    write_spine(tmp_path, radiograph, replace(spine, turned_over=True))
    assert json.loads((tmp_path / "film.1.json").read_text())["dark_bone"] is True


def test_polygons_cover_what_the_masks_cover(tmp_path, radiograph, spine):
    write_spine(tmp_path, radiograph, spine)
    for found, vertebra in zip(json.loads((tmp_path / "film.1.json").read_text())["vertebrae"], spine.vertebrae, strict=True):
        x, y = np.array(found["polygon"]).T
        area = abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2
        assert area == pytest.approx(vertebra.mask.sum(), rel=0.01)
        assert (x.mean(), y.mean()) == pytest.approx(vertebra.centroid, abs=0.5)
        np.testing.assert_array_equal(polygon_to_vertebra(found["polygon"], SIZE).mask, vertebra.mask)


@pytest.mark.parametrize(("first", "second", "winner"), [(0.9, 0.5, 3), (0.5, 0.9, 4), (0.7, 0.7, 4)])
def test_the_more_confident_wins_an_overlap(first, second, winner):
    spine = Spine("film.1", SIZE, (oval(60, "C3", first), oval(70, "C4", second)))
    assert label_map(spine)[65, 60] == winner


def test_masks_over_the_border_are_cut(radiograph, tmp_path):
    outside = Vertebra(np.ones((20, 20), dtype=bool), (300, 300), (310.0, 310.0), "C4")
    spine = Spine("film.1", SIZE, (Vertebra(np.ones((20, 20), dtype=bool), (-5, 190), (5.0, 200.0), "C3"), outside))
    write_spine(tmp_path, radiograph, spine)
    assert (read_labels(tmp_path) > 0).sum() == 15 * 10


def test_a_failed_film_gets_its_files_too(tmp_path, radiograph):
    write_spine(tmp_path, radiograph, Spine("film.1", SIZE, failure=Failure.TOO_FEW_DETECTIONS))
    content = json.loads((tmp_path / "film.1.json").read_text())
    assert (content["failure"], content["vertebrae"]) == ("too_few_detections", [])
    assert not read_labels(tmp_path).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.1.json", "film.1_labels.png", "film.1_overlay.jpg"]


@pytest.mark.parametrize("ending", ["_labels.png", "_overlay.jpg", ".json"])
def test_a_film_has_all_its_files_or_none(tmp_path, radiograph, spine, ending):
    (tmp_path / f"film.1{ending}").mkdir()  # of somebody's own
    with pytest.raises(OSError, match=re.escape(f"film.1{ending}")):
        write_spine(tmp_path, radiograph, spine)
    assert [path.name for path in tmp_path.iterdir()] == [f"film.1{ending}"]


def test_a_film_that_cannot_be_written_again_has_no_files(tmp_path, radiograph, spine, monkeypatch):
    """Else it would have the new labels and the earlier JSON."""
    write_spine(tmp_path, radiograph, spine)
    monkeypatch.setattr("spinefm.export.films.write_json", cannot_write)
    with pytest.raises(OSError, match="no room"):
        write_spine(tmp_path, radiograph, spine)
    assert not list(tmp_path.iterdir())


def cannot_write(path, content):
    raise OSError("no room")


def test_only_the_files_of_a_film_are_removed(tmp_path, radiograph, spine):
    write_spine(tmp_path, radiograph, spine)
    write_spine(tmp_path, replace(radiograph, film_id="film.10"), replace(spine, film_id="film.10"))
    remove_spine(tmp_path, "film.1")
    (tmp_path / "film.2.json").write_text("an annotation")
    remove_spine(tmp_path, "film.2")
    (tmp_path / "film.2.json").unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.10.json", "film.10_labels.png", "film.10_overlay.jpg"]


def test_the_spine_of_another_film_is_an_error(tmp_path, radiograph, spine):
    with pytest.raises(ValueError, match="got that of `other`"):
        write_spine(tmp_path, radiograph, replace(spine, film_id="other"))
