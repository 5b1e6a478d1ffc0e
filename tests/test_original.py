"""The original's files as checkpoints of ours and back, against networks built with somebody else's code."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from torch.nn.functional import interpolate
from torchvision.models import resnet50
from torchvision.models.detection import maskrcnn_resnet50_fpn

from spinefm.components import COMPONENTS
from spinefm.conf import CONF
from spinefm.files.torch_files import write_torch_file
from spinefm.original import (
    UNUSED_KEY,
    export_original,
    find_original,
    import_original,
    original_file,
    original_key,
    our_key,
    read_original,
)
from spinefm.structures import PatchBox, Patches, Trails
from tests.originals import CLASSIFIER, DETECTOR, FILES, SAM, PointMlp, classifier, content, detector, foundation_of, scrambled, segmenter
from tests.sams import images_of, original_masks
from tests.scripts import THE_FOUR, each_of_the_four, names
from tests.weight_store import Touch, same

SHAPES = {
    "mask_rcnn": {"size": DETECTOR, "coco_weights": True, "mask_threshold": 0.9},
    "resnet": {"landmarks": [], "terminals": [], "architecture": CLASSIFIER, "input_size": 32, "normalise": False, "patch_pixels": 256},
    "point_predictor": {"coordinates": "image"},
    "sam_adapter": {"sam": SAM, "tuning": {"method": "adapter"}, "prompt": {"kind": "centre"}, "patch_pixels": 300},
}
SOME_KEYS = {
    "mask_rcnn": "backbone.body.layer1.0.bn1.running_var",
    "resnet": "conv5.1.running_mean",
    "point_predictor": "fc2.weight",
    "sam_adapter": "image_encoder.blocks.1.MLP_Adapter.D_fc2.weight",
}
NECK = "image_encoder.neck.0.weight"


def build(name, **options):
    return COMPONENTS[name](**{"optimizer": {"_target_": "torch.optim.Adam"}} | SHAPES[name] | options)


@pytest.fixture(scope="module")
def networks():
    made = {"mask_rcnn": detector(), "resnet": classifier(), "point_predictor": PointMlp(), "sam_adapter": segmenter()}
    return {name: scrambled(network) for name, network in made.items()}


@pytest.fixture(scope="module")
def folder(networks, tmp_path_factory):
    """The original's four files."""
    folder = tmp_path_factory.mktemp("original")
    for name, network in networks.items():
        torch.save(content(name, network), folder / FILES[name])
    return folder


@pytest.fixture(scope="module")
def foundation(networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("foundation") / "sam.pth"
    torch.save(foundation_of(networks["sam_adapter"]), path)
    return str(path)


@pytest.fixture(scope="module")
def components(foundation):
    """Ours, in the original's shape; a test that changes one makes its own."""
    return {name: build(name, **{"weights": foundation} if name == "sam_adapter" else {}) for name in THE_FOUR}


@pytest.fixture
def imported(foundation, tmp_path):
    """Writes a network's file, imports it, writes a checkpoint; gives the component that is loaded from it."""

    def take(name, network, **options):
        torch.save(content(name, network), tmp_path / FILES[name])
        component = build(name, **({"weights": foundation} if name == "sam_adapter" else {}) | options)
        checkpoint = import_original(component, read_original(tmp_path / FILES[name], name), tmp_path / FILES[name])
        write_torch_file(tmp_path / f"{name}.ckpt", checkpoint)
        loaded = COMPONENTS[name].load(tmp_path / f"{name}.ckpt")
        assert same(loaded.state_dict(), component.state_dict())
        return loaded

    return take


def patches_of(pixels):
    count = len(pixels)
    return Patches(pixels, (PatchBox(0, 0, 300),) * count, (60.0,) * count, ("film",) * count, (0.0,) * count, (None,) * count)


# What the imported components compute.


def masks_of(component, images):
    """(N, S, S) logits; a segmenter may give them coarser than its input."""
    logits = component.segment(patches_of(images))
    return interpolate(logits[:, None], images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]


def centres(count):
    return torch.full((count, 2), SAM["image_size"] / 2)


def test_the_segmenter_gives_the_masks_of_the_paper_s_adapters(imported, networks):
    images, network = images_of(3, SAM["image_size"]), networks["sam_adapter"]
    found, expected = masks_of(imported("sam_adapter", network), images), original_masks(network, images, centres(3))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)
    assert expected.std() > 0.01


