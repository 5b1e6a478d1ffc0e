"""`convert-original` and `export-original`, as users run them, on tiny files."""

import functools
import shutil

import pytest
import pytorch_lightning as pl
import torch
from hydra import compose

from spinefm import weights
from spinefm.components import COMPONENTS
from spinefm.original import FILES as PATTERNS
from spinefm.original import our_key
from tests.originals import FILES, TINY, PointMlp, classifier, content, detector, foundation_of, scrambled, segmenter
from tests.scripts import THE_FOUR, each_of_the_four, error_of, names, run_weights
from tests.weight_store import Store, Touch, same

EXPORTED = FILES | {"sam_adapter": "MSA_CSXA.pth"}


@functools.cache
def composed(script, overrides):
    return compose(script, list(overrides))


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A working folder of its own; what was composed once is not composed again, for that is half of a command's time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPINEFM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "compose", lambda script, overrides: composed(script, tuple(overrides)))
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run a subcommand; gives what it prints."""

    def call(*arguments):
        run_weights(*arguments)
        return capsys.readouterr().out

    return call


def fails(*arguments):
    """Run a subcommand, which has to fail; gives what it says, in one line."""
    said = error_of(run_weights, *arguments)
    assert "\n" not in said
    return said.removeprefix("Error: ")


@pytest.fixture(scope="module")
def networks():
    made = {"mask_rcnn": detector(), "resnet": classifier(), "point_predictor": PointMlp(), "sam_adapter": segmenter()}
    return {name: scrambled(network) for name, network in made.items()}


@pytest.fixture(scope="module")
def contents(networks):
    return {name: content(name, network) for name, network in networks.items()}


@pytest.fixture(scope="module")
def originals(contents, tmp_path_factory):
    folder = tmp_path_factory.mktemp("originals")
    for name, held in contents.items():
        torch.save(held, folder / FILES[name])
    return folder


@pytest.fixture
def folder(originals, place):
    """A copy of the original's four files, to be spoilt."""
    return shutil.copytree(originals, place / "files")


@pytest.fixture(scope="module")
def foundation(networks, tmp_path_factory):
    """The override that names the weights the segmenter was tuned from."""
    path = tmp_path_factory.mktemp("foundation") / "sam.pth"
    torch.save(foundation_of(networks["sam_adapter"]), path)
    return f"foundation.weights={path}"


@pytest.fixture
def store(place, networks, monkeypatch):
    """A store that knows `sam_vit_b`: what the segmenter was tuned from."""
    store = Store(place, monkeypatch)
    store.publish("sam_vit_b", foundation_of(networks["sam_adapter"]))
    return store


def read(path):
    return torch.load(path, weights_only=True)


def state_of(component, held):
    return held["state_dict"] if component == "sam_adapter" else held


def test_there_and_back_is_the_same_bit_for_bit(run, originals, place, foundation, contents):
    told = run("convert-original", originals, "dataset=csxa", *TINY, foundation)
    assert [line.partition(", ")[0] for line in told.splitlines()] == [
        f"{FILES[name]}: checkpoints/original_csxa/{name}.ckpt" for name in THE_FOUR
    ]
    assert [line.partition("without use here: ")[2] for line in told.splitlines()] == ["nothing"] * 3 + ["12 tensors"]
    loaded = {name: COMPONENTS[name].load(f"checkpoints/original_csxa/{name}.ckpt") for name in THE_FOUR}
    assert (loaded["sam_adapter"].patch_rule.pixels, loaded["resnet"].patch_rule.pixels) == (300, 256)
    assert list(loaded["resnet"].classes) == ["background", "vertebra"]

    told = run("export-original", "checkpoints/original_csxa", "dataset=csxa", *TINY, foundation)
    assert told.splitlines() == [f"{name}: original/{EXPORTED[name]}" for name in THE_FOUR]
    assert names(place / "original") == set(EXPORTED.values())
    for name, file in EXPORTED.items():
        assert same(state_of(name, read(place / "original" / file)), state_of(name, contents[name]))


