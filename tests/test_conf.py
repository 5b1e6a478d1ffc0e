"""Configs: whatever can be chosen composes, and what it names can be built."""

import inspect
from dataclasses import asdict, fields
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from segment_anything import sam_model_registry

import train
from spinefm.components import COMPONENTS
from spinefm.data.dataset import RadiographDataset
from spinefm.data.folder_dataset import DatasetOptions, FolderDataset
from spinefm.evaluation.matching import Protocol
from spinefm.files.weight_files import catalogue
from spinefm.models.encoders import VitSize
from spinefm.models.sam import SamSize
from spinefm.models.tuning import TUNINGS
from spinefm.pipeline import InductivePipeline, OraclePipeline, OriginalPipeline
from spinefm.pipeline.original import Decisions
from spinefm.prompts import PROMPTS
from tests.scripts import each_of_the_four

CONF = Path(train.__file__).resolve().parent / "conf"
EXPERIMENTS = sorted(str(path.relative_to(CONF / "experiment").with_suffix("")) for path in (CONF / "experiment").rglob("*.yaml"))
ON_DISK = ("aasce", "aasce_test", "buu_lspine", "coco", "csxa", "labelme", "nhanes2")
DATASETS = {"synthetic": []} | {name: ["dataset.root=somewhere"] for name in ON_DISK}


def options(group):
    return sorted(path.stem for path in (CONF / group).glob("[!_]*.yaml"))


def composed(script, *overrides):
    with initialize_config_dir(str(CONF), version_base=None):
        return compose(script, list(overrides))


def of_training(component, *overrides):
    return composed("train", f"component={component}", *overrides)


def module_of(config):
    return OmegaConf.to_container(config.component.module, resolve=True)


@pytest.fixture(autouse=True)
def metric_without_a_device(monkeypatch):
    """Mean average precision reads its thresholds when it is made, which the meta device has not."""
    monkeypatch.setattr("spinefm.components.mask_rcnn.MeanAveragePrecision", lambda iou_type: torch.nn.Identity())


def built(module):
    """The component, without memory for its weights; but TinyViT looks into tensors while it is built."""
    encoder = module.get("sam", {}).get("encoder", {})
    with torch.device("cpu" if encoder.get("name") == "tiny_vit" else "meta"):
        return instantiate(module, _recursive_=False, _convert_="all")


def parameters_of(model, trained=False):
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad or not trained)


def test_there_is_a_config_for_every_component_and_data_set():
    assert set(options("component")) == set(COMPONENTS)
    assert set(options("dataset")) == set(DATASETS)


def test_experiments_are_complete():
    suites = {Path(experiment).parent.name for experiment in EXPERIMENTS}
    assert {"demo", "first_light"} <= suites
    assert {f"{suite}/{name}" for suite in ("demo", "first_light") for name in InductivePipeline.components} <= set(EXPERIMENTS)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_composes_and_builds_its_component(experiment):
    name = Path(experiment).name
    config = of_training(name, f"experiment={experiment}")
    component = built(module_of(config))
    assert isinstance(component, COMPONENTS[name])
    plain = module_of(of_training(name)), of_training(name).component.max_epochs
    assert plain != (module_of(config), config.component.max_epochs)


@pytest.mark.parametrize("kind", ["grid", "optuna"])
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_sweep_goes_with_every_experiment_of_its_component(experiment, kind):
    name = Path(experiment).name
    assert isinstance(built(module_of(of_training(name, f"sweep={name}/{kind}", f"experiment={experiment}"))), COMPONENTS[name])


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiments_optimizer_and_schedule_take_their_arguments(experiment):
    config = module_of(of_training(Path(experiment).name, f"experiment={experiment}"))
    parameters = [torch.nn.Parameter(torch.zeros(2))]
    optimizer = instantiate(config["optimizer"], params=parameters)
    assert isinstance(optimizer, torch.optim.Optimizer)
    if config["scheduler"]:
        length = {"total_steps": 10} if config["scheduler"]["_target_"].endswith("OneCycleLR") else {}
        assert hasattr(instantiate(config["scheduler"], optimizer=optimizer, **length), "step")


@pytest.mark.parametrize("name", COMPONENTS)
@pytest.mark.parametrize("dataset", DATASETS)
def test_a_components_defaults_build_it_for_every_data_set(name, dataset):
    config = of_training(name, f"dataset={dataset}", *DATASETS[dataset])
    component = built(module_of(config))
    assert isinstance(component, COMPONENTS[name])
    assert component.seed == 0
    if name == "resnet":
        assert component.classes[2:] == tuple(config.dataset.landmarks) and component.terminals == tuple(config.dataset.terminals)


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_argument_of_a_component_is_an_option_and_the_other_way_round(name):
    stated = set(of_training(name).component.module) - {"_target_"}
    assert stated == set(inspect.signature(COMPONENTS[name]).parameters)