@pytest.mark.parametrize(("adapter", "matters"), [("Space_Adapter", True), ("MLP_Adapter", True), ("Depth_Adapter", False)])
def test_space_and_mlp_adapters_matter_and_depth_adapters_do_not(imported, networks, adapter, matters):
    images, network = images_of(1, SAM["image_size"]), copy_of(networks["sam_adapter"])
    for block in network.image_encoder.blocks:
        block.get_submodule(adapter).D_fc2.weight.data.mul_(-4)
    expected, before = (original_masks(each, images, centres(1)) for each in (network, networks["sam_adapter"]))
    torch.testing.assert_close(masks_of(imported("sam_adapter", network), images), expected, rtol=0, atol=1e-5)
    assert ((expected - before).abs().max() > 1e-3) == matters


@pytest.mark.parametrize("landmarks", [[], ["C2", "S1"]])
def test_the_classifier_gives_the_probabilities_of_torchvision_s_resnet(imported, landmarks):
    network, pixels = scrambled(classifier(2 + len(landmarks), "resnet18")), images_of(4, 32)
    component = imported("resnet", network, architecture="resnet18", landmarks=landmarks, terminals=landmarks)
    assert list(component.classes) == ["background", "vertebra", *landmarks]
    with torch.no_grad():
        expected = network(pixels.repeat(1, 3, 1, 1)).softmax(1)
    torch.testing.assert_close(component.classify(patches_of(pixels)), expected, rtol=0, atol=1e-6)
    assert expected.std(0).min() > 1e-4


def test_the_point_predictor_sees_centroids_divided_by_the_size_of_the_film(imported, networks):
    sizes = torch.tensor([[500.0, 900.0], [2048.0, 2487.0]])
    centroids = sizes[:, None] * torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(0))
    found = imported("point_predictor", networks["point_predictor"]).predict_next(Trails(centroids, sizes, ("a", "b")))
    relative = torch.stack([centroids[:, :, 0] / sizes[:, :1], centroids[:, :, 1] / sizes[:, 1:]], dim=2)
    with torch.no_grad():
        expected = networks["point_predictor"](relative.reshape(2, 6)) * sizes
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)


@torch.no_grad()
def test_the_detector_finds_what_torchvision_s_mask_rcnn_finds(imported, networks):
    component, film = imported("mask_rcnn", networks["mask_rcnn"]), images_of(1, 90)[0].expand(3, -1, -1)
    (found,), (expected,) = component.model([film]), networks["mask_rcnn"]([film])
    assert len(expected["boxes"]) > 5 and len(found["boxes"]) == min(len(expected["boxes"]), 40)
    for key, value in found.items():
        torch.testing.assert_close(value, expected[key][:40], rtol=1e-6, atol=1e-5)
    assert (component.score_threshold, component.mask_threshold) == (0.6, 0.9)


# The whole size, without memory for it.


VIT_B = {"image_size": 1024, "num_multimask_outputs": 1, "encoder": {"name": "vit"}}
WHOLE = {
    "mask_rcnn": lambda classes: maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=2),
    "resnet": lambda classes: resnet50(num_classes=classes),
    "point_predictor": lambda classes: PointMlp(),
    "sam_adapter": lambda classes: segmenter(VIT_B),
}
OPTIONS = {
    "mask_rcnn": {"score_threshold": 0.6, "mask_threshold": 0.9},
    "resnet": {"input_size": 224, "normalise": False},
    "point_predictor": {"coordinates": "image"},
    "sam_adapter": {"prompt": {"kind": "foreground"}, "weights": "sam_vit_b"},
}


