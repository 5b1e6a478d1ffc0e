"""The names that docs/tracking.md lists."""

import re

from spinefm.components import COMPONENTS
from tests.scripts import ROOT

_ROW = re.compile(r"\| (?:(all|`\w+`) \| )?`([^`]+)` \| (.*) \|")


def rows(heading):
    """(component or None, name, meaning) of the tables below a heading."""
    text = (ROOT / "docs" / "tracking.md").read_text()
    (section,) = re.findall(rf"^### {heading}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return [match.groups() for line in section.splitlines() if (match := _ROW.fullmatch(line))]


def of_component(name):
    """Metrics that a component's training logs."""
    return {metric for component, metric, _ in rows("Training") if component in ("all", f"`{name}`")}


def of_training_media():
    return {metric for component, metric, _ in rows("Training") if component is None}


def of_evaluation():
    """Metrics and media of a pipeline's evaluation, as patterns."""
    names = []
    for _, name, meaning in rows("Evaluation of a pipeline"):
        names += [name, f"{name}_low", f"{name}_high"] if meaning.endswith("with interval") else [name]
    return names


def is_documented(name):
    """Whether a name stands in one of the tables."""
    listed = set.union(of_training_media(), *map(of_component, COMPONENTS)) | set(of_evaluation())
    return name in listed or any(_fits(name, pattern, listed) for pattern in listed if "<" in pattern)


def _fits(name, pattern, listed):
    place, _, metric = name.rpartition("/")
    pattern_place, _, _ = pattern.rpartition("/")
    return place.rpartition("/")[0] == pattern_place.rpartition("/")[0] and (metric == "num" or f"test/{metric}" in listed)
