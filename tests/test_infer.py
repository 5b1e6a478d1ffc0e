"""infer.py, from its command line to its files."""

import shutil
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from infer import doubt_rule, film_ids
from spinefm.data.film_source import film_ids as data_set_ids
from spinefm.files.weight_files import sha256_of
from tests.dicom_files import write_dicom
from tests.scripts import PIPELINES, ROOT, WALKING, fails, names, process, products, read_json, run


@pytest.mark.parametrize("films_at_once", [1, 4])
def test_a_cut_off_film_does_not_stop_the_others(published, films, tmp_path, films_at_once):
    output = tmp_path / "out"
    arguments = [f"input={films}", f"checkpoints={published}", *WALKING, f"output={output}", f"pipeline.films_at_once={films_at_once}"]
    told = fails("infer", tmp_path, *arguments)
    assert "1 of 3 films failed" in told and "b_cut.png" in told and "Traceback" not in told
    assert names(output) == products("a_film", "c_film")
    for film_id in ("a_film", "c_film"):
        with Image.open(films / f"{film_id}.png") as film, Image.open(output / f"{film_id}_labels.png") as labels:
            assert labels.size == film.size and labels.mode == "L"
            found = set(np.unique(np.array(labels)).tolist()) - {0}
        told = read_json(output / f"{film_id}.json")
        assert told["film_id"] == film_id
        assert found and found <= {vertebra["label"] for vertebra in told["vertebrae"]}
        for vertebra in told["vertebrae"]:
            assert {"level", "centroid", "polygon", "confidence"} <= set(vertebra)


@pytest.mark.parametrize("launched", ["trainer=ddp", "torchrun"])
def test_two_processes_write_what_one_writes(workplace, films, tmp_path, launched):
    """Every film once, its failure and what is no film told once; networks see other batches then, which may change the last digits."""
    shutil.copytree(films, tmp_path / "in")
    (tmp_path / "in" / "a_film.png").rename(tmp_path / "in" / "a_film.Png")
    for name in ("b.dcm.gz", "c.dcm.gz", "d.heic"):
        (tmp_path / "in" / name).write_bytes(b"x")
    arguments = [f"input={tmp_path / 'in'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"]]
    fails("infer", workplace, *arguments, f"output={tmp_path / 'one'}")
    launcher = [] if launched == "trainer=ddp" else ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ended = process("infer", workplace, *arguments, "trainer=ddp", f"output={tmp_path / 'two'}", launcher=launcher)
    assert ended.returncode == 1
    assert ended.stderr.count("Error: 1 of 3 films failed") == 1 and "2 of 3 films" in ended.stdout
    assert (ended.stdout + ended.stderr).count("passed over: 3 other files (2 .dcm.gz, 1 .heic).") == 1
    assert names(tmp_path / "two") == names(tmp_path / "one") == products("a_film", "c_film")
    for film_id in ("a_film", "c_film"):
        one, two = (read_json(tmp_path / folder / f"{film_id}.json") for folder in ("one", "two"))
        made_by = {"run_id": yaml.safe_load((tmp_path / "two" / "run.yaml").read_text())["run_id"], "origin": two["origin"]}
        assert two == one | made_by and two["origin"] != one["origin"]  # the number of processes is an option, too
    assert (tmp_path / "two" / "measurements.csv").read_bytes() == (tmp_path / "one" / "measurements.csv").read_bytes()


def test_an_interrupted_run_goes_on(workplace, films, tmp_path):
    """With what it had not reached; tables and failures are those of a run that was not interrupted."""
    output = tmp_path / "out"
    arguments = [f"input={films}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={output}"]
    told = fails("infer", workplace, *arguments)
    tables = {name: (output / name).read_bytes() for name in ("summary.csv", "measurements.csv")}
    first = (output / "a_film.json").read_bytes()
    for path in (*output.glob("c_film*"), *output.glob("*.csv")):
        path.unlink()
    assert fails("infer", workplace, *arguments, "keep_finished=true") == told
    assert {name: (output / name).read_bytes() for name in tables} == tables and names(output) == products("a_film", "c_film")
    assert (output / "a_film.json").read_bytes() == first
    fails("infer", workplace, *arguments, "keep_finished=true", "view=lateral")
    assert (output / "a_film.json").read_bytes() != first
    assert "`keep_finished` to be true or false, but got `no`" in fails("infer", workplace, *arguments, "keep_finished=no")