def test_the_files_of_nhanes2_are_told_from_those_of_csxa(run, folder, place, foundation, networks):
    for name, file in {"mask_rcnn": "mask_rcnn_nhanes2.pth", "sam_adapter": "MSA_NHANES2.pth"}.items():
        torch.save(content(name, scrambled(networks[name], seed=1)), folder / file)
    torch.save(scrambled(classifier(4)).state_dict(), folder / "resnet50_4_class_224px_NHANES2.pth")
    told = run("convert-original", folder, "dataset=nhanes2", *TINY, foundation, "--output", place / "out")
    assert [line.partition(":")[0] for line in told.splitlines()] == [
        "mask_rcnn_nhanes2.pth",
        "resnet50_4_class_224px_NHANES2.pth",
        "point_predictor.pth",
        "MSA_NHANES2.pth",
    ]
    loaded = {name: COMPONENTS[name].load(place / "out" / f"{name}.ckpt") for name in THE_FOUR}
    assert (loaded["sam_adapter"].patch_rule.pixels, loaded["resnet"].patch_rule.pixels) == (600, 512)
    assert list(loaded["resnet"].classes) == ["background", "vertebra", "C2", "S1"] and loaded["resnet"].terminals == ("C2", "S1")


def test_foundation_weights_beside_the_files_are_taken_into_the_store(run, folder, place, store):
    shutil.copy(store.originals / "sam_vit_b.pth", folder)
    told = run("convert-original", folder, "dataset=csxa", *TINY)
    assert told.startswith(f"sam_vit_b: {store.folder}/sam_vit_b.pth\n") and store.kept() == ["sam_vit_b.pth"]
    component = COMPONENTS["sam_adapter"].load("checkpoints/original_csxa/sam_adapter.ckpt")
    assert (component.weights, component.foundation_sha256) == ("sam_vit_b", store.entries["sam_vit_b"]["sha256"])


def test_missing_foundation_weights_are_named_with_their_address(originals, place, store):
    said = fails("convert-original", originals, "dataset=csxa", *TINY)
    assert said.startswith(
        f"No `sam_vit_b` weights at `{store.folder}/sam_vit_b.pth`. Get them from http://127.0.0.1:1/sam_vit_b.pth with "
    )
    assert "`python -m spinefm.weights fetch sam_vit_b`, or bring the file from elsewhere" in said
    assert not (place / "checkpoints").exists()


def test_a_foundation_file_that_is_not_what_it_is_called_is_refused(folder, place, store):
    (folder / "sam_vit_b.pth").write_bytes(b"half")
    assert f"Expected `{folder}/sam_vit_b.pth` to be one of " in fails("convert-original", folder, "dataset=csxa", *TINY)
    assert store.kept() == [] and not (place / "checkpoints").exists()
    store.put("sam_vit_b")
    weights._import_foundations(folder)  # The store has the right one: this one is not looked at.


# Nothing half-converted: the segmenter is the last to be read.


def absent(path, held, elsewhere):
    path.unlink()


def truncated(path, held, elsewhere):
    path.write_bytes(path.read_bytes()[:-100])


def malicious(path, held, elsewhere):
    torch.save(held | {"epoch": Touch(elsewhere / "executed")}, path)


def renamed(path, held, elsewhere):
    state = state_of("sam_adapter" if "state_dict" in held else "", held)
    key, value = next(iter(state.items()))
    state = {f"{key}.": value} | {each: value for each, value in state.items() if each != key}
    torch.save(held | {"state_dict": state} if "state_dict" in held else state, path)


def another_s(path, held, elsewhere):
    torch.save({"fc1.weight": torch.ones(2)}, path)


FAULTS = {
    absent: "Expected one `{pattern}` for {name} and csxa in `{folder}`, but found ",
    truncated: "Expected a file of the original {name} at `{path}`, but could not read it as one",
    malicious: "Expected a file of the original {name} at `{path}`, but could not read it as one",
    renamed: "Expected the keys of the original {name} in `{path}`, but of them are missing ['",
    another_s: "Expected ",
}
CASES = [(fault, "sam_adapter") for fault in FAULTS] + [(malicious, name) for name in THE_FOUR if name != "sam_adapter"]


@pytest.mark.parametrize(("fault", "name"), CASES)
def test_one_bad_file_of_four_is_named_and_nothing_is_written(folder, place, foundation, contents, fault, name):
    path = folder / FILES[name]
    fault(path, contents[name], place)
    said = fails("convert-original", folder, "dataset=csxa", *TINY, foundation)
    assert said.startswith(FAULTS[fault].format(name=name, path=path, folder=folder, pattern=PATTERNS[name]))
    assert names(place) == {"files"}