@pytest.fixture
def metric_without_a_device(monkeypatch):
    """Mean average precision reads its thresholds when it is made, which the meta device has not."""
    monkeypatch.setattr("spinefm.components.mask_rcnn.MeanAveragePrecision", lambda iou_type: torch.nn.Identity())


def of_the_experiment(name, dataset):
    with initialize_config_dir(CONF, version_base=None):
        config = compose("train", [f"component={name}", f"dataset={dataset}", f"experiment=paper/{dataset}/{name}"])
    return instantiate(config.component.module, _recursive_=False, _convert_="all")


def shapes(state):
    return {key: tuple(value.shape) for key, value in state.items()}


@each_of_the_four
@pytest.mark.parametrize(("dataset", "classes"), [("csxa", 2), ("nhanes2", 4)])
def test_the_experiments_have_the_keys_and_shapes_of_the_original(metric_without_a_device, name, dataset, classes):
    with torch.device("meta"):
        component, expected = of_the_experiment(name, dataset), WHOLE[name](classes).state_dict()
    assert {option: component.hparams[option] for option in OPTIONS[name]} == OPTIONS[name]
    exported = export_original(component, component, {})
    state = exported["state_dict"] if name == "sam_adapter" else exported
    # The batch normalisation of a detector that starts from COCO's weights is frozen, and counts no batches.
    counters = {key for key in expected if name == "mask_rcnn" and key.endswith(".num_batches_tracked")}
    assert shapes(state) == shapes({key: value for key, value in expected.items() if key not in counters})
    assert all(original_key(name, our_key(name, key)) == key for key in state)


@pytest.mark.parametrize(
    ("key", "ours"),
    [
        ("image_encoder.blocks.11.Space_Adapter.D_fc1.weight", "image_encoder.blocks.11.attn.adapter.down.weight"),
        ("image_encoder.blocks.0.Space_Adapter.D_fc2.bias", "image_encoder.blocks.0.attn.adapter.up.bias"),
        ("image_encoder.blocks.3.MLP_Adapter.D_fc1.bias", "image_encoder.blocks.3.mlp.adapter.down.bias"),
        ("image_encoder.blocks.3.MLP_Adapter.D_fc2.weight", "image_encoder.blocks.3.mlp.adapter.up.weight"),
        ("image_encoder.blocks.3.attn.rel_pos_h", "image_encoder.blocks.3.attn.base_layer.rel_pos_h"),
        ("image_encoder.blocks.3.mlp.lin1.weight", "image_encoder.blocks.3.mlp.base_layer.lin1.weight"),
        ("image_encoder.blocks.3.norm1.weight", "image_encoder.blocks.3.norm1.weight"),
        ("mask_decoder.transformer.layers.0.mlp.lin1.weight", "mask_decoder.transformer.layers.0.mlp.lin1.weight"),
        ("image_encoder.blocks.3", "image_encoder.blocks.3"),
        ("image_encoder.blocks.3.", "image_encoder.blocks.3."),
    ],
)
def test_only_layers_of_encoder_blocks_are_called_otherwise(key, ours):
    assert our_key("sam_adapter", key) == f"model.{ours}"
    assert original_key("sam_adapter", f"model.{ours}") == key


# Finding and reading the files.


def test_the_only_candidate_is_the_file(folder):
    assert {name: find_original(folder, name, "csxa").name for name in THE_FOUR} == FILES


def test_of_several_candidates_the_one_that_names_the_data_set_is_the_file(tmp_path):
    for name in ("MSA_300b_CSXA.pth", "MSA_600b_NHANES2.pth", "point_predictor.pth", "point_predictor_nhanes2.pth"):
        (tmp_path / name).touch()
    assert find_original(tmp_path, "sam_adapter", "csxa").name == "MSA_300b_CSXA.pth"
    assert find_original(tmp_path, "sam_adapter", "nhanes2").name == "MSA_600b_NHANES2.pth"
    assert find_original(tmp_path, "point_predictor", "nhanes2").name == "point_predictor_nhanes2.pth"


