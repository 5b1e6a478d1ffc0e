"""How much of a network is trained."""

from rich.table import Table
from torch import nn


def parameter_table(model: nn.Module) -> Table:
    """A row for each part of a network and one for the whole: its trained and all its parameters."""
    table = Table("part", title="Parameters", title_justify="left")
    for heading in ("trained", "all", "share"):
        table.add_column(heading, justify="right")
    for name, part in model.named_children():
        if any(True for _ in part.parameters()):
            table.add_row(name, *_counts(part))
    table.add_section()
    table.add_row("together", *_counts(model))
    return table


def _counts(part: nn.Module) -> tuple[str, str, str]:
    every = sum(parameter.numel() for parameter in part.parameters())
    trained = sum(parameter.numel() for parameter in part.parameters() if parameter.requires_grad)
    return f"{trained:,}", f"{every:,}", f"{trained / every:.1%}"
