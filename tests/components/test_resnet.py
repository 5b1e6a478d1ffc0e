"""The patch classifier's classes, metric and probabilities."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torchmetrics.functional.classification import multiclass_accuracy

from spinefm.components import ResNetComponent
from spinefm.components.resnet import MeanAccuracy
from spinefm.data.views import PatchVariation
from spinefm.data.views.background import BACKGROUNDS
from spinefm.geometry.framing import LEAST_FILMS
from spinefm.ship import shippable
from spinefm.structures import PatchBox, Patches


def test_class_names_travel_in_the_checkpoint(fitted):
    loaded = ResNetComponent.load(fitted("resnet")[2])
    assert loaded.classes == ("background", "vertebra", "T12", "L5")
    assert loaded.terminals == ("L5",)


def test_how_the_films_of_each_reader_are_framed_travels_in_the_checkpoint(build, make_film, tmp_path):
    levels = ("T12", "L1", "L2", "L3", "L4", "L5")
    films = [
        replace(make_film(str(index), levels=levels), reader="Ada" if index < LEAST_FILMS else None) for index in range(LEAST_FILMS + 2)
    ]
    component = build("resnet", terminals=["T12", "L5"])
    component.learn_from(films)
    checkpoint = {"hyper_parameters": dict(component.hparams), "state_dict": component.state_dict()}
    component.on_save_checkpoint(checkpoint)
    torch.save(checkpoint, tmp_path / "resnet.ckpt")
    loaded = ResNetComponent.load(tmp_path / "resnet.ckpt")
    assert loaded.readers == component.readers == ("Ada",)
    own, stored, shipped = component.framings["Ada"].known, loaded.framings["Ada"].known, shippable(tmp_path / "resnet.ckpt", "resnet")
    assert own.shape == (LEAST_FILMS, 2) and (own == stored).all() and (own == shipped["framings"]["Ada"]).all()


def test_how_films_are_framed_is_learnt_when_a_training_begins(build, fit, tiny_dataset, monkeypatch):
    learnt = []
    monkeypatch.setattr(ResNetComponent, "learn_from", lambda component, films: learnt.append(len(films)))
    fit(build("resnet"), steps=1)
    assert learnt == [len(tiny_dataset.split("train"))]


def test_terminals_must_be_landmarks(build):
    with pytest.raises(ValueError, match=r"\['T12', 'L5'\], but got \['S1'\]"):
        build("resnet", terminals=["S1"])


def test_accuracy_is_the_mean_over_the_classes_that_occur(build, monkeypatch):
    component = build("resnet")
    component.model = nn.Identity()
    logged = {}
    monkeypatch.setattr(component, "log", lambda name, value, **options: logged.update({name: value}))
    labels = torch.tensor([0, 0, 0, 0, 1])
    predicted = nn.functional.one_hot(torch.tensor([0, 0, 2, 1, 1]), 4).float()
    component.validation_step((predicted, labels), 0)
    # Background 2 of 4, vertebra 1 of 1; the landmarks do not occur, though one of them is found.
    assert logged["val/accuracy"].compute().item() == pytest.approx((0.5 + 1.0) / 2)


def test_accuracy_is_torchmetrics_where_all_classes_occur():
    generator = torch.Generator().manual_seed(0)
    found, true = (torch.randint(5, (200,), generator=generator) for _ in range(2))
    assert MeanAccuracy(5)(found, true).item() == pytest.approx(multiclass_accuracy(found, true, 5, average="macro").item())


@pytest.mark.parametrize(("option", "named"), [({"landmarks": ["T12", "c2"]}, "'c2'"), ({"repeats": {"Foo": 3}}, "'Foo'")], ids=str)
def test_what_is_no_level_is_refused(build, option, named):
    with pytest.raises(ValueError, match=f"a level between C1 and S1 .* but got {named}"):
        build("resnet", terminals=[], **option)


def test_weights_there_are_none_of_are_refused_before_films_are_read(build):
    with pytest.raises(ValueError, match=r"of resnet18 to be null or .*DEFAULT, but got `BEST`"):
        build("resnet", architecture="resnet18", weights="BEST").check()


def test_a_landmark_named_twice_is_refused(build):
    with pytest.raises(ValueError, match="different levels"):
        build("resnet", landmarks=["T12", "L5", "T12"])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_loss_is_cross_entropy(build, monkeypatch, smoothing):
    component = build("resnet", label_smoothing=smoothing)
    component.model = nn.Identity()
    monkeypatch.setattr(component, "log", lambda *args, **options: None)
    logits, labels = torch.tensor([[2.0, 0, 0, 0], [0, 0, 1, 0]]), torch.tensor([0, 1])
    log_p = logits - logits.exp().sum(1, keepdim=True).log()
    target = nn.functional.one_hot(labels, 4) * (1 - smoothing) + smoothing / 4
    expected = -(target * log_p).sum(1).mean()
    torch.testing.assert_close(component.training_step((logits, labels), 0), expected)


def test_classify_gives_probabilities_whatever_the_batch(fitted):
    component = fitted("resnet")[0].eval()
    pixels = torch.rand(3, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    boxes = (PatchBox(0, 0, 32),) * 3
    together = component.classify(Patches(pixels, boxes, (10.0,) * 3, ("a", "b", "c"), (0.0,) * 3, (None,) * 3))
    assert together.shape == (3, 4)
    torch.testing.assert_close(together.sum(1), torch.ones(3))
    alone = component.classify(Patches(pixels[1:2], boxes[1:2], (10.0,), ("b",), (0.0,), (None,)))
    torch.testing.assert_close(together[1:2], alone, rtol=0, atol=1e-5)


def test_pretrained_weights_are_loaded_before_training_only(build, monkeypatch):
    component = build("resnet", weights="DEFAULT")
    loaded = []
    monkeypatch.setattr(component.model, "load_pretrained", loaded.append)
    component.setup("test")
    assert loaded == []
    component.setup("fit")
    assert loaded == ["DEFAULT"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"background": "ring"}, "`background` to be one of spacings, pixels, but got `ring`"),
        ({"background": "pixels"}, "`patch_pixels` with `background=pixels`.*but got none"),
        ({"variation": {"max_rotation": -1.0}}, "`max_rotation` to be 0 to 180 degrees, but got -1"),
    ],
)
def test_options_of_the_view_are_refused_by_name(build, options, said):
    with pytest.raises(ValueError, match=said):
        build("resnet", **options)


def test_background_and_augmentation_reach_the_view(build, tiny_dataset):
    films = tiny_dataset.split("val")
    assert build("resnet").view(films, True).background_point is BACKGROUNDS["spacings"]
    options = {"augment": False, "variation": {"max_rotation": 35.0, "exposure": "wide", "rods": 0.1, "cut": 0.2, "surrounded": 0.3}}
    view = build("resnet", background="pixels", patch_pixels=40, **options).view(films, True)
    assert view.background_point is BACKGROUNDS["pixels"] and not view.augments
    assert view.variation == PatchVariation(35.0, "wide", 0.1, 0.2, 0.3)


def test_rods_for_which_there_is_no_film_are_refused(build, tiny_dataset):
    with pytest.raises(ValueError, match="films from the front"):
        build("resnet", variation={"rods": 0.1}).view(tiny_dataset.split("val"), True)
