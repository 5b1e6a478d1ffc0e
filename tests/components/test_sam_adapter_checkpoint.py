"""Checkpoints of a tuned foundation: only what was trained, rebuilt bit for bit, and never on another foundation."""

import re
from pathlib import Path

import pytest
import torch

from spinefm.components import SamAdapterComponent
from spinefm.files.shipped_files import write_shipped_files
from spinefm.files.weight_files import sha256_of
from spinefm.models.sam import Sam, SamSize
from spinefm.models.tuning import is_added
from spinefm.structures import PatchBox, Patches
from spinefm.training.checkpoints import resume_from
from spinefm.training.publish import publish_checkpoint
from tests.sams import randomise
from tests.scripts import rounded
from tests.weight_store import Store

TUNINGS = {
    "adapter": {"method": "adapter"},
    "original initialisation": {"method": "adapter", "initialisation": "original"},
    "adapters in the decoder": {"method": "adapter", "decoder": True},
    "lora": {"method": "lora", "rank": 2},
    "decoder_only": {"method": "decoder_only"},
}
every_tuning = pytest.mark.parametrize("name", TUNINGS)


def save_foundation(path, sam, **changes):
    torch.manual_seed(5)
    torch.save(randomise(Sam(SamSize(**sam | changes))).state_dict(), path)
    return path


@pytest.fixture(scope="module")
def foundation(tiny_modules, tmp_path_factory):
    """Weights of a tiny SAM."""
    return save_foundation(tmp_path_factory.mktemp("foundation") / "sam.pth", tiny_modules["sam_adapter"]["sam"])


READERS = ["anna", "ben"]


@pytest.fixture(scope="module")
def tuned(build, fit, foundation, tmp_path_factory):
    """(component, checkpoint path) by way of tuning, each trained when first asked for."""
    folder, done = tmp_path_factory.mktemp("tuned"), {}

    def get(name):
        if name not in done:
            prompt = {"kind": "box"} if name == "decoder_only" else {"kind": "centre"}
            component = build("sam_adapter", tuning=TUNINGS[name], weights=str(foundation), prompt=prompt, readers=READERS)
            path = folder / f"{name}.ckpt"
            fit(component).save_checkpoint(path)
            done[name] = component, path
        return done[name]

    return get


def logits(component):
    generator, side = torch.Generator().manual_seed(7), component.input_size
    return component.segment(
        Patches(
            torch.rand(2, 1, side, side, generator=generator),
            (PatchBox(0, 0, 40),) * 2,
            (15.0, 12.0),
            ("a",) * 2,
            (0.0,) * 2,
            (READERS[1], None),
        )
    )


def stored(path):
    return torch.load(path, weights_only=True)


def changed(path, tmp_path, change):
    """A copy of a checkpoint to which something was done."""
    content = stored(path)
    change(content)
    torch.save(content, tmp_path / "changed.ckpt")
    return tmp_path / "changed.ckpt"


@every_tuning
def test_it_holds_what_was_trained_and_which_foundation_it_belongs_to(tuned, foundation, name):
    component, path = tuned(name)
    content = stored(path)
    trained = {key for key, parameter in component.named_parameters() if parameter.requires_grad}
    assert set(content["state_dict"]) == trained
    assert {key for key, _ in component.named_parameters() if is_added(key)} <= trained
    assert all(torch.equal(value, component.state_dict()[key]) for key, value in content["state_dict"].items())
    assert content["foundation_sha256"] == sha256_of(foundation)
    assert content["component"] == "sam_adapter"
    assert content["hyper_parameters"]["weights"] == str(foundation) and content["hyper_parameters"]["tuning"] == TUNINGS[name]


@every_tuning
def test_it_rebuilds_the_component_bit_for_bit(tuned, tmp_path, name):
    component, path = tuned(name)
    published = publish_checkpoint(path, "sam_adapter", tmp_path)
    for each in (path, published):
        loaded = SamAdapterComponent.load(each)
        assert loaded.hparams == component.hparams and loaded.prompt == component.prompt and not loaded.training
        state = component.state_dict()
        assert loaded.state_dict().keys() == state.keys()
        assert all(torch.equal(value, state[key]) for key, value in loaded.state_dict().items())
        expected = logits(component.eval())
        assert expected.std() > 0.01 and torch.equal(logits(loaded), expected)