@pytest.mark.parametrize("name", COMPONENTS)
def test_loaders_take_their_options(name):
    loader = of_training(name).component.loader
    assert set(loader) == {"batch_size", "num_workers", "max_side"}


@each_of_the_four
def test_the_papers_networks_are_the_default(name):
    """Source: arXiv:2411.00326; a demo belongs into an experiment."""
    config = module_of(of_training(name))
    component = built(config)
    count = parameters_of(component.model)
    # torchvision's Mask R-CNN with frozen normalisation, its ResNet-50, the MLP 2k+5 - 50 - 2, and ViT-B with 24 adapters.
    expected = {
        "mask_rcnn": 43_922_395,
        "resnet": 23_508_032 + 2049 * len(component.classes) if name == "resnet" else 0,
        "point_predictor": 11 * 50 + 50 + 50 * 2 + 2,
        "sam_adapter": 93_735_472 + 24 * (768 * 192 + 192 + 192 * 768 + 768),
    }
    assert count == expected[name]


FOUNDATIONS = {
    # segment_anything's own, built by its own builders, have as many; so has the published sam_vit_b_01ec64.pth.
    "sam_vit_b": ("vit_b", 93_735_472),
    "sam_vit_l": ("vit_l", 312_342_832),
    "sam_vit_h": ("vit_h", 641_090_608),
    "lite_medsam": (None, 9_791_300),
    "sam_vit_tiny": (None, None),
}


def test_there_is_a_config_for_every_choice_of_a_sam():
    assert set(options("foundation")) == set(FOUNDATIONS)
    assert set(options("tuning")) == {*TUNINGS, "original_adapter"}
    assert {of_training("sam_adapter", f"tuning={name}").tuning.method for name in options("tuning")} == set(TUNINGS)
    assert set(options("prompt")) == set(PROMPTS)


@pytest.mark.parametrize("foundation", FOUNDATIONS)
def test_a_foundation_is_a_plain_choice_and_has_the_published_size(foundation):
    config = of_training("sam_adapter", f"foundation={foundation}", "tuning=full")
    original, count = FOUNDATIONS[foundation]
    sam = built(module_of(config)).model
    if count is not None:
        assert parameters_of(sam) == count
    if original is not None:
        with torch.device("meta"):
            theirs = sam_model_registry[original]()
        assert parameters_of(theirs) == count
        assert {key: value.shape for key, value in sam.state_dict().items()} == {k: v.shape for k, v in theirs.state_dict().items()}
    assert config.foundation.weights == (None if foundation == "sam_vit_tiny" else foundation)
    assert config.foundation.weights in (None, *catalogue())
    assert module_of(config)["weights"] == config.foundation.weights


def test_the_demos_foundation_learns_from_scratch_on_a_cpu():
    demo = of_training("sam_adapter", "experiment=demo/sam_adapter")
    assert demo.foundation == of_training("sam_adapter", "foundation=sam_vit_tiny").foundation
    assert demo.tuning.method == "full" and demo.foundation.weights is None
    assert 1.5e6 < parameters_of(built(module_of(demo)).model) < 2.5e6


@pytest.mark.parametrize("foundation", FOUNDATIONS)
def test_every_field_of_a_sam_is_an_option_of_its_foundation_and_the_other_way_round(foundation):
    config = of_training("sam_adapter", f"foundation={foundation}").foundation
    assert set(config) == {"weights", "sam"}
    assert set(config.sam) == {field.name for field in fields(SamSize)}
    encoder = set(config.sam.encoder) - {"name"}
    assert encoder == ({field.name for field in fields(VitSize)} if config.sam.encoder.name == "vit" else set())


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_tuning_takes_its_options_and_builds_for_every_encoder(tuning):
    config = of_training("sam_adapter", f"tuning={tuning}")
    assert config.tuning.method == tuning
    signature = inspect.signature(TUNINGS[tuning]).parameters
    assert set(config.tuning) == {"method"} | set(signature) - {"model"}
    assert all(config.tuning[name] == parameter.default for name, parameter in signature.items() if name != "model")
    for foundation in ("sam_vit_b", "lite_medsam"):
        model = built(module_of(of_training("sam_adapter", f"tuning={tuning}", f"foundation={foundation}"))).model
        share = parameters_of(model, trained=True) / parameters_of(model)
        assert 0.9 < share < 1 if tuning == "full" else 0 < share < 0.5