def test_a_file_that_names_the_other_data_set_is_none(tmp_path):
    (tmp_path / "MSA_300b_CSXA.pth").touch()
    with pytest.raises(FileNotFoundError, match=r"for sam_adapter and nhanes2 .* found MSA_300b_CSXA\.pth"):
        find_original(tmp_path, "sam_adapter", "nhanes2")
    (tmp_path / "MSA_600b_NHANES.pth").touch()
    assert find_original(tmp_path, "sam_adapter", "nhanes2").name == "MSA_600b_NHANES.pth"


def test_a_foundation_that_does_not_fit_is_told_before_anything_is_written(networks, tmp_path):
    network = networks["sam_adapter"]
    torch.save({"text_encoder.weight": torch.zeros(1)}, tmp_path / "foundation.pth")
    with pytest.raises(ValueError, match=r"foundation\.pth` do not fit this SAM"):
        import_original(build("sam_adapter", weights=str(tmp_path / "foundation.pth")), network.state_dict(), tmp_path)


@pytest.mark.parametrize(
    "there", [(), ("notes.txt",), ("resnet50_a.pth", "resnet50_b.pth"), ("resnet50_1_csxa.pth", "resnet50_2_csxa.pth")]
)
def test_no_candidate_or_several_are_an_error_that_lists_what_is_there(tmp_path, there):
    for name in there:
        (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError) as caught:
        find_original(tmp_path, "resnet", "csxa")
    listed = ", ".join(name for name in there if name.endswith(".pth")) or "none"
    assert str(caught.value) == f"Expected one `resnet50*.pth` for resnet and csxa in `{tmp_path}`, but found {listed}."


@each_of_the_four
def test_a_file_is_read_whole(folder, networks, name):
    assert same(read_original(folder / FILES[name], name), networks[name].state_dict())


def test_numbers_of_numpy_and_the_statistics_of_pixels_do_no_harm(foundation, networks, tmp_path):
    path = tmp_path / "MSA_300b_CSXA.pth"
    file = content("sam_adapter", networks["sam_adapter"])
    file |= {"best_tol": np.float64(0.21), "epoch": np.int64(29)}
    file["state_dict"] |= {"pixel_mean": torch.zeros(3, 1, 1), "pixel_std": torch.ones(3, 1, 1)}
    torch.save(file, path)
    state = read_original(path, "sam_adapter")
    checkpoint = import_original(build("sam_adapter", weights=foundation), state, path)
    assert {"pixel_mean", "pixel_std"} <= checkpoint[UNUSED_KEY].keys()


@each_of_the_four
def test_a_malicious_file_is_refused_and_not_executed(tmp_path, networks, name):
    whole = content(name, networks[name])
    for key in whole if name == "sam_adapter" else ["fc.bias"]:
        torch.save(whole | {key: Touch(tmp_path / "executed")}, tmp_path / "file.pth")
        with pytest.raises(ValueError, match=f"Expected a file of the original {name} at `.*file.pth`, but could not read it as one"):
            read_original(tmp_path / "file.pth", name)
    assert names(tmp_path) == {"file.pth"}


@each_of_the_four
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_file_is_refused(folder, tmp_path, name, share):
    whole = (folder / FILES[name]).read_bytes()
    (tmp_path / FILES[name]).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(ValueError, match=f"original {name} at `.*{FILES[name]}`, but could not read it.* Get it anew"):
        read_original(tmp_path / FILES[name], name)


@each_of_the_four
@pytest.mark.parametrize("found", [{"weight": 1.0}, {"state_dict": [1, 2]}, {"state_dict": {"weight": "text"}}, {0: torch.ones(1)}])
def test_what_holds_no_state_dict_is_refused(tmp_path, name, found):
    torch.save(found, tmp_path / "file.pth")
    with pytest.raises(ValueError, match=f"Expected a state dict of the original {name} in `.*file.pth`, but it holds {next(iter(found))}"):
        read_original(tmp_path / "file.pth", name)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="No file of the original resnet at"):
        read_original(tmp_path / "absent.pth", "resnet")