def test_it_is_much_smaller_than_what_it_rebuilds(build, fit, tiny_modules, tmp_path):
    """As soon as most of a network is its encoder, as in the real ones."""
    sam = tiny_modules["sam_adapter"]["sam"]
    sam = sam | {"encoder": sam["encoder"] | {"embed_dim": 64, "depth": 12}}
    foundation = save_foundation(tmp_path / "sam.pth", sam)
    component = build("sam_adapter", sam=sam, tuning={"method": "lora"}, weights=str(foundation))
    fit(component, steps=1).save_checkpoint(tmp_path / "whole.ckpt")
    published = publish_checkpoint(tmp_path / "whole.ckpt", "sam_adapter", tmp_path)
    assert published.stat().st_size < 0.3 * foundation.stat().st_size


@pytest.mark.parametrize(
    ("in_foundation", "in_component"), [({"image_size": 64}, {}), ({}, {"image_size": 48}), ({"num_multimask_outputs": 3}, {})], ids=str
)
def test_a_foundation_of_another_shape_is_fitted_in_the_same_way_again(build, fit, tiny_modules, tmp_path, in_foundation, in_component):
    sam = tiny_modules["sam_adapter"]["sam"]
    foundation = save_foundation(tmp_path / "sam.pth", sam, **in_foundation)
    component = build("sam_adapter", sam=sam | in_component, tuning={"method": "adapter"}, weights=str(foundation))
    fit(component).save_checkpoint(tmp_path / "sam_adapter.ckpt")
    loaded, state = SamAdapterComponent.load(tmp_path / "sam_adapter.ckpt"), component.state_dict()
    assert all(torch.equal(value, state[key]) for key, value in loaded.state_dict().items())
    assert torch.equal(logits(loaded), logits(component.eval()))


@pytest.fixture
def moved(tuned, tmp_path):
    """A checkpoint whose foundation lies at a path of this test, where there is nothing yet."""
    foundation = tmp_path / "moved.pth"
    return changed(tuned("adapter")[1], tmp_path, lambda content: content["hyper_parameters"].update(weights=str(foundation))), foundation


def test_another_foundation_in_the_same_place_is_refused_by_both_hashes(moved, foundation):
    checkpoint, path = moved
    path.write_bytes(foundation.read_bytes())
    SamAdapterComponent.load(checkpoint)
    weights = stored(foundation)
    weights["image_encoder.blocks.0.norm1.weight"][3] += 1e-4
    torch.save(weights, path)
    hashes = [sha256_of(foundation), sha256_of(path)]
    assert hashes[0] != hashes[1]
    with pytest.raises(
        ValueError, match=rf"Expected the foundation weights with SHA-256 {hashes[0]}.*`{re.escape(str(path))}` has {hashes[1]}"
    ):
        SamAdapterComponent.load(checkpoint)


def test_a_missing_foundation_is_named(moved):
    checkpoint, path = moved
    with pytest.raises(FileNotFoundError, match=rf"`{re.escape(str(path))}`.*python -m spinefm\.weights"):
        SamAdapterComponent.load(checkpoint)


def test_a_missing_foundation_of_the_catalogue_comes_with_its_remedy(tuned, tmp_path):
    checkpoint = changed(tuned("adapter")[1], tmp_path, lambda content: content["hyper_parameters"].update(weights="sam_vit_b"))
    with pytest.raises(FileNotFoundError, match=r"No `sam_vit_b` weights at .*https://.*python -m spinefm\.weights fetch sam_vit_b"):
        SamAdapterComponent.load(checkpoint)


def test_a_foundation_known_by_name_is_found_wherever_it_is_kept(build, fit, foundation, tmp_path, monkeypatch):
    store = Store(tmp_path, monkeypatch)
    store.publish("ours", stored(foundation))
    store.put("ours")
    component = build("sam_adapter", tuning={"method": "adapter"}, weights="ours")
    fit(component, steps=1).save_checkpoint(tmp_path / "sam_adapter.ckpt")
    assert stored(tmp_path / "sam_adapter.ckpt")["hyper_parameters"]["weights"] == "ours"
    moved = store.folder.parent.rename(tmp_path / "elsewhere")
    monkeypatch.setenv("SPINEFM_CACHE", str(moved))
    assert torch.equal(logits(SamAdapterComponent.load(tmp_path / "sam_adapter.ckpt")), logits(component.eval()))


@every_tuning
def test_every_trained_key_that_is_missing_is_named(tuned, tmp_path, name):
    missing = ["model.mask_decoder.iou_token.weight", "model.mask_decoder.transformer.layers.1.norm2.bias"]
    missing += [key for key in stored(tuned(name)[1])["state_dict"] if is_added(key)][:1]

    def remove(content):
        for key in missing:
            del content["state_dict"][key]

    with pytest.raises(ValueError, match=re.escape(f"these keys are missing: {sorted(missing)}")):
        SamAdapterComponent.load(changed(tuned(name)[1], tmp_path, remove))


