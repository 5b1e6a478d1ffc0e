"""Known weights are verified before they are opened, others come with their hash, and nothing in them is executed."""

import os
import re

import pytest
import torch

from spinefm.files import weight_files
from spinefm.files.weight_files import read_weights, sha256_of, weight_file
from tests.weight_store import STATE, Store, Touch, flip_a_byte, same


@pytest.fixture
def store(tmp_path, monkeypatch):
    return Store(tmp_path, monkeypatch)


def test_known_weights_come_with_their_hash(store):
    store.put("tiny")
    state, sha256 = read_weights("tiny")
    assert same(state, STATE) and sha256 == weight_file("tiny").sha256
    assert {value.device.type for value in state.values()} == {"cpu"}


@pytest.mark.parametrize("as_path", [False, True])
def test_one_changed_byte_is_found_every_time_and_nothing_is_opened(store, monkeypatch, as_path):
    path = store.put("tiny")
    reference = str(path) if as_path else "tiny"
    read_weights(reference)
    flip_a_byte(path)
    monkeypatch.setattr("spinefm.files.weight_files.read_torch_file", lambda *arguments: pytest.fail("it was opened"))
    for _ in range(2):
        with pytest.raises(ValueError, match=r"to be the `tiny` weights .* but found"):
            read_weights(reference)


def test_what_is_loaded_is_what_was_hashed(store, monkeypatch):
    path, check = store.put("tiny"), weight_files._verify_digest

    def swapping(*arguments):
        check(*arguments)
        os.replace(store.originals / "other.pth", path)

    monkeypatch.setattr(weight_files, "_verify_digest", swapping)
    assert same(read_weights("tiny")[0], STATE)


def test_weights_of_your_own_come_with_their_hash(store, monkeypatch):
    path = store.root / "own.pt"
    torch.save({"weight": torch.ones(1)}, path)
    monkeypatch.setenv("HOME", str(store.root))
    for reference in (str(path), "~/own.pt"):
        state, sha256 = read_weights(reference)
        assert same(state, {"weight": torch.ones(1)}) and sha256 == sha256_of(path)


def test_a_name_goes_before_a_file_of_that_name(store, monkeypatch):
    monkeypatch.chdir(store.root)
    torch.save({"weight": torch.ones(1)}, "tiny")
    store.put("tiny")
    assert same(read_weights("tiny")[0], STATE)
    assert same(read_weights("./tiny")[0], {"weight": torch.ones(1)})


@pytest.mark.parametrize("reference", ["sam", "absent.pth", ".", ""])
def test_neither_a_name_nor_a_file(store, reference):
    expected = rf"^Expected the name of known weights \(tiny, other, packed\) or the path of a file, but got `{re.escape(reference)}`\."
    with pytest.raises(FileNotFoundError, match=expected):
        read_weights(reference)


def test_known_weights_that_are_missing_name_the_command(store):
    with pytest.raises(FileNotFoundError, match=r"`python -m spinefm\.weights fetch tiny`"):
        read_weights("tiny")


@pytest.mark.parametrize("known", [False, True])
def test_a_malicious_file_is_refused_and_not_executed(store, known):
    """Even if the catalogue itself names it."""
    touched = store.root / "touched"
    path = store.publish("trap", {"weight": Touch(touched)})
    # The trap works where it is not guarded against.
    torch.load(path, weights_only=False)
    touched.unlink()
    store.put("trap")
    with pytest.raises(ValueError, match=r"^Expected a state dict at `.*trap\.pth`, but could not read it as one"):
        read_weights("trap" if known else str(path))
    assert not touched.exists()


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ({"state_dict": STATE, "epoch": 3}, r"2 of 2 entries are none, such as `state_dict`: dict"),
        (STATE | {"epoch": 3}, r"1 of 3 entries are none, such as `epoch`: int"),
        ({}, "it is empty"),
    ],
)
def test_what_holds_anything_but_tensors_is_refused(store, content, found):
    path = store.root / "own.pt"
    torch.save(content, path)
    with pytest.raises(
        ValueError, match=rf"^Expected the weights at `.*own\.pt` to be a dict of tensors, but {found}\. Give the state dict"
    ):
        read_weights(str(path))


@pytest.mark.parametrize("content", [[1, 2], [("weight", torch.ones(1))], torch.ones(2)])
def test_what_is_no_dict_is_refused(store, content):
    path = store.root / "own.pt"
    torch.save(content, path)
    with pytest.raises(ValueError, match=r"^Expected a state dict at `.*own\.pt`, but could not read it as one"):
        read_weights(str(path))


def test_weights_in_torchs_old_format_are_read(store):
    path = store.root / "old.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    assert same(read_weights(str(path))[0], STATE)
