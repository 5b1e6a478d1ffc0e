"""evaluate.py, from its command line to its files."""

import math

import pandas as pd
import pytest

from spinefm.components import COMPONENTS
from spinefm.data.convert import write_labelme
from spinefm.data.reading.film_table import FilmRow, write_film_table
from spinefm.data.synthetic import SyntheticDataset
from spinefm.files.weight_files import sha256_of
from tests.scripts import (
    FILMS,
    ORACLES,
    PIPELINES,
    THE_FOUR,
    WALKING,
    every_component,
    fails,
    names,
    process,
    read_json,
    run,
    run_folder,
    same_weights,
    trained_in,
    weights,
)


@pytest.fixture(scope="module")
def evaluated(workplace, tmp_path_factory):
    """The folder of each pipeline's evaluation."""
    folders = {pipeline: tmp_path_factory.mktemp(pipeline) for pipeline in PIPELINES}
    for pipeline, folder in folders.items():
        run("evaluate", workplace, *FILMS, *PIPELINES[pipeline], f"output={folder}")
    return folders


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_the_pipeline_is_evaluated_on_every_film(evaluated, pipeline):
    folder = evaluated[pipeline]
    assert {"results.json", "vertebrae.csv", "report.html", "overlays", "run.json"} <= names(folder)
    results = read_json(folder / "results.json")
    truth = list(SyntheticDataset({"test": 3}, scale=0.15).split("test"))
    assert results["num_images"] == 3 and results["num_vertebrae"] == sum(len(film.vertebrae) for film in truth)
    rates = ["identification_rate", "labelled_identification_rate", "dice_identified", "dice_all", "false_positives_per_image"]
    assert all("value" in results[rate] for rate in rates) and "per_level" in results and "num_failures" in results
    assert names(folder / "overlays") - {"films"} == names(folder / "overlays" / "films") == {f"{film.film_id}.jpg" for film in truth}
    rows = pd.read_csv(folder / "vertebrae.csv")
    assert len(rows) >= results["num_vertebrae"]


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_an_evaluation_names_the_trainings_of_what_it_loads(workplace, evaluated, pipeline):
    named = read_json(evaluated[pipeline] / "run.json")["components"]
    assert list(named) == list({"detector_only": ("mask_rcnn", "resnet"), "unet": ("unet",)}.get(pipeline, THE_FOUR))
    report = (evaluated[pipeline] / "report.html").read_text()
    for name, origin in named.items():
        assert origin["run_id"] == read_json(run_folder(workplace, name) / "run.json")["run_id"] and origin["run_id"] in report
        assert origin["sha256"] == sha256_of(workplace / "checkpoints" / "synthetic" / f"{name}.ckpt") and origin["sha256"] in report


def test_hardly_trained_networks_find_something(evaluated):
    """Else the tests of repeatability below would compare nothing."""
    results = read_json(evaluated["detector_only"] / "results.json")
    assert results["num_failures"] < 3
    assert len(pd.read_csv(evaluated["detector_only"] / "vertebrae.csv")) > results["num_vertebrae"]


def test_the_same_commands_give_the_same_results(workplace, evaluated, tiny, tmp_path):
    trained_in(tmp_path, tiny)
    for pipeline, folder in evaluated.items():
        run("evaluate", tmp_path, *FILMS, *PIPELINES[pipeline], f"output={pipeline}")
        assert (tmp_path / pipeline / "results.json").read_bytes() == (folder / "results.json").read_bytes()
        assert (tmp_path / pipeline / "vertebrae.csv").read_bytes() == (folder / "vertebrae.csv").read_bytes()
    for name in COMPONENTS:
        first, second = (folder / "checkpoints" / "synthetic" / f"{name}.ckpt" for folder in (workplace, tmp_path))
        assert same_weights(weights(first), weights(second))


def test_results_do_not_depend_on_the_batch(workplace, tmp_path):
    """With oracles, since hardly trained networks begin no walk."""
    for number in (1, 8):
        run("evaluate", workplace, *FILMS, *ORACLES, f"pipeline.films_at_once={number}", f"output={tmp_path / str(number)}")
    single, together = (pd.read_csv(tmp_path / number / "vertebrae.csv") for number in ("1", "8"))
    assert single.identified.mean() > 0.9
    pd.testing.assert_frame_equal(single, together, atol=1e-4)


