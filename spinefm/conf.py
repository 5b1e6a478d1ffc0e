"""Where the configs are."""

from pathlib import Path

CONF = str(Path(__file__).resolve().parents[1] / "conf")
"""The folder of the configs; Hydra wants a string."""
