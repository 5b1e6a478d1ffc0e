"""conf/experiment/paper against the recipe of arXiv:2411.00326, value by value; what it leaves open is not asked for."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from spinefm.data.views import TrailView
from spinefm.data.views.sampling import ItemKey
from tests.scripts import ROOT, each_of_the_four

ADAM, CONSTANT = {"_target_": "torch.optim.Adam"}, {}
RECIPES = {
    "mask_rcnn": {
        "optimizer": {"_target_": "torch.optim.SGD", "lr": 0.005, "momentum": 0.9, "weight_decay": 5e-4},
        "scheduler": {"_target_": "torch.optim.lr_scheduler.StepLR", "step_size": 3, "gamma": 0.1},
        "size": {},
        "coco_weights": True,
        "augment": False,
        "score_threshold": 0.6,
        "mask_threshold": 0.9,
        "batch_size": 4,
        "max_epochs": 10,
    },
    "resnet": {
        "optimizer": ADAM | {"lr": 1e-3},
        "scheduler": CONSTANT,
        "architecture": "resnet50",
        "input_size": 224,
        "normalise": False,
        "augment": False,
        "background": "pixels",
        "label_smoothing": 0.0,
        "repeats": {},
        "batch_size": 32,
        "max_epochs": 15,
    },
    "point_predictor": {
        "optimizer": ADAM | {"lr": 1e-3},
        "scheduler": CONSTANT,
        "context": 3,
        "hidden_size": 50,
        "coordinates": "image",
        "jitter": 0.0,
        "augment": False,
        "max_epochs": 10_000,
    },
    "sam_adapter": {
        "optimizer": ADAM | {"lr": 1e-4},
        "scheduler": CONSTANT,
        "weights": "sam_vit_b",
        "tuning": {"method": "adapter", "initialisation": "original", "decoder": False},
        "prompt": {"kind": "foreground"},
        "positive_weight": 2.0,
        "dice_weight": 0.0,
        "loss_resolution": "logits",
        "augment": False,
        "jitter": 0.0,
        "repeats": {},
        "max_epochs": 100,
    },
}
OF_DATASETS = {
    "csxa": {"resnet": {"landmarks": [], "terminals": [], "patch_pixels": 256}, "sam_adapter": {"patch_pixels": 300}},
    "nhanes2": {
        "resnet": {"landmarks": ["C2", "S1"], "terminals": ["C2", "S1"], "patch_pixels": 512},
        "sam_adapter": {"patch_pixels": 600},
    },
}


def composed(dataset, name):
    """Options of the component, of its loader, and its epochs, side by side."""
    overrides = [f"component={name}", f"dataset={dataset}", "dataset.root=somewhere", f"experiment=paper/{dataset}/{name}"]
    with initialize_config_dir(str(ROOT / "conf"), version_base=None):
        config = OmegaConf.to_container(compose("train", overrides).component, resolve=True)
    return config["module"] | config["loader"] | {"max_epochs": config["max_epochs"]}


@pytest.mark.parametrize("dataset", OF_DATASETS)
@each_of_the_four
def test_an_experiment_has_the_papers_values(dataset, name):
    expected = RECIPES[name] | OF_DATASETS[dataset].get(name, {})
    found = composed(dataset, name)
    assert {key: found[key] for key in expected} == expected
    assert found["max_side"] is None


def test_the_papers_segmenter_sees_1024_pixels_as_they_are_and_gives_one_mask():
    sam = composed("csxa", "sam_adapter")["sam"]
    assert (sam["image_size"], sam["pixels"], sam["num_multimask_outputs"]) == (1024, "unit", 1)
    assert (sam["encoder"]["embed_dim"], sam["encoder"]["depth"]) == (768, 12)


def test_an_epoch_of_the_papers_point_predictor_is_one_step_on_all_runs_of_four(make_film):
    """As many films as NHANES II has in training, of as many vertebrae as both of its views have at most."""
    films = [make_film(levels=("C2", "C3", "C4", "C5", "C6", "C7", "T1"))] * 378
    view = TrailView(films, True, 0, context=3, jitter=0.0, augment=False)
    assert len(view) == 378 * 4 * 2 <= composed("nhanes2", "point_predictor")["batch_size"]
    assert view.__getitems__([ItemKey(0, 0)]).centroids.shape == (1, 3, 2)