def test_two_processes_walk_as_one_does(workplace, tmp_path):
    """With oracles, since hardly trained networks begin no walk; coordinates may differ in their last digits."""
    run("evaluate", workplace, *FILMS, *ORACLES, f"output={tmp_path / 'one'}")
    ended = process("evaluate", workplace, *FILMS, *ORACLES, "trainer=ddp", f"output={tmp_path / 'two'}")
    assert ended.returncode == 0, ended.stderr
    one, two = (read_json(tmp_path / name / "results.json") for name in ("one", "two"))
    assert one["identification_rate"]["value"] > 0.9
    assert [one[key] for key in ("num_vertebrae", "confusion", "identification_rate")] == [
        two[key] for key in ("num_vertebrae", "confusion", "identification_rate")
    ]
    assert one["dice_all"]["value"] == pytest.approx(two["dice_all"]["value"], abs=1e-4)


def test_a_film_that_cannot_be_used_is_told_once_by_two_processes(workplace, own, tmp_path):
    ended = process("evaluate", workplace, *own, "trainer=ddp", f"output={tmp_path / 'out'}")
    assert ended.returncode == 1 and ended.stderr.count("Error: 1 of 3 films cannot be used") == 1
    results = read_json(tmp_path / "out" / "results.json")
    assert (results["num_images"], results["num_unreadable"]) == (2, 1)
    assert "film_3.png` to be a complete image" in (tmp_path / "out" / "report.html").read_text()


def test_the_papers_protocol(workplace, tmp_path):
    (tmp_path / "angles.csv").write_text("of an earlier evaluation")
    run("evaluate", workplace, *FILMS, *PIPELINES["detector_only"], "evaluation=spinefm_paper", f"output={tmp_path}")
    assert not (tmp_path / "angles.csv").exists()
    results = read_json(tmp_path / "results.json")
    assert results["false_positives_per_image"]["value"] is None and results["identification_rate"]["value"] is not None


def test_the_table_is_on_the_terminal(workplace, tmp_path, capsys):
    run("evaluate", workplace, *FILMS, *PIPELINES["detector_only"], f"output={tmp_path / 'out'}")
    told = capsys.readouterr().out
    assert "Evaluation" in told and "Dice" in told and "0.000" in told
    assert "Results" in told and "out" in told


@every_component
def test_a_component_is_evaluated_alone(workplace, tmp_path, name, capsys):
    run("evaluate", workplace, *FILMS, f"component={name}", f"output={tmp_path / 'out'}")
    results = read_json(tmp_path / "out" / "results.json")
    monitored = COMPONENTS[name].monitor.removeprefix("val/")
    assert math.isfinite(results[monitored]["value"])
    assert monitored in capsys.readouterr().out
    assert (tmp_path / "out" / "run.json").is_file()


@pytest.fixture
def own(tmp_path, make_film):
    """Films of somebody's own, in splits; one for testing and all for validation are damaged."""
    films = [make_film(f"film_{i}", left=38 + 2 * i) for i in range(6)]
    write_labelme(tmp_path, films)
    splits = ("train", "val", "test", "test", "test", "val")
    write_film_table(tmp_path / "films.csv", {film.film_id: FilmRow(split=split) for film, split in zip(films, splits, strict=True)})
    for film_id in ("film_1", "film_3", "film_5"):
        (tmp_path / f"{film_id}.png").write_bytes((tmp_path / f"{film_id}.png").read_bytes()[:300])
    return ["dataset=labelme", f"dataset.root={tmp_path}", "checkpoints=checkpoints/synthetic", "pipeline=detector_only"]


def test_a_single_component_is_asked_for_each_films_own_reader(workplace):
    told = fails("evaluate", workplace, "dataset=synthetic", "component=resnet", "reader=null")
    assert told.startswith("Error: Expected `reader=own` for a single component, but got `None`. Leave it out.")


def test_a_single_component_takes_a_whole_number_of_items_at_once(workplace):
    told = fails("evaluate", workplace, "dataset=synthetic", "component=resnet", "batch_size=many")
    assert told.startswith("Error: Expected `batch_size` to be a whole number, but got `many`.")


