"""Published splits: where their lists are looked for, and what does not fit their films."""

import re

import pytest

from spinefm.data.problems import DataError
from spinefm.data.splits.lists import find_lists, lone_lists, read_lists

FILMS = ["a", "b", "c", "my_film_1", "1.2.840"]


def write(folder, **lists):
    folder.mkdir(parents=True, exist_ok=True)
    for split, text in lists.items():
        (folder / f"{split}.txt").write_text(text)
    return folder


def read(folder, **lists):
    problems = []
    return read_lists(find_lists(write(folder, **lists), None), FILMS, problems.append), problems


@pytest.mark.parametrize("folder", [".", "splits"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_held_out_films_are_not_trained_on_for_want_of_a_list(tmp_path, folder, split):
    write(tmp_path / folder, **{split: "a"})
    assert find_lists(tmp_path, None) == {}
    (problem,) = lone_lists(tmp_path)
    assert problem.fatal and re.search(rf"{split}\.txt` to lie beside a train\.txt, but found none\. Write one, too", str(problem))


def test_the_root_comes_before_its_folders(tmp_path):
    assert find_lists(tmp_path, None) == {}
    write(tmp_path, val="the list of another data set")
    for folder in (tmp_path / "splits", tmp_path / "data_split", tmp_path):
        write(folder, train="a")
        assert find_lists(tmp_path, None)["train"] == folder / "train.txt"


def test_a_folder_that_is_given_comes_before_all(tmp_path):
    write(tmp_path, train="a")
    mine = write(tmp_path / "mine", train="b", test="c")
    assert find_lists(tmp_path, str(mine)) == {"train": mine / "train.txt", "test": mine / "test.txt"}


def test_a_folder_that_is_given_holds_lists(tmp_path):
    write(tmp_path, train="a")
    write(tmp_path / "mine", test="a")
    with pytest.raises(DataError, match=r"mine.*train\.txt, val\.txt and test\.txt.*no train\.txt.*Correct `dataset\.splits`"):
        find_lists(tmp_path, str(tmp_path / "mine"))


@pytest.mark.parametrize(
    "train",
    [
        "a\nmy_film_1\n1.2.840",
        "a.jpg\nmy film 1.png\n1.2.840.tiff\n",
        "\ufeffa \r\n\r\nmy film 1\r\n1.2.840\r\n",
        "a\n1.2.840\na\nmy film 1",
        "imgs/a.png\nmy film 1\nimgs/1.2.840",
        "a.json\ngts/my film 1.npz\n1.2.840",
    ],
)
def test_ids_and_file_names_of_any_editor(tmp_path, train):
    assert read(tmp_path, train=train, val="b.png") == ({"a": "train", "my_film_1": "train", "1.2.840": "train", "b": "val"}, [])


def test_an_id_without_a_film_is_fatal(tmp_path):
    chosen, (problem,) = read(tmp_path, train="a\nd.png\n", test="c")
    assert chosen == {"a": "train", "c": "test"}
    assert problem.fatal and problem.path.name == "train.txt" and "'d.png', of which there is no annotated film" in str(problem)


@pytest.mark.parametrize("name", ["a.2", "a.2.png", "a.doc"])
def test_only_the_suffix_of_a_film_or_an_annotation_is_none_of_its_name(tmp_path, name):
    chosen, (problem,) = read(tmp_path, train=f"b\n{name}\n")
    assert chosen == {"b": "train"} and problem.fatal and f"{name!r}, of which there is no annotated film" in str(problem)


def test_a_film_in_two_lists_is_fatal(tmp_path):
    _, (problem,) = read(tmp_path, train="a\nb\n", test="b.jpg")
    assert problem.fatal and problem.path.name == "test.txt"
    assert str(problem).endswith("to name films of no other split, but found 'b.jpg', which is in train.txt too. Remove it from one.")


def test_a_list_in_another_encoding_is_named(tmp_path):
    (tmp_path / "train.txt").write_bytes("a\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"train\.txt` to be a text in UTF-8"):
        read_lists(find_lists(tmp_path, None), ["a"], print)
