"""What tests share: tiny films and tiny networks. Nothing here is ever downloaded."""

import shutil

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from PIL import Image

from spinefm.components import COMPONENTS
from spinefm.data.dataset import Films, RadiographDataset
from spinefm.data.synthetic import SyntheticDataset
from spinefm.geometry.masks import polygon_to_vertebra
from spinefm.models.sam import Sam, SamSize
from spinefm.structures import Radiograph
from tests.layouts.aasce import AasceLayout
from tests.scripts import BRIEF, FILMS, ROOT, flattened, run, trained_in


@pytest.fixture(autouse=True)
def no_downloads(monkeypatch):
    """Weights come from nowhere: a test that asks the network for them fails."""

    def refuse(url, *args, **kwargs):
        raise AssertionError(f"a test asked for {url}")

    monkeypatch.setattr("torch.hub.load_state_dict_from_url", refuse)
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", refuse)


@pytest.fixture(autouse=True, scope="session")
def cache_of_its_own(tmp_path_factory):
    """Films that tests read are kept where no later run finds them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPINEFM_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True, scope="session")
def wandb_stays_offline():
    """No test reaches W&B, which looks at this variable once in a process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "offline")
        yield


@pytest.fixture
def aasce_layout(tmp_path):
    return AasceLayout(tmp_path / "aasce")


def _make_film(film_id="film", levels=("T11", "T12", "L1", "L2", "L3", "L4", "L5"), size=(160, 96), spacing=18, left=40, lean=1):
    """Bright boxes of 20 x 12 pixels on noise, one below the other, each `lean` pixels further to the right."""
    seed = sum(map(ord, film_id))
    pixels = np.random.default_rng(seed).integers(30, 60, size, dtype=np.uint8)
    vertebrae = []
    for i, level in enumerate(levels):
        x, y = left + lean * i, 20 + spacing * i
        box = [(x - 10, y - 6), (x + 10, y - 6), (x + 10, y + 6), (x - 10, y + 6)]
        vertebrae.append(polygon_to_vertebra(box, size, level))
        pixels[max(y - 6, 0) : y + 6, x - 10 : x + 10] = 200
    return Radiograph(film_id, pixels, tuple(vertebrae), patient_id=film_id)


@pytest.fixture(scope="session")
def make_film():
    """A function that draws a film; see `_make_film`."""
    return _make_film


class TinyDataset(RadiographDataset):
    """A few drawn films of seven vertebrae."""

    name = "tiny"
    landmarks = ("T12", "L5")
    terminals = ("L5",)
    fingerprint = "tiny"

    def split(self, split):
        names = [f"{split}_{i}" for i in range({"train": 3, "val": 1, "test": 2}[split])]
        return Films(names, lambda name: _make_film(name, left=38 + 2 * int(name[-1])), str)


@pytest.fixture(scope="session")
def tiny_dataset():
    return TinyDataset()


GROUPS = ("sam", "tuning", "prompt")
"""Arguments of a component that come from config groups of their own."""

_ADAM = {"_target_": "torch.optim.Adam", "lr": 0.001}


@pytest.fixture(scope="session")
def tiny_modules():
    """Arguments of each component's constructor that make it tiny; the classes and terminals of `resnet` come from the data set."""
    return {
        "mask_rcnn": {
            "optimizer": _ADAM,
            "size": {
                "backbone": "resnet10",
                "min_size": 64,
                "max_size": 112,
                "fpn_channels": 8,
                "box_head_width": 16,
                "mask_head_widths": [8],
                "mask_predictor_width": 8,
                "anchor_sizes": [8, 12, 16, 24, 32],
                "proposals": 20,
                "box_samples": 16,
            },
            "coco_weights": False,
            # Networks trained for two steps are sure of nothing; like this they find something all the same.
            "score_threshold": 0.0,
            "mask_threshold": 0.0,
        },
        "resnet": {"optimizer": _ADAM, "architecture": "resnet10", "input_size": 32},
        "point_predictor": {"optimizer": _ADAM, "hidden_size": 8},
        "sam_adapter": {
            "optimizer": _ADAM,
            "tuning": {"method": "full"},
            "prompt": {"kind": "centre"},
            "sam": {
                "image_size": 32,
                "prompt_dim": 32,
                "decoder_mlp_dim": 32,
                "num_multimask_outputs": 1,
                "encoder": {
                    "name": "vit",
                    "patch_size": 8,
                    "embed_dim": 32,
                    "depth": 2,
                    "num_heads": 2,
                    "window_size": 2,
                    "global_blocks": [1],
                    "stem": "conv",
                },
            },
        },
        "unet": {"optimizer": _ADAM, "input_height": 64, "input_width": 32, "margin": 1, "widths": [4, 8, 8]},
    }


@pytest.fixture(scope="session")
def untrained(tiny_modules, tiny_dataset, tmp_path_factory):
    """A folder with an untrained component of each kind, as published."""
    folder = tmp_path_factory.mktemp("untrained")
    for name, arguments in tiny_modules.items():
        classes = {"landmarks": [*tiny_dataset.landmarks], "terminals": [*tiny_dataset.terminals]} if name == "resnet" else {}
        torch.manual_seed(0)
        component = COMPONENTS[name](**arguments | classes)
        content = {"component": name, "hyper_parameters": dict(component.hparams), "state_dict": component.state_dict()}
        torch.save(content, folder / f"{name}.ckpt")
    return folder