@pytest.mark.parametrize(
    ("component", "given"),
    [
        ("resnet", "component.max_epochs=3"),
        ("resnet", "++component.module.patch_scale=3"),
        ("resnet", "~component.loader"),
        ("resnet", "optimizer@component.module.optimizer=sgd"),
        ("sam_adapter", "prompt=box"),
        ("sam_adapter", "tuning=lora"),
        ("sam_adapter", "foundation=lite_medsam"),
        ("sam_adapter", "foundation.weights=null"),
        ("resnet", "+experiment=demo/resnet"),
        (None, "+component.module.patch_scale=3"),
    ],
)
def test_an_evaluation_takes_no_settings_of_a_training(workplace, component, given):
    """They would change nothing."""
    told = fails("evaluate", workplace, "dataset=synthetic", *([f"component={component}"] if component else []), given)
    assert told == f"Error: Expected no settings of a training, but got `{given}`: checkpoints have their own. Leave it out."


def test_readers_who_were_not_learnt_cannot_be_asked_for(workplace, own):
    assert "`reader` to be left out, as these networks tell no readers apart" in fails("evaluate", workplace, *own, "reader=anna")


def test_outlines_are_those_of_the_reader_who_is_asked_for(learnt_from_two, tmp_path):
    """Nobody annotated these films, so that `own` is nobody in particular."""
    oracle = ["pipeline=oracle", "pipeline.oracle=[mask_rcnn,resnet,point_predictor]", *WALKING]
    for reader in ("anna", "ben", "own", "null"):
        output = f"output={tmp_path / reader}"
        run("evaluate", tmp_path, *FILMS, *oracle, f"checkpoints={learnt_from_two}", f"reader={reader}", output)
    anna, ben, own, nobody = (pd.read_csv(tmp_path / reader / "vertebrae.csv").predicted_x for reader in ("anna", "ben", "own", "null"))
    assert anna.notna().sum() > 5
    assert own.equals(nobody) and not own.equals(anna) and not own.equals(ben) and not anna.equals(ben)


def test_a_film_that_cannot_be_used_spoils_no_other_but_is_a_failure(workplace, own, tmp_path):
    told = fails("evaluate", workplace, *own, f"output={tmp_path / 'out'}")
    assert (
        told.startswith("Error: 1 of 3 films cannot be used; results are of the others.") and "film_3.png` to be a complete image" in told
    )
    results = read_json(tmp_path / "out" / "results.json")
    assert (results["num_images"], results["num_unreadable"]) == (2, 1)
    assert "film_3.png` to be a complete image" in (tmp_path / "out" / "report.html").read_text()
    assert {"vertebrae.csv", "report.html", "run.json"} <= names(tmp_path / "out")
    assert names(tmp_path / "out" / "overlays" / "films") == {"film_2.jpg", "film_4.jpg"}


def test_no_film_that_can_be_used_gives_no_results(workplace, own, tmp_path):
    told = fails("evaluate", workplace, *own, "split=val", f"output={tmp_path / 'out'}")
    assert "2 of 2 films cannot be used" in told and "film_1.png" in told and "film_5.png" in told
    assert not (tmp_path / "out" / "results.json").exists()


def test_another_split_can_be_evaluated(workplace, tmp_path):
    """In the folder of an earlier one, whose pictures go."""
    evaluate = ["evaluate", workplace, *FILMS, *PIPELINES["detector_only"], f"output={tmp_path}"]
    for split in ("train", "val"):
        run(*evaluate, f"split={split}")
        for folder in (tmp_path / "overlays", tmp_path / "overlays" / "films"):
            assert {path.name.split("_")[0] for path in folder.glob("*.jpg")} == {split}


@pytest.fixture
def earlier(tmp_path):
    """What an evaluation left in a folder of somebody's own pictures, by file."""
    for name in ("results.json", "run.json", "report.html", "overlays/a.jpg", "overlays/films/a.jpg", *OF_MINE):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(f"the earlier {name}")
    return contents(tmp_path)