def test_two_processes_go_on_together(workplace, films, tmp_path):
    output = tmp_path / "out"
    arguments = [f"input={films}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], "trainer=ddp", f"output={output}"]
    process("infer", workplace, *arguments)
    first = (output / "a_film.json").read_bytes()
    for path in output.glob("c_film*"):
        path.unlink()
    ended = process("infer", workplace, *arguments, "keep_finished=true")
    assert ended.stdout.count("1 of 3 films are done already, and kept.") == 1 and "2 of 3 films" in ended.stdout
    assert (output / "a_film.json").read_bytes() == first and names(output) == products("a_film", "c_film")


def test_processes_started_from_outside_need_a_folder(workplace, films):
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ended = process("infer", workplace, f"input={films}", "checkpoints=checkpoints/synthetic", "trainer=ddp", launcher=launcher)
    assert ended.returncode != 0 and "Expected one output folder for all processes" in ended.stderr


def test_a_single_film_with_the_baseline(workplace, films, tmp_path):
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={films / 'a_film.png'}", *arguments)
    assert names(tmp_path / "out") == products("a_film")
    assert len(read_json(tmp_path / "out" / "a_film.json")["vertebrae"]) > 0


def test_in_lower_precision_compiled_and_with_channels_last(workplace, films, tmp_path):
    """All at once, as on a GPU; hardly trained networks see the same boxes, but not the same scores."""
    arguments = [f"input={films / 'a_film.png'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"]]
    run("infer", workplace, *arguments, f"output={tmp_path / 'plain'}")
    run("infer", workplace, *arguments, "channels_last=true", "compile=aot_eager", f"output={tmp_path / 'same'}")
    run("infer", workplace, *arguments, "trainer.precision=bf16-mixed", f"output={tmp_path / 'half'}")
    plain, same, half = (read_json(tmp_path / name / "a_film.json")["vertebrae"] for name in ("plain", "same", "half"))
    assert [v["centroid"] for v in same] == [pytest.approx(v["centroid"], abs=0.1) for v in plain]
    assert half and half != plain


def test_the_networks_are_compiled_and_laid_out_as_asked(workplace, films, tmp_path, compiled):
    arguments = [f"input={films / 'a_film.png'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"]]
    run("infer", workplace, *arguments, "channels_last=true", "compile=aot_eager", f"output={tmp_path}")
    assert compiled == [("aot_eager", True)] * 2


def test_films_of_one_name_in_two_formats_keep_apart(workplace, films, tmp_path):
    (tmp_path / "in").mkdir()
    with Image.open(films / "a_film.png") as film:
        for suffix in ("png", "jpg"):
            film.save(tmp_path / "in" / f"same.{suffix}")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={tmp_path / 'in'}", *arguments)
    assert names(tmp_path / "out") == products("same.png", "same.jpg")


def test_ids_are_those_of_data_sets_and_never_shared():
    names = ["1 A AP.jpg", "2.png", "2.dcm"]
    assert list(film_ids([Path(name) for name in names]).values()) == ["1_A_AP", "2.png", "2.dcm"]
    assert film_ids([Path(names[0])])[Path(names[0])] == data_set_ids([Path(names[0])])[0]
    uids = ["1.2.840.113619.2.5", "1.2.840.113619.2.6", "1.2.840.113619.2.6.dcm"]
    assert list(film_ids([Path(name) for name in uids]).values()) == uids
    with pytest.raises(ValueError, match=r"`a\.png` and `a\.png\.tif` would be one\. Rename"):
        film_ids([Path("a.png"), Path("a.dcm"), Path("a.png.tif")])


def test_nothing_but_pixels_is_known_of_a_film(workplace, films, tmp_path):
    shutil.copy(films / "c_film.png", tmp_path / "c_film.png")
    arguments = ["checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path / 'out'}"]
    run("infer", workplace, f"input={tmp_path / 'c_film.png'}", *arguments)
    told = read_json(tmp_path / "out" / "c_film.json")
    assert told["view"] == "unknown" and told["spacing_mm"] is None


@pytest.mark.parametrize("name", ["", "a_film.png"])
def test_results_never_lie_among_the_films(workplace, films, tmp_path, name):
    """`<id>.json` may be an annotation."""
    shutil.copytree(films, tmp_path / "in")
    (tmp_path / "in" / "a_film.json").write_text("mine")
    arguments = [f"input={tmp_path / 'in' / name}", "checkpoints=checkpoints/synthetic", f"output={tmp_path / 'in'}"]
    assert "Expected `output` to be another folder than that of the films" in fails("infer", workplace, *arguments)
    assert (tmp_path / "in" / "a_film.json").read_text() == "mine"


def test_what_made_the_results_is_written_beside_them(workplace, films, tmp_path):
    arguments = [f"input={films / 'a_film.png'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path}"]
    run("infer", workplace, *arguments)
    told, trained = yaml.safe_load((tmp_path / "run.yaml").read_text()), workplace / "checkpoints" / "synthetic" / "resnet.ckpt"
    assert set(told["components"]) == {"mask_rcnn", "resnet"} and told["components"]["resnet"]["sha256"] == sha256_of(trained)
    assert read_json(tmp_path / "a_film.json")["run_id"] == told["run_id"] is not None
    assert told["config"]["input"] == str(films / "a_film.png") and {"git_commit", "versions", "config_hash"} <= set(told)