def test_two_candidates_are_an_error_that_names_both(folder, place):
    shutil.copy(folder / FILES["sam_adapter"], folder / "MSA_CSXA.pth")
    said = fails("convert-original", folder, "dataset=csxa")
    assert "Expected one `MSA*.pth` for sam_adapter and csxa" in said and "MSA_300b_CSXA.pth, MSA_CSXA.pth" in said
    assert names(place) == {"files"}


@pytest.mark.parametrize("command", ["convert-original", "export-original"])
@pytest.mark.parametrize(
    ("overrides", "got"),
    [(["seed=1"], "none"), (["dataset=aasce"], "['aasce']"), (["dataset=csxa", "dataset=nhanes2"], "['csxa', 'nhanes2']")],
)
def test_the_data_set_has_to_be_one_of_two(place, command, overrides, got):
    assert fails(command, place, *overrides) == f"Expected one of dataset=csxa, dataset=nhanes2, but got {got}."


@pytest.mark.parametrize("command", ["convert-original", "export-original"])
def test_a_folder_that_is_not_there_is_named(place, command):
    assert "`absent" in fails(command, "absent", "dataset=csxa", *TINY)


def test_an_option_that_no_component_has_is_refused(originals, foundation):
    said = fails("convert-original", originals, "dataset=csxa", *TINY, foundation, "++component.module.backbone=a")
    assert "unexpected keyword argument 'backbone'" in said


@each_of_the_four
@pytest.mark.parametrize(
    ("override", "owners"),
    [
        ("component.module.landmarks=[S1,C2]", ["resnet"]),
        ("++component.module.size.backbone=resnet10", ["mask_rcnn"]),
        ("component.module.patch_pixels=280", ["resnet", "sam_adapter"]),
        ("component.module.seed=3", [*THE_FOUR]),
        ("foundation=sam_vit_l", ["sam_adapter"]),
        ("foundation.weights=sam.pth", ["sam_adapter"]),
        ("tuning.decoder=true", ["sam_adapter"]),
        ("dataset.root=films", [*THE_FOUR]),
    ],
)
def test_an_override_is_for_the_components_that_have_the_option(name, override, owners):
    assert weights._is_for(name, override) == (name in owners)


# Components that were trained here.


@pytest.fixture
def trained(place, foundation):
    """A folder of checkpoints as Lightning writes them."""
    for name in THE_FOUR:
        component = scrambled(weights._original_component(name, "csxa", ["dataset=csxa", *TINY, foundation]), seed=5)
        if name == "sam_adapter":
            component.setup("fit")
        trainer = pl.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False)
        trainer.strategy.connect(component)
        trainer.save_checkpoint(place / "trained" / f"{name}.ckpt")
    return place / "trained"


def test_components_that_were_trained_here_fit_the_original_s_networks(run, trained, place, foundation):
    run("export-original", trained, "dataset=csxa", *TINY, foundation, "--output", place / "out")
    for name, network in {
        "mask_rcnn": detector(),
        "resnet": classifier(),
        "point_predictor": PointMlp(),
        "sam_adapter": segmenter(),
    }.items():
        state = state_of(name, read(place / "out" / EXPORTED[name]))
        network.load_state_dict(state, strict=True)
        depth = [value for key, value in state.items() if ".Depth_Adapter." in key]
        assert len(depth) == (12 if name == "sam_adapter" else 0) and not any(value.any() for value in depth)
        own = COMPONENTS[name].load(trained / f"{name}.ckpt").state_dict()
        assert same(own, {key: value for key, value in named_as_ours(name, state).items() if ".Depth_Adapter." not in key})


def named_as_ours(name, state):
    return {our_key(name, key): value for key, value in state.items()}


def test_one_of_four_that_has_not_the_original_s_shape_is_named_and_nothing_is_exported(trained, place, foundation):
    spoilt = read(trained / "point_predictor.ckpt")
    spoilt["hyper_parameters"]["coordinates"] = "local"
    torch.save(spoilt, trained / "point_predictor.ckpt")
    said = fails("export-original", trained, "dataset=csxa", *TINY, foundation, "--output", place / "out")
    assert said.startswith("Expected a point_predictor in the original's shape, but these differ: coordinates=local. Train it with ")
    (trained / "point_predictor.ckpt").unlink()
    said = fails("export-original", trained, "dataset=csxa", *TINY, foundation, "--output", place / "out")
    assert said.startswith(f"No point_predictor checkpoint at `{trained}/point_predictor.ckpt`.")
    assert names(place) == {"trained"}