OF_MINE = ("b.jpg", "overlays/b.jpg", "overlays/films/c.jpg", "overlays/other/a.jpg")


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "arguments",
    [
        [*FILMS, "checkpoints=absent"],
        ["dataset=labelme", "dataset.root=absent"],
        [*FILMS, "split=testing"],
        [*FILMS, "dataset.num_films.test=0"],
        [*FILMS, "trainer.accelerator=abacus"],
    ],
    ids=lambda arguments: arguments[-1],
)
@pytest.mark.parametrize("component", [[], ["component=resnet"]], ids=["pipeline", "component"])
def test_an_evaluation_that_cannot_start_leaves_the_results_of_an_earlier_one(workplace, tmp_path, earlier, component, arguments):
    fails("evaluate", workplace, *component, *arguments, f"output={tmp_path}")
    assert earlier.items() <= contents(tmp_path).items()


def test_two_processes_find_what_one_finds_in_the_place_of_an_earlier_evaluation(workplace, evaluated, tmp_path, earlier):
    """Three films: one has two of them, the other one. The pictures of somebody else stay."""
    ended = process("evaluate", workplace, *FILMS, *PIPELINES["detector_only"], "trainer=ddp", f"output={tmp_path}")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count("Results: ") == 1
    found, expected = contents(tmp_path), contents(evaluated["detector_only"])
    assert all(found[name] == expected[name] for name in ("results.json", "vertebrae.csv"))
    assert all(found[name] == earlier[name] for name in OF_MINE)
    pictures, of_one = ({name for name in its if name.startswith("overlays/")} for its in (found, expected))
    assert pictures - set(OF_MINE) == of_one


def test_a_job_of_a_sweep_that_cannot_start_has_no_results_of_an_earlier_one(workplace, tmp_path):
    """Its folder has the new options."""
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "results.json").write_text("{}")
    fails("evaluate", workplace, "-m", *FILMS, "checkpoints=absent", "seed=0,1", f"hydra.sweep.dir={tmp_path}")
    assert not (tmp_path / "0" / "results.json").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["component=absent"], ["component/absent", "mask_rcnn", "resnet", "point_predictor", "sam_adapter"]),
        (["pipeline=absent"], ["pipeline/absent", "inductive"]),
        (["split=testing"], ["split", "testing"]),
        (["dataset.num_films.test=0"], ["in the test split", "it has none of 6. Give it some, by `dataset.num_films.test`."]),
        (["evaluation.min_dice=1.5"], ["`min_dice`", "1.5"]),
        (["evaluation=absent"], ["evaluation/absent", "spinefm_paper"]),
        (["trainer=absent"], ["trainer/absent", "ddp"]),
        (["trainer.accelerator=abacus"], ["abacus"]),
        (["component=resnet", "trainer.accelerator=abacus"], ["abacus"]),
        (["trainer.num_nodes=x"], ["`num_nodes` to be a whole number, but got `x`"]),
        (["component=resnet", "+trainer.log_every_n_steps=x"], ["`log_every_n_steps` to be a whole number or null, but got `x`"]),
        (["component=resnet", "+trainer.foo=1"], ["Expected options of Trainer to be some of", "but got `foo`"]),
        (["component=resnet", "trainer=ddp"], ["one process for a single component, but got 2", "trainer=ddp"]),
        (["compile=swift"], ["`compile`", "inductor", "swift"]),
        (["trainer.precision=7"], ["7"]),
        (["trainer.precision=bf16-true"], ["`trainer.precision`", "bf16-mixed", "bf16-true"]),
        (["pipeline.lookahead=0"], ["`lookahead` to be at least 1", "0"]),
        (["pipeline.max_steps=null"], ["`max_steps` to be a whole number, but got `null`"]),
        (["pipeline=oracle", "+pipeline.foo=1"], ["Expected options of InductivePipeline", "max_steps", "but got `foo`"]),
        (["pipeline.films_at_once=0"], ["`films_at_once` to be at least 1", "0"]),
        (["pipeline.mask_threshold=1"], ["`mask_threshold`", "1"]),
        (["pipeline.background_above=0"], ["`background_above`", "0"]),
        (["component=resnet", "split=testing"], ["split", "testing"]),
    ],
    ids=" ".join,
)
def test_evaluate_says_what_is_wrong(workplace, tmp_path, arguments, said):
    told = fails("evaluate", workplace, *FILMS, *arguments, f"output={tmp_path / 'out'}")
    assert all(word in told for word in said), told
    assert not (tmp_path / "out" / "results.json").exists() and not (tmp_path / "out" / "run.json").exists()