@pytest.mark.parametrize(
    ("tuning", "added"),
    # Per block of 12 and 768 wide: two bottlenecks of 192, and rank 8 between 768 and 3 * 768.
    [("adapter", 24 * (768 * 192 + 192 + 192 * 768 + 768)), ("lora", 12 * 8 * (768 + 3 * 768)), ("decoder_only", 0), ("full", 0)],
)
def test_what_a_tuning_adds_to_vit_b(tuning, added):
    model = built(module_of(of_training("sam_adapter", f"tuning={tuning}"))).model
    assert parameters_of(model) == 93_735_472 + added
    if tuning != "full":
        assert parameters_of(model.image_encoder, trained=True) == added
        assert parameters_of(model, trained=True) < 0.12 * parameters_of(model)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_prompt_takes_its_options(prompt):
    config = of_training("sam_adapter", f"prompt={prompt}", "foundation=sam_vit_tiny")
    assert config.prompt.kind == prompt
    assert {name: value for name, value in config.prompt.items() if name != "kind"} == asdict(PROMPTS[prompt]())
    assert built(module_of(config)).prompt == PROMPTS[prompt]()


def test_choices_can_be_changed_on_the_command_line():
    changes = ["foundation.sam.image_size=256", "foundation.weights=my.pth", "tuning.decoder=true", "prompt=box", "prompt.width=1.5"]
    module = module_of(of_training("sam_adapter", *changes))
    assert module["sam"]["image_size"] == 256 and module["sam"]["encoder"]["embed_dim"] == 768
    assert module["weights"] == "my.pth" and module["tuning"]["decoder"] is True
    assert module["prompt"] == {"kind": "box", "width": 1.5, "height": 0.84}


def test_other_components_have_no_foundation():
    config = of_training("resnet")
    assert not {"foundation", "tuning", "prompt"} & set(config)


@pytest.mark.parametrize("dataset", DATASETS)
def test_data_sets_take_their_options(dataset):
    config = of_training("resnet", f"dataset={dataset}", *DATASETS[dataset]).dataset
    target = get_class(config._target_)
    assert issubclass(target, RadiographDataset) and target.name == dataset.removesuffix("_test")
    arguments = set(inspect.signature(target).parameters) - {"options"}
    shared = set(DatasetOptions.__annotations__) | {"root"} if issubclass(target, FolderDataset) else set()
    assert set(config) - {"_target_"} == arguments | shared
    assert set(config.terminals) <= set(config.landmarks)


@pytest.mark.parametrize("trainer", options("trainer"))
def test_trainers_take_their_options(trainer):
    config = of_training("resnet", f"trainer={trainer}").trainer
    assert set(config) - {"_target_"} <= set(inspect.signature(pl.Trainer).parameters)
    assert config.max_epochs == 15
    if trainer == "cpu":
        assert isinstance(instantiate(config, logger=False, enable_checkpointing=False), pl.Trainer)


@pytest.mark.parametrize("script", ["train", "evaluate"])
@pytest.mark.parametrize("logger", options("logger"))
def test_loggers_compose(script, logger):
    config = composed(script, "component=resnet", f"logger={logger}").logger
    assert set(config) == {"none": set(), "csv": {"csv"}}.get(logger, {"csv", logger})
    for each in config.values():
        target = get_class(each._target_)
        assert set(each) - {"_target_", "group", "job_type"} <= set(inspect.signature(target).parameters)


@pytest.mark.parametrize("script", ["evaluate", "infer"])
@pytest.mark.parametrize("pipeline", options("pipeline"))
def test_pipelines_take_their_options(script, pipeline):
    config = composed(script, f"pipeline={pipeline}").pipeline
    target = get_class(config._target_)
    arguments = set(inspect.signature(target).parameters)
    for hands_on, argument, to in ((OraclePipeline, "parts", InductivePipeline), (OriginalPipeline, "decisions", Decisions)):
        if target is hands_on:
            arguments = arguments - {argument} | set(inspect.signature(to).parameters)
    assert set(config) - {"_target_", "_partial_"} == arguments - set(target.components)
    assert set(target.components) <= set(COMPONENTS)


@pytest.mark.parametrize("pipeline", ["inductive", "detector_only", "unet"])
def test_pipelines_are_alike_from_python_and_from_conf(pipeline):
    config = composed("evaluate", f"pipeline={pipeline}").pipeline
    defaults = {name: its.default for name, its in inspect.signature(get_class(config._target_)).parameters.items()}
    options = {name: tuple(value) if OmegaConf.is_list(value) else value for name, value in config.items() if not name.startswith("_")}
    assert options == {name: default for name, default in defaults.items() if name in options}


@pytest.mark.parametrize("protocol", options("evaluation"))
def test_protocols_take_their_options(protocol):
    config = composed("evaluate", f"evaluation={protocol}").evaluation
    assert set(config) - {"_target_"} == {field.name for field in fields(Protocol)}


@pytest.mark.parametrize("name", COMPONENTS)
def test_evaluate_takes_a_component(name):
    config = composed("evaluate", f"component={name}", "checkpoints=somewhere", "output=somewhere", "tracking.name=something")
    # The record of a run holds the resolved config.
    assert OmegaConf.to_container(config, resolve=True)["component"]["module"]["seed"] == 0
