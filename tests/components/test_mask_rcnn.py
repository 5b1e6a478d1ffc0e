"""The detector's metric, detections and weights."""

import pytest
import torch

from spinefm.components.mask_rcnn import centroid_recall
from spinefm.data.views import DetectionView
from spinefm.geometry.masks import mask_iou

BOXES = torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]])


def masks(*places, size=(40, 40)):
    """(D, H, W) with a single pixel (row, column) each."""
    probabilities = torch.zeros(len(places), *size)
    for i, (row, column) in enumerate(places):
        probabilities[i, row, column] = 0.7
    return probabilities


@pytest.mark.parametrize(
    ("places", "recall"),
    [
        ((), 0.0),
        (((5, 5),), 0.5),
        (((5, 5), (25, 25)), 1.0),
        (((5, 5), (6, 6), (7, 7)), 0.5),  # Three in one box are one vertebra.
        (((5, 25), (25, 5)), 0.0),  # Right in one coordinate only.
        (((9, 9),), 0.5),
        (((10, 9),), 0.0),  # The far edge is outside.
        (((20, 20),), 0.5),
    ],
)
def test_centroid_recall_of_hand_made_cases(places, recall):
    assert centroid_recall(masks(*places), BOXES).item() == recall


def test_an_empty_mask_hits_nothing():
    assert centroid_recall(torch.zeros(2, 40, 40), BOXES).item() == 0.0


def test_the_centroid_is_weighted_by_probability():
    probabilities = torch.zeros(1, 40, 40)
    probabilities[0, 5, 5], probabilities[0, 5, 35] = 0.9, 0.1
    assert centroid_recall(probabilities, BOXES).item() == 0.5
    probabilities[0, 5, 35] = 0.9
    assert centroid_recall(probabilities, BOXES).item() == 0.0


class Stub(torch.nn.Module):
    """Finds what it is given above the score threshold; its masks fill their boxes unless they are to be pasted."""

    def __init__(self, found):
        super().__init__()
        self.found = found
        self.roi_heads, self.transform = torch.nn.Module(), torch.nn.Module()

    def forward(self, films):
        keep = self.found["scores"] > self.roi_heads.score_thresh
        kept = {key: value[keep] for key, value in self.found.items()}
        if not self.transform.pastes_masks:
            kept["masks"] = kept["masks"].amax((1, 2, 3), keepdim=True).expand(-1, 1, 28, 28)
        return [kept for _ in films]


def found_of(target, scores):
    count = len(scores)
    return {
        "boxes": target["boxes"][:count],
        "labels": target["labels"][:count],
        "scores": torch.tensor(scores),
        "masks": target["masks"][:count, None].float(),
    }


def test_metrics_of_a_film_with_some_vertebrae_found(build, make_film, monkeypatch):
    component = build("mask_rcnn", score_threshold=0.6, mask_threshold=0.5)
    film, target = DetectionView([make_film()], training=False, seed=0).item(0, None)
    # Five of seven found, two of them below the threshold.
    component.model = Stub(found_of(target, [0.9, 0.8, 0.7, 0.5, 0.3]))
    logged = {}
    monkeypatch.setattr(component, "log", lambda name, value, **options: logged.update({name: value}))
    monkeypatch.setattr(component, "log_dict", lambda values, **options: logged.update(values))
    component.validation_step(((film,), (target,)), 0)
    component.on_validation_epoch_end()
    assert logged["val/centroid_recall"].compute().item() == pytest.approx(3 / 7)
    # 101 recall levels of which those up to 5/7 are reached, all at precision 1.
    assert logged["val/map"].item() == pytest.approx(72 / 101, abs=1e-3)
    assert logged["val/map_50"].item() == pytest.approx(72 / 101, abs=1e-3)


def test_detections_carry_score_mask_and_weighted_centroid(build, make_film):
    component = build("mask_rcnn", score_threshold=0.6, mask_threshold=0.5).eval()
    film = make_film()
    _, target = DetectionView([film], training=False, seed=0).item(0, None)
    component.model = Stub(found_of(target, [0.9, 0.7, 0.5]))
    ((first, second),) = (each.vertebrae for each in component.detect([film]))
    assert [first.confidence, second.confidence] == pytest.approx([0.9, 0.7])
    assert first.centroid == pytest.approx(film.vertebrae[0].centroid)
    assert mask_iou(first, film.vertebrae[0]) > 0.8 and first.level is None


@pytest.mark.parametrize("option", ["score_threshold", "mask_threshold"])
@pytest.mark.parametrize("value", [-0.1, 60])
def test_a_threshold_is_a_probability(build, option, value):
    with pytest.raises(ValueError, match=rf"Expected `{option}` to be 0\.\.1, but got {value}"):
        build("mask_rcnn", **{option: value})


def test_a_detection_without_a_pixel_above_the_threshold_is_dropped(build, make_film):
    component = build("mask_rcnn", score_threshold=0.0, mask_threshold=0.5).eval()
    _, target = DetectionView([make_film()], training=False, seed=0).item(0, None)
    found = found_of(target, [0.9, 0.8])
    found["masks"][0] *= 0.4
    component.model = Stub(found)
    (detections,) = component.detect([make_film()])
    assert [vertebra.confidence for vertebra in detections.vertebrae] == pytest.approx([0.8])


def test_a_films_detections_do_not_depend_on_its_neighbours(fitted, make_film):
    component = fitted("mask_rcnn")[0].eval()
    small, large = make_film("small"), make_film("large", size=(300, 200))
    alone = component.detect([small])[0].vertebrae
    together = component.detect([large, small])[1].vertebrae
    assert len(alone) > 0
    assert [(v.box, v.confidence) for v in alone] == [(v.box, v.confidence) for v in together]


def test_films_of_a_batch_may_differ_in_size(build):
    collate = build("mask_rcnn").collate
    films, targets = collate([(torch.zeros(1, 4, 5), {"a": 1}), (torch.zeros(1, 6, 7), {"a": 2})])
    assert [film.shape[1:] for film in films] == [(4, 5), (6, 7)] and targets == ({"a": 1}, {"a": 2})


def test_coco_weights_are_loaded_once_before_training(build, monkeypatch):
    loaded = []
    monkeypatch.setattr("spinefm.components.mask_rcnn.load_coco_weights", loaded.append)
    component = build("mask_rcnn", coco_weights=True)
    component.setup("test")
    assert loaded == []
    component.setup("fit")
    assert loaded == [component.model]
    build("mask_rcnn").setup("fit")
    assert len(loaded) == 1


def test_parts_of_as_many_films_are_shown_as_told(build, tiny_dataset):
    view = build("mask_rcnn", cut=0.4, surrounded=0.3).view(tiny_dataset.split("val"), training=True)
    assert (view.cut, view.surrounded) == (0.4, 0.3)
    with pytest.raises(ValueError, match=r"`cut` to be 0\.\.1, but got 2"):
        build("mask_rcnn", cut=2.0)
    with pytest.raises(ValueError, match=r"`surrounded` to be 0\.\.1, but got 2"):
        build("mask_rcnn", surrounded=2.0)
