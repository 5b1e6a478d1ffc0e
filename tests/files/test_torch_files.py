"""Files of `torch.save` are read whole and safely, or refused in one sentence."""

import os
from collections import OrderedDict

import pytest
import torch

from spinefm.files.torch_files import read_torch_file
from tests.weight_store import Touch


def saved(path, content):
    torch.save(content, path)
    return path


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_a_dict_is_read(tmp_path, kind):
    path = saved(tmp_path / "a.pth", kind(bias=torch.ones(2), epoch=3))
    for place in (path, str(path)):
        found = read_torch_file(place, "state dict", "Make one.")
        assert type(found) is dict and found["epoch"] == 3 and torch.equal(found["bias"], torch.ones(2))


def test_an_open_file_is_read_in_place_of_what_lies_there_now(tmp_path):
    path = saved(tmp_path / "a.pth", {"epoch": 1})
    with path.open("rb") as opened:
        os.replace(saved(tmp_path / "b.pth", {"epoch": 2}), path)
        assert read_torch_file(path, "state dict", "Make one.", opened) == {"epoch": 1}
    assert read_torch_file(path, "state dict", "Make one.") == {"epoch": 2}


def test_a_missing_file_is_named_with_a_remedy(tmp_path):
    for path in (tmp_path, tmp_path / "absent.pth"):
        with pytest.raises(FileNotFoundError, match=rf"^No state dict at `{path}`\. Make one\.$"):
            read_torch_file(path, "state dict", "Make one.")


@pytest.mark.parametrize("content", [[], [1, 2], [("bias", 1)], torch.ones(2), None])
def test_what_is_no_dict_is_refused(tmp_path, content):
    path = saved(tmp_path / "a.pth", content)
    with pytest.raises(ValueError, match=r"^Expected a state dict at `.*a\.pth`, but could not read it as one \(TypeError\)\. Make one\.$"):
        read_torch_file(path, "state dict", "Make one.")


@pytest.mark.parametrize("is_open", [False, True])
def test_a_malicious_file_is_refused_and_not_executed(tmp_path, is_open):
    touched = tmp_path / "touched"
    path = saved(tmp_path / "a.pth", {"bias": Touch(touched)})
    with pytest.raises(ValueError, match="could not read it as one"), path.open("rb") as opened:
        read_torch_file(path, "state dict", "Make one.", opened if is_open else None)
    assert not touched.exists()
    # The trap works where it is not guarded against.
    torch.load(path, weights_only=False)
    assert touched.exists()