@pytest.fixture(scope="session")
def published(untrained, tmp_path_factory):
    """A component of each kind, as a training publishes it."""
    folder, training = tmp_path_factory.mktemp("published"), {"run_id": "1f", "git_commit": "c0", "dataset": "synthetic", "wandb_id": None}
    for name in COMPONENTS:
        content = torch.load(untrained / f"{name}.ckpt", weights_only=True)
        if name == "resnet":  # untrained, it would call everything background
            content["state_dict"]["model.network.fc.bias"][1] += 3
        torch.save(content | {"run": training, "epoch": 3, "hparams_name": "kwargs"}, folder / f"{name}.ckpt")
    return folder


@pytest.fixture(scope="session")
def learnt_from_two(published, tiny_modules, tmp_path_factory):
    """The same with a segmenter that tells the outlines of two readers apart, anna's and ben's."""
    folder = shutil.copytree(published, tmp_path_factory.mktemp("learnt_from_two"), dirs_exist_ok=True)
    content = torch.load(folder / "sam_adapter.ckpt", weights_only=True)
    torch.manual_seed(0)
    component = COMPONENTS["sam_adapter"](**tiny_modules["sam_adapter"], readers=["anna", "ben"])
    content |= {"hyper_parameters": dict(component.hparams), "state_dict": component.state_dict()}
    torch.save(content, folder / "sam_adapter.ckpt")
    return folder


@pytest.fixture(scope="session")
def shipped(published, tmp_path_factory):
    """What `python -m spinefm.ship` makes of them."""
    folder = tmp_path_factory.mktemp("shipped")
    run("ship", folder, f"checkpoints={published}", "output=out", f"components=[{','.join(COMPONENTS)}]")
    return folder / "out"


@pytest.fixture(scope="session")
def tiny(tiny_modules):
    """Overrides that make a component tiny and its training brief."""

    def overrides(name, films=FILMS):
        arguments = {key: value for key, value in tiny_modules[name].items() if key not in ("optimizer", *GROUPS)}
        sam = tiny_modules[name].get("sam")
        groups = ["foundation=sam_vit_tiny", "tuning=full", *flattened(sam, "foundation.sam")] if sam else []
        return [f"component={name}", *films, *BRIEF, *groups, *flattened(arguments, "component.module")]

    return overrides


@pytest.fixture
def tiny_sizes(tiny_modules, tmp_path):
    """By component: overrides of what makes it large, given those of an experiment; all else that it decides stays."""

    def segmenter(arguments):
        with initialize_config_dir(str(ROOT / "conf"), version_base=None):
            foundation = OmegaConf.to_container(compose("train", arguments).foundation)
        sam = foundation["sam"]
        if sam["encoder"]["name"] == "tiny_vit":  # of one size only; it has its real weights
            return ["foundation.sam.image_size=32"]
        tiny = {key: value for key, value in tiny_modules["sam_adapter"]["sam"].items() if key != "num_multimask_outputs"}
        tiny["encoder"] = tiny["encoder"] | {key: sam["encoder"][key] for key in ("name", "stem")}
        weights = tmp_path / "sam.pth"
        torch.save(Sam(SamSize(**sam | tiny | {"num_multimask_outputs": 3})).state_dict(), weights)
        return [*flattened(tiny, "foundation.sam"), *([f"foundation.weights={weights}"] if foundation["weights"] else [])]

    size = tiny_modules["mask_rcnn"]["size"]
    return {
        "mask_rcnn": lambda arguments: [*flattened(size, "component.module.size"), "component.module.coco_weights=false"],
        "resnet": lambda arguments: ["component.module.architecture=resnet10", "component.module.input_size=32"],
        "point_predictor": lambda arguments: [],
        "sam_adapter": segmenter,
        "unet": lambda arguments: [*flattened({"input_height": 64, "input_width": 32, "widths": [4, 8, 8]}, "component.module")],
    }


@pytest.fixture
def compiled(monkeypatch):
    """What would be compiled, noted instead: by which compiler, and whether all kernels lay channels last by then."""
    noted = []

    def note(module, backend):
        kernels = [each for each in module.parameters() if each.dim() == 4 and each.shape[1] > 1 and each.shape[2] > 1]
        noted.append((backend, all(each.is_contiguous(memory_format=torch.channels_last) for each in kernels)))
        assert kernels

    monkeypatch.setattr("torch.nn.Module.compile", note)
    return noted


@pytest.fixture(scope="session")
def workplace(tiny, tmp_path_factory):
    """A folder in which all components were trained."""
    return trained_in(tmp_path_factory.mktemp("workplace"), tiny)


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Tiny tensors gain nothing from threads, and on a shared machine they wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """Two films and one that was cut off while it was copied, between them in order."""
    folder = tmp_path_factory.mktemp("films")
    for name, film in zip(("a_film", "c_film"), SyntheticDataset({"test": 3}, scale=0.15).split("test")[:2], strict=True):
        Image.fromarray(film.pixels).save(folder / f"{name}.png")
    whole = (folder / "a_film.png").read_bytes()
    (folder / "b_cut.png").write_bytes(whole[: len(whole) // 2])
    return folder
