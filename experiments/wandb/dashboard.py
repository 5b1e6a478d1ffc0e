"""Lay out a W&B project: `python experiments/wandb/dashboard.py <entity>/<project>`.

Needs `pip install -e '.[dashboard]'` and an account.
"""

import argparse

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws

from spinefm.anatomy import LEVELS
from spinefm.components import COMPONENTS

VALIDATION = {
    "mask_rcnn": ["val/map", "val/map_50", "val/centroid_recall"],
    "resnet": ["val/accuracy", "val/loss"],
    "point_predictor": ["val/step_error", "val/mse"],
    "sam_adapter": ["val/dice"],
    "unet": ["val/dice"],
}
TRAINING = ["train/loss", "train/samples_per_s", "train/waiting_share"]
RATES = ["identification_rate", "labelled_identification_rate", "dice_identified", "dice_all", "all_correct_films"]
DISTANCES = ["hd95_px", "surface_distance_px", "centroid_error_px"]


def dashboard(entity: str, project: str) -> ws.Workspace:
    """A section for the evaluations, one for each component, and one for what all trainings share."""
    components = [ws.Section(name=name, panels=[line(metric) for metric in VALIDATION[name]]) for name in COMPONENTS]
    # W&B chooses runs for a whole workspace, so these show every run that has the metric; `Group by job type` tells components apart.
    shared = ws.Section(name="training", panels=[*map(line, TRAINING), *media("val/samples", "val/samples_table")])
    return ws.Workspace(entity=entity, project=project, name="SpineFM", sections=[evaluation(), *components, shared])


def evaluation() -> ws.Section:
    """What pipelines reach, with its interval, by level and film by film."""
    intervals = [f"test/dice_all{end}" for end in ("_low", "", "_high")]
    levels = [f"test/per_level/{level}/dice_all" for level in LEVELS]
    bars = [
        wr.BarPlot(title="Rates and Dice", metrics=[f"test/{name}" for name in RATES]),
        wr.BarPlot(title="Dice, missed = 0, with its 95 % interval", metrics=intervals),
        wr.BarPlot(title="Distances, px", metrics=[f"test/{name}" for name in DISTANCES]),
        wr.BarPlot(title="False positives per film", metrics=["test/false_positives_per_image"]),
        wr.BarPlot(title="Dice, missed = 0, by level", metrics=levels),
    ]
    return ws.Section(name="evaluation", panels=[*bars, *media("test/worst_films", "test/vertebrae")], is_open=True)


def line(metric: str) -> wr.LinePlot:
    """A metric over the epochs."""
    return wr.LinePlot(title=metric, x="epoch", y=[metric])


def media(pictures: str, table: str) -> list[wr.MediaBrowser | wr.WeavePanelSummaryTable]:
    """Pictures, and a table under them."""
    return [wr.MediaBrowser(media_keys=[pictures]), wr.WeavePanelSummaryTable(table_name=table)]


def main() -> None:
    """Save the dashboard in its project."""
    parser = argparse.ArgumentParser(description="Lay out a W&B project.")
    parser.add_argument("project", help="<entity>/<project>")
    name = parser.parse_args().project
    entity, _, project = name.partition("/")
    if not (entity and project) or "/" in project:
        parser.error(f"Expected <entity>/<project>, but got `{name}`. Your entity stands in the address of your W&B page.")
    import wandb  # as everywhere, where it is needed

    try:
        dashboard(entity, project).save()  # prints its address
    except wandb.Error as error:
        parser.exit(1, f"Error: Expected Weights & Biases to take the dashboard, but got: {error} Log in with `wandb login`.\n")


if __name__ == "__main__":
    main()
