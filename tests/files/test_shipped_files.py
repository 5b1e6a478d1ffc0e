"""Shipped files: half precision on disk, single precision in memory, verified, and refused in one sentence."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from spinefm.files.shipped_files import find_checkpoint, read_shipped_file, write_shipped_files
from spinefm.files.weight_files import sha256_of
from tests.scripts import names, rounded
from tests.weight_store import Touch, flip_a_byte

WEIGHTS = torch.tensor([[1.0, -2.5, 0.1], [65504.0, 3e-6, -0.0]])
STATE = {
    "weight": WEIGHTS,
    "turned": WEIGHTS.T,
    "shared": WEIGHTS,
    "double": WEIGHTS.double(),
    "vector": torch.tensor([1e-9, 0.1, 1e6]),
    "scalar": torch.tensor(0.1),
    "num_batches_tracked": torch.tensor(2**40 + 1),
    "flags": torch.tensor([True, False]),
}
TEXT = {"component": "resnet", "run": None, "hyper_parameters": {"seed": 0, "lr": 0.1, "landmarks": ["C2", "S1"], "size": {"ä": None}}}
REMEDY = "Make one."


def write(folder, **checkpoints):
    return write_shipped_files(folder, checkpoints or {"resnet": TEXT | {"state_dict": STATE}})


def read(path):
    return read_shipped_file(path, "resnet checkpoint", REMEDY)


@pytest.fixture
def path(tmp_path):
    (written,) = write(tmp_path)
    return written


def test_what_is_read_is_what_was_written_but_for_rounding(path):
    content = read(path)
    state = content.pop("state_dict")
    assert content == TEXT and state.keys() == STATE.keys()
    for key, value in STATE.items():
        expected = rounded(value)
        assert state[key].dtype == expected.dtype and torch.equal(state[key], expected)
    torch.testing.assert_close(state["weight"], WEIGHTS, rtol=2**-11, atol=2**-25)


def test_only_matrices_are_in_half_precision(path):
    with safe_open(path, "pt") as opened:
        kinds = {key: opened.get_tensor(key).dtype for key in STATE}
    matrices = dict.fromkeys(("weight", "turned", "shared", "double"), torch.float16)
    vectors = dict.fromkeys(("vector", "scalar"), torch.float32)
    assert kinds == matrices | vectors | {"num_batches_tracked": torch.int64, "flags": torch.bool}


def test_the_same_content_makes_the_same_file(tmp_path):
    for folder in ("one", "two"):
        write(tmp_path / folder)
    for name in ("resnet.safetensors", "SHA256SUMS"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_a_list_nothing_is_verified(path):
    (path.parent / "SHA256SUMS").unlink()
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    read(path)


# The list.


def test_the_list_is_as_sha256sum_writes_and_checks_it(tmp_path):
    written = write(tmp_path, resnet={"state_dict": STATE}, mask_rcnn={"state_dict": {"a": WEIGHTS}})
    expected = [f"{sha256_of(path)}  {path.name}" for path in sorted(written)]
    assert (tmp_path / "SHA256SUMS").read_text().splitlines() == expected
    if shutil.which("sha256sum"):
        made = subprocess.run(["sha256sum", *sorted(names(tmp_path) - {"SHA256SUMS"})], cwd=tmp_path, capture_output=True, text=True)
        assert made.stdout.splitlines() == expected
        subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True)


def test_what_is_shipped_later_joins_the_list_and_what_is_gone_leaves_it(path):
    folder, before = path.parent, sha256_of(path)
    for name in ("mask_rcnn", "sam_adapter"):
        write(folder, **{name: {"state_dict": STATE}})
    (folder / "mask_rcnn.safetensors").unlink()
    write(folder, resnet={"state_dict": {"a": WEIGHTS}})
    listed = dict(reversed(line.split()) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert listed.keys() == {"resnet.safetensors", "sam_adapter.safetensors"} and listed["resnet.safetensors"] == sha256_of(path) != before


def test_a_list_of_binary_files_is_read_too(path):
    sums = path.parent / "SHA256SUMS"
    sums.write_text(sums.read_text().replace("  ", " *"))
    assert read(path)["component"] == "resnet"


def test_another_file_than_the_listed_one_is_refused_by_both_digests(path):
    listed = sha256_of(path)
    flip_a_byte(path)
    expected = (
        rf"^Expected `{re.escape(str(path))}` to have the SHA-256 that `SHA256SUMS` beside it lists, {listed}, but found {sha256_of(path)}"
    )
    with pytest.raises(ValueError, match=expected + rf"\. Restore what was shipped, as by `git checkout -- {path.parent}`, or remove "):
        read(path)


def test_a_file_that_is_not_listed_is_refused(path):
    other = path.rename(path.with_name("mask_rcnn.safetensors"))
    with pytest.raises(ValueError, match=r"SHA256SUMS` to list `mask_rcnn\.safetensors`, but it lists resnet\.safetensors\. Restore "):
        read(other)
    (path.parent / "SHA256SUMS").write_text("")
    with pytest.raises(ValueError, match="but it lists nothing"):
        read(other)


@pytest.mark.parametrize("line", [b"<<<<<<< HEAD", b"", b"0123  resnet.safetensors", b"\xff\xfe"])
def test_a_damaged_list_is_refused(path, line):
    sums = path.parent / "SHA256SUMS"
    sums.write_bytes(line + b"\n" + sums.read_bytes())
    with pytest.raises(ValueError, match=r"Expected lines of `.*SHA256SUMS` to be a SHA-256 and a file, but found `.*`\. Restore "):
        read(path)
    with pytest.raises(ValueError, match="Expected lines of"):
        write(path.parent)


# Files that are none.


def truncated(path):
    path.write_bytes(path.read_bytes()[:-9])


def empty(path):
    path.write_bytes(b"")


def pointer(path):
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")


def pickle(path):
    torch.save({"component": "resnet", "state_dict": Touch(path.with_name("touched"))}, path)


def no_json(path):
    save_file({"a": WEIGHTS}, path, {"spinefm": "{"})


def only_a_list(path):
    save_file({"a": WEIGHTS}, path, {"spinefm": "[1, 2]"})


@pytest.mark.parametrize("make", [truncated, empty, pointer, pickle, no_json, only_a_list])
def test_what_is_none_is_refused_in_one_sentence_and_not_executed(path, make):
    (path.parent / "SHA256SUMS").unlink()
    make(path)
    with pytest.raises(ValueError, match=r"^Expected a resnet checkpoint at `.*`, but could not read it as one \(\w+\)\. Make one\.$"):
        read(path)
    assert names(path.parent) == {path.name}


def test_a_missing_one_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"^No resnet checkpoint at `{tmp_path}`\. Make one\.$"):
        read(tmp_path)


def test_tensors_of_somebody_else_say_nothing_of_themselves(tmp_path):
    save_file({"a": WEIGHTS}, tmp_path / "a.safetensors")
    assert read(tmp_path / "a.safetensors").keys() == {"state_dict"}


# What half precision cannot hold.


BEYOND = r"within half precision, ±65504, but `fc\.weight` holds {}\. Keep this one"
ASTRAY = r"to be finite, but `fc\.weight` holds {}\. Its training went astray"


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize(
    ("value", "shape", "fault"),
    [
        (65520.0, (1, 2), BEYOND),
        (-1e30, (2, 1), BEYOND),
        (float("inf"), (1, 2), ASTRAY),
        (float("nan"), (1, 2), ASTRAY),
        (float("nan"), (2,), ASTRAY),
        (float("-inf"), (2,), ASTRAY),
    ],
)
def test_a_weight_that_no_file_can_hold_is_named_and_nothing_is_written(path, value, shape, fault, double):
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}
    weight = torch.tensor([1.0, value], dtype=torch.float64 if double else torch.float32).reshape(shape)
    with pytest.raises(ValueError, match="Expected weights of sam_adapter " + fault.format(re.escape(str(weight.flatten()[1].item())))):
        write(path.parent, resnet={"state_dict": {}}, sam_adapter={"state_dict": STATE | {"fc.weight": weight}})
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


def test_what_is_there_stays_when_writing_fails(path, monkeypatch):
    before = {each.name: each.read_bytes() for each in path.parent.iterdir()}

    def full_disk(whole, content):
        with whole.open("wb") as opened:
            opened.write(content[:10])
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_bytes", full_disk)
    with pytest.raises(OSError, match="no space"):
        write(path.parent, resnet={"state_dict": {"a": WEIGHTS}})
    assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == before


# Which file it is.


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([], "resnet.ckpt"),
        (["resnet.ckpt"], "resnet.ckpt"),
        (["resnet.safetensors"], "resnet.safetensors"),
        (["resnet.safetensors", "resnet.ckpt"], "resnet.ckpt"),
        (["resnet.safetensors", "mask_rcnn.ckpt"], "resnet.safetensors"),
    ],
)
def test_ones_own_training_goes_before_what_is_shipped(tmp_path, there, expected):
    for name in there:
        (tmp_path / name).touch()
    assert find_checkpoint(tmp_path, "resnet") == find_checkpoint(str(tmp_path), "resnet") == tmp_path / expected


def test_a_folder_may_be_named_by_digits():
    assert find_checkpoint(7, "resnet") == Path("7/resnet.ckpt")


def test_a_link_of_ones_own_that_leads_nowhere_is_not_passed_over(tmp_path):
    (tmp_path / "resnet.safetensors").touch()
    (tmp_path / "resnet.ckpt").symlink_to(tmp_path / "gone.ckpt")
    assert find_checkpoint(tmp_path, "resnet") == tmp_path / "resnet.ckpt"