def test_every_film_has_a_row_of_measurements_or_the_reason(workplace, films, tmp_path):
    arguments = [f"input={films}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path}"]
    fails("infer", workplace, *arguments)
    table = pd.read_csv(tmp_path / "measurements.csv")
    assert table.film_id.tolist() == ["a_film", "b_cut", "c_film"] and table.angle_deg.isna().all()
    assert pd.read_csv(tmp_path / "summary.csv").film_id.tolist() == ["a_film", "b_cut", "c_film"]
    assert table.remark[0] == table.remark[2] and "view=ap_spine" in table.remark[0] and "cannot be decoded" in table.remark[1]


def test_films_to_look_at_first_are_told(workplace, films, tmp_path, capsys):
    arguments = [f"input={films / 'a_film.png'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path}"]
    run("infer", workplace, *arguments, "doubt_below=1")
    assert "1 of them to look at first: see `doubts` in summary.csv" in capsys.readouterr().out
    (doubts,) = pd.read_csv(tmp_path / "summary.csv").doubts
    assert doubts.split("; ") == read_json(tmp_path / "a_film.json")["doubts"] and doubts.endswith(", below 1")
    assert "`doubt_below` to be 0..1" in fails("infer", workplace, *arguments, "doubt_below=2")
    assert "`doubt_below` to be a number, but got `null`" in fails("infer", workplace, *arguments, "doubt_below=null")


@pytest.mark.parametrize(("views", "usual"), [(["ap_spine"], 17), (["ap_spine", "lateral"], None), (None, None)])
def test_how_many_vertebrae_are_usual_is_known_of_one_view(views, usual):
    networks = {name: SimpleNamespace(terminals=("T1", "L5"), run={"views": views}) for name in ("resnet", "mask_rcnn")}
    assert doubt_rule(networks, 0.9).usual_number == usual
    assert doubt_rule({"unet": SimpleNamespace(run={"views": views})}, 0.9).usual_number is None


def test_the_view_of_all_films_can_be_chosen(workplace, films, tmp_path):
    arguments = [f"input={films / 'a_film.png'}", "checkpoints=checkpoints/synthetic", *PIPELINES["detector_only"], f"output={tmp_path}"]
    run("infer", workplace, *arguments, "view=ap_spine")
    told = read_json(tmp_path / "a_film.json")
    assert told["view"] == "ap_spine" and not any("view=" in reason for reason in told["measurements_left_out"])
    assert set(pd.read_csv(tmp_path / "measurements.csv").view) == {"ap_spine"}


def test_a_film_of_a_view_that_the_networks_do_not_know_does_not_stop_the_others(films, tmp_path):
    (tmp_path / "in").mkdir()
    with Image.open(films / "a_film.png") as film:
        pixels = np.array(film).astype(np.uint16) * 16
    for name, position in (("lateral", "LL"), ("front", "AP"), ("untold", "")):
        write_dicom(tmp_path / "in" / f"{name}.dcm", pixels, ViewPosition=position)
    arguments = [
        f"checkpoints={ROOT / 'checkpoints' / 'aasce'}",
        "pipeline=detector_only",
        "pipeline.score_threshold=0",
        f"output={tmp_path / 'out'}",
    ]
    told = fails("infer", tmp_path, f"input={tmp_path / 'in'}", *arguments)
    assert "lateral.dcm` to be a film of the view ap_spine" in told
    assert {read_json(tmp_path / "out" / f"{name}.json")["view"] for name in ("front", "untold")} == {"ap_spine"}
    assert not (tmp_path / "out" / "lateral.json").exists()


def test_the_view_is_checked(workplace, films, tmp_path):
    arguments = [f"input={films}", "checkpoints=checkpoints/synthetic", f"output={tmp_path}"]
    assert "one of lateral_cervical" in fails("infer", workplace, *arguments, "view=front")


def test_a_reader_nobody_has_learnt_is_refused(workplace, films, tmp_path):
    arguments = [f"input={films}", "checkpoints=checkpoints/synthetic", f"output={tmp_path}"]
    assert "`reader` to be left out, as these networks tell no readers apart" in fails("infer", workplace, *arguments, "reader=anna")


def test_outlines_are_those_of_the_reader_who_is_asked_for(learnt_from_two, films, tmp_path):
    found = {}
    for reader in ("anna", "ben", "null"):
        output = tmp_path / reader
        arguments = [f"input={films / 'c_film.png'}", f"checkpoints={learnt_from_two}", *WALKING, f"reader={reader}", f"output={output}"]
        run("infer", tmp_path, *arguments)
        told = read_json(output / "c_film.json")
        assert told["reader"] == (None if reader == "null" else reader)
        found[reader] = [vertebra["polygon"] for vertebra in told["vertebrae"]]
    assert len(found["null"]) > 5 and all(found[one] != found[other] for one, other in combinations(found, 2))