# What does not fit.


@each_of_the_four
def test_a_renamed_key_and_a_wrong_shape_are_named_and_nothing_is_loaded(components, networks, folder, name):
    component, key, path = components[name], SOME_KEYS[name], folder / FILES[name]
    before = {each: value.clone() for each, value in component.state_dict().items()}
    state = dict(networks[name].state_dict())
    with pytest.raises(ValueError, match="Expected the keys") as caught:
        import_original(component, {f"{each}_" if each == key else each: value for each, value in state.items()}, path)
    assert f"in `{path}`, but of them are missing ['{key}'], unexpected ['{key}_'], of another shape []" in str(caught.value)
    with pytest.raises(ValueError, match="Expected the keys") as caught:
        import_original(component, state | {key: state[key][None]}, path)
    assert f"missing [], unexpected [], of another shape ['{key}']" in str(caught.value)
    assert same(component.state_dict(), before)


@pytest.mark.parametrize(("name", "other"), [*permutations(THE_FOUR, 2)])
def test_the_file_of_another_component_is_refused(components, folder, name, other):
    with pytest.raises(ValueError, match=f"Expected .* of the original {name} in `.*{FILES[other]}`, but (of them|it holds) "):
        import_original(components[name], read_original(folder / FILES[other], name), folder / FILES[other])


def test_the_classifier_of_another_number_of_classes_is_refused(components, folder):
    with pytest.raises(ValueError, match=r"another shape \['fc.bias', 'fc.weight'\]. Is it the file of another .* number of classes"):
        import_original(components["resnet"], classifier(4).state_dict(), folder / "resnet50.pth")


# Checkpoints and the way back.


@each_of_the_four
def test_what_is_imported_is_exported_bit_for_bit(imported, components, networks, tmp_path, name):
    component = imported(name, networks[name])
    kept = torch.load(tmp_path / f"{name}.ckpt", weights_only=True)[UNUSED_KEY]
    exported = export_original(component, components[name], kept)
    assert same(exported["state_dict"] if name == "sam_adapter" else exported, networks[name].state_dict())
    assert len(kept) == (3 * 4 if name == "sam_adapter" else 0) and all(".Depth_Adapter." in key for key in kept)


def test_the_file_of_a_segmenter_is_wrapped_as_the_original_s(components):
    exported = export_original(components["sam_adapter"], components["sam_adapter"], {})
    assert list(exported) == ["epoch", "model", "optimizer", "best_tol", "path_helper", "state_dict"]


def test_a_segmenter_that_was_trained_here_gets_depth_adapters_of_zeros(components, networks):
    component, expected = components["sam_adapter"], networks["sam_adapter"].state_dict()
    state = export_original(component, component, {})["state_dict"]
    depth = {key: value for key, value in state.items() if ".Depth_Adapter." in key}
    assert shapes(state) == shapes(expected)
    assert len(depth) == 3 * 4 and not any(value.any() for value in depth.values())


def test_a_frozen_tensor_is_kept_where_it_differs_from_the_foundation_s(imported, networks, components, tmp_path):
    network = copy_of(networks["sam_adapter"])
    network.image_encoder.neck[0].weight.data[0, 0] += 1e-7
    component = imported("sam_adapter", network)
    stored = set(torch.load(tmp_path / "sam_adapter.ckpt", weights_only=True)["state_dict"])
    # The decoder's are others than the foundation's, too, whether they were trained or are of no use.
    decoder = {key for key in component.state_dict() if key.startswith("model.mask_decoder.")}
    assert stored == decoder | components["sam_adapter"].trained_keys() | {f"model.{NECK}"}
    assert torch.equal(component.state_dict()[f"model.{NECK}"], network.state_dict()[NECK])
    assert same({original_key("sam_adapter", key): value for key, value in component.state_dict().items()}, without_depth(network))