@pytest.mark.parametrize("fault", ["unexpected", "of another shape"])
def test_a_key_that_does_not_fit_is_named(tuned, tmp_path, fault):
    key = "model.mask_decoder.iou_token.weight" if fault == "of another shape" else "model.image_encoder.blocks.9.mlp.adapter.up.bias"
    checkpoint = changed(tuned("adapter")[1], tmp_path, lambda content: content["state_dict"].update({key: torch.zeros(3)}))
    with pytest.raises(ValueError, match=rf"(?s)Expected a sam_adapter checkpoint at `.*changed\.ckpt`.*{re.escape(key)}"):
        SamAdapterComponent.load(checkpoint)


def test_a_checkpoint_that_does_not_say_which_foundation_is_refused(tuned, tmp_path):
    checkpoint = changed(tuned("adapter")[1], tmp_path, lambda content: content.pop("foundation_sha256"))
    with pytest.raises(ValueError, match=r"Expected a checkpoint of a tuned foundation, but .* holds a whole network"):
        SamAdapterComponent.load(checkpoint)


def test_another_way_of_tuning_does_not_read_it(tuned, tmp_path):
    checkpoint = changed(tuned("lora")[1], tmp_path, lambda content: content["hyper_parameters"].update(tuning={"method": "adapter"}))
    with pytest.raises(ValueError, match=r"missing.*adapter\.down\.weight"):
        SamAdapterComponent.load(checkpoint)


def test_full_tuning_stores_everything_and_needs_no_foundation_afterwards(build, fit, foundation, tmp_path):
    weights = tmp_path / "sam.pth"
    weights.write_bytes(foundation.read_bytes())
    component = build("sam_adapter", tuning={"method": "full"}, weights=str(weights))
    fit(component).save_checkpoint(tmp_path / "full.ckpt")
    weights.unlink()
    content = stored(tmp_path / "full.ckpt")
    assert content["state_dict"].keys() == component.state_dict().keys() and "foundation_sha256" not in content
    assert torch.equal(logits(SamAdapterComponent.load(tmp_path / "full.ckpt")), logits(component.eval()))


def test_a_relative_path_of_the_foundation_is_kept_as_an_absolute_one(build, foundation, monkeypatch):
    monkeypatch.chdir(foundation.parent)
    component = build("sam_adapter", tuning={"method": "decoder_only"}, weights=foundation.name)
    component.setup("fit")
    assert component.hparams["weights"] == str(foundation)


def test_weights_that_moved_with_a_checkpoint_are_found_beside_it(tuned, tmp_path):
    component, path = tuned("adapter")
    content = stored(path)
    foundation = content["hyper_parameters"]["weights"]
    content["hyper_parameters"]["weights"] = "/nowhere/sam.pth"
    torch.save(content, tmp_path / "moved.ckpt")
    with pytest.raises(
        FileNotFoundError, match=rf"moved\.ckpt` tunes .* SHA-256 {sha256_of(foundation)}; put them beside it\. .*/nowhere/sam\.pth"
    ):
        SamAdapterComponent.load(tmp_path / "moved.ckpt")
    (tmp_path / "sam.pth").write_bytes(Path(foundation).read_bytes())
    assert torch.equal(logits(SamAdapterComponent.load(tmp_path / "moved.ckpt")), logits(component.eval()))


@pytest.mark.parametrize("changes", [{"prompt": {"kind": "box"}}, {"tuning": {"method": "lora", "rank": 2, "alpha": 1.0}}])
def test_a_run_is_not_resumed_with_other_settings(tuned, build, foundation, tiny_dataset, changes):
    _, path = tuned("lora")
    settings = {"tuning": TUNINGS["lora"], "weights": str(foundation), "prompt": {"kind": "centre"}, "readers": READERS}
    resume_from(path, build("sam_adapter", **settings), tiny_dataset)
    with pytest.raises(ValueError, match=f"Expected the settings of the run .* {next(iter(changes))}="):
        resume_from(path, build("sam_adapter", **settings | changes), tiny_dataset)


def test_a_run_resumes_that_was_begun_before_a_setting_came(tuned, build, foundation, tiny_dataset, tmp_path):
    content = stored(tuned("lora")[1])
    del content["hyper_parameters"]["variation"]
    torch.save(content, tmp_path / "last.ckpt")
    settings = {"tuning": TUNINGS["lora"], "weights": str(foundation), "prompt": {"kind": "centre"}, "readers": READERS}
    resume_from(tmp_path / "last.ckpt", build("sam_adapter", **settings), tiny_dataset)
    with pytest.raises(ValueError, match=r"they were other ones: variation=None\."):
        resume_from(tmp_path / "last.ckpt", build("sam_adapter", **settings, variation={"rods": 0.5}), tiny_dataset)


def test_a_run_that_goes_on_begins_with_no_other_weights(tuned, build, foundation, tiny_dataset, monkeypatch):
    trained, path = tuned("lora")
    component = build("sam_adapter", tuning=TUNINGS["lora"], weights=str(foundation), readers=READERS)
    resume_from(path, component, tiny_dataset)
    monkeypatch.setattr(type(component), "load_weights", None)
    component.setup("fit")
    content = stored(path)
    component.on_load_checkpoint(content)  # as Lightning does
    component.load_state_dict(content["state_dict"])
    assert torch.equal(logits(component.eval()), logits(trained.eval()))


@every_tuning
def test_a_training_begins_with_what_was_tuned(build, tuned, foundation, name):
    trained, path = tuned(name)
    settings = {"tuning": TUNINGS[name], "weights": str(foundation), "prompt": trained.hparams["prompt"], "readers": READERS}
    component = build("sam_adapter", **settings)
    component.start_from(path)
    component.setup("fit")
    assert component.foundation_sha256 == sha256_of(foundation) and torch.equal(logits(component.eval()), logits(trained.eval()))


@pytest.mark.parametrize(
    ("readers", "told"),
    [
        (READERS, None),
        ([*reversed(READERS)], "`{1}` with those of `{0}`, `{0}` with those of `{1}`"),
        (["x", READERS[1]], "`x` with those of `{0}`, `{1}` with those of `{1}`"),
        (None, None),
    ],
)
def test_it_is_told_with_whose_outlines_other_readers_begin(build, tuned, foundation, caplog, readers, told):
    trained, path = tuned("lora")
    component = build("sam_adapter", tuning=TUNINGS["lora"], weights=str(foundation), prompt=trained.hparams["prompt"], readers=readers)
    component.start_from(path)
    expected = told and f"in the same places: {told.format(*READERS)}. If others"
    assert expected in caplog.text if expected else "in the same places" not in caplog.text


# A checkpoint as the foundation.


@pytest.fixture(scope="module")
def whole(build, fit, tiny_modules, tmp_path_factory):
    """(component, path of its checkpoint), fully trained, with convolutions for detail."""
    component = build("sam_adapter", sam=tiny_modules["sam_adapter"]["sam"] | {"detail": 4})
    path = tmp_path_factory.mktemp("whole") / "sam_adapter.ckpt"
    fit(component).save_checkpoint(path)
    return component, path


def ship(path, folder):
    content = stored(path)
    kept = {key: content[key] for key in ("component", "state_dict", "foundation_sha256") if key in content}
    return write_shipped_files(folder, {"sam_adapter": kept})[0]


@pytest.mark.parametrize("method", ["full", "adapter"])
@pytest.mark.parametrize("shipped", [False, True])
def test_a_training_starts_from_a_whole_network(build, fit, whole, tmp_path, shipped, method):
    trained, path = whole
    path = ship(path, tmp_path) if shipped else path
    component = build("sam_adapter", sam=trained.hparams["sam"], tuning={"method": method}, weights=str(path))
    component.setup("fit")
    assert component.foundation_sha256 == sha256_of(path)
    state = {key.replace(".base_layer.", "."): value for key, value in component.state_dict().items()}
    for key, value in trained.state_dict().items():
        assert torch.equal(state[key], rounded(value) if shipped else value)
    fit(component).save_checkpoint(tmp_path / "next.ckpt")
    loaded = SamAdapterComponent.load(tmp_path / "next.ckpt")
    assert torch.equal(logits(loaded), logits(component.eval()))


@pytest.mark.parametrize("shipped", [False, True])
@every_tuning
def test_no_training_starts_from_a_part_of_a_network(build, tuned, foundation, tmp_path, name, shipped):
    path = ship(tuned(name)[1], tmp_path) if shipped else tuned(name)[1]
    component = build("sam_adapter", tuning={"method": "full"}, weights=str(path))
    expected = (
        rf"^Expected a whole network in `{re.escape(str(path))}`, but it holds .* SHA-256 {sha256_of(foundation)} alone\. Give a checkpoint"
    )
    with pytest.raises(ValueError, match=expected):
        component.setup("fit")


def test_no_training_starts_from_another_component(build, untrained):
    component = build("sam_adapter", tuning={"method": "full"}, weights=str(untrained / "resnet.ckpt"))
    with pytest.raises(ValueError, match=r"^Expected a sam_adapter checkpoint at `.*resnet\.ckpt`, but it is of resnet"):
        component.setup("fit")