def copy_of(segmenting):
    network = segmenter()
    network.load_state_dict(segmenting.state_dict())
    return network


def without_depth(network):
    return {key: value for key, value in network.state_dict().items() if ".Depth_Adapter." not in key}


def test_a_trained_tensor_is_kept_even_where_it_equals_the_foundation_s(networks, components, tmp_path):
    network, component = networks["sam_adapter"], components["sam_adapter"]
    foundation = {key: value for key, value in network.state_dict().items() if "_Adapter." not in key}
    torch.save(foundation, tmp_path / "foundation.pth")
    checkpoint = import_original(build("sam_adapter", weights=str(tmp_path / "foundation.pth")), network.state_dict(), tmp_path)
    adapters = {key for key in component.trained_keys() if ".adapter." in key}
    assert set(checkpoint["state_dict"]) == component.trained_keys() and adapters


DIFFERENCES = {
    "architecture": ("resnet", {"architecture": "shufflenet_v2_x1_0"}, "model.network.conv5.0.weight"),
    "classes": ("resnet", {"landmarks": ["C2"]}, "model.network.fc.bias"),
    "order of the classes": ("resnet", {"landmarks": ["S1"]}, "landmarks=['S1']"),
    "normalise": ("resnet", {"normalise": True}, "normalise=True"),
    "input size": ("resnet", {"input_size": 64}, "input_size=64"),
    "patch": ("resnet", {"patch_pixels": None}, "patch_pixels=None"),
    "frame": ("point_predictor", {"coordinates": "local"}, "coordinates=local"),
    "width": ("point_predictor", {"hidden_size": 8}, "model.fc1.bias"),
    "context": ("point_predictor", {"context": 4}, "model.fc1.weight"),
    "film": ("mask_rcnn", {"size": DETECTOR | {"min_size": 32}}, "size={'backbone': 'resnet10', 'min_size': 32"),
    "statistics": ("mask_rcnn", {"coco_weights": False}, "model.backbone.body.bn1.num_batches_tracked"),
    "mask tokens": ("sam_adapter", {"sam": SAM | {"num_multimask_outputs": 3}}, "model.mask_decoder.mask_tokens.weight"),
    "windows": ("sam_adapter", {"sam": SAM | {"encoder": SAM["encoder"] | {"global_blocks": [0]}}}, "'global_blocks': [0]"),
    "pixels": ("sam_adapter", {"sam": SAM | {"pixels": "min_max"}}, "'pixels': 'min_max'"),
    "tuning": ("sam_adapter", {"tuning": {"method": "decoder_only"}}, "model.image_encoder.blocks.0.attn.adapter.down.bias"),
    "prompt": ("sam_adapter", {"prompt": {"kind": "box"}}, "prompt={'kind': 'box'}"),
}


@pytest.mark.parametrize(("name", "options", "named"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_the_original_would_not_understand_is_refused(metric_without_a_device, name, options, named):
    shape = {"landmarks": ["C2"]} if options == {"landmarks": ["S1"]} else {}
    with torch.device("meta"):
        component, like = build(name, **options), build(name, **shape)
    with pytest.raises(ValueError, match=rf"Expected a {name} in the original's shape, .*experiment=paper/<dataset>/") as caught:
        export_original(component, like, {})
    assert named in str(caught.value)


def test_files_are_called_as_the_original_calls_them():
    assert original_file("resnet", "csxa", {"fc.bias": torch.zeros(2)}) == FILES["resnet"]
    assert original_file("resnet", "nhanes2", {"fc.bias": torch.zeros(4)}) == "resnet50_4_class_224px_nhanes2.pth"
    assert [original_file(name, "csxa", {}) for name in ("mask_rcnn", "point_predictor")] == [FILES["mask_rcnn"], FILES["point_predictor"]]
    assert original_file("sam_adapter", "csxa", {}) == "MSA_CSXA.pth"
