"""The base of the components: what it takes to be trained, stored and loaded on its own."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from inspect import signature
from math import nextafter
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, cast

import pytorch_lightning as pl
import torch
from hydra.utils import get_class, instantiate
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR
from torch.utils.data import Dataset, default_collate

from spinefm.components.placement import Placement, run_within
from spinefm.components.samples import Sample
from spinefm.files.shipped_files import SHIPPED, checkpoint_at, read_shipped_file
from spinefm.files.torch_files import read_torch_file
from spinefm.structures import Radiograph

log = logging.getLogger(__name__)

COMPONENT_KEY = "component"
RUN_KEY = "run"
PATH_KEY = "path"
"""Where a checkpoint was read from, for messages and for what lies beside it; never written into one."""

SAME_NETWORK = 0.9
"""Share of its weights from which on a checkpoint holds the network of a component: all but those that count its classes."""


class Component(pl.LightningModule, ABC):
    """One trainable role of SpineFM.

    Constructors take primitives, lists and dicts only, so that a checkpoint alone rebuilds the component and loads with
    `weights_only=True`.

    Attributes:
        name: As in `component=<name>`.
        monitor: The metric that chooses the best checkpoint.
        mode: Whether that is the largest or the smallest value.
        model: The network.
        readers: Names of those whom it tells apart, a segmenter by their outlines, a classifier by how their films are framed.
        run: What names the run that trains it, or has trained it, primitives only; goes into its checkpoints. None where that is unknown.
    """

    name: ClassVar[str]
    monitor: ClassVar[str]
    mode: ClassVar[Literal["min", "max"]]
    model: Any
    readers: tuple[str, ...] = ()
    run: Mapping[str, Any] | None = None

    def __init__(self, optimizer: Mapping[str, Any], scheduler: Mapping[str, Any] | None, seed: int, augment: bool) -> None:
        """Keep what training needs.

        Args:
            optimizer: `_target_` and keyword arguments of an optimizer.
            scheduler: `_target_` and keyword arguments of a learning-rate scheduler; stepped per epoch, but OneCycleLR per
                step, its length filled in. None or nothing in it keeps the rate.
            seed: Of everything random in training.
            augment: See `View`.
        """
        super().__init__()
        self.has_weights = False
        self.save_hyperparameters(logger=False)  # loggers are given the whole config
        self.optimizer_config, self.scheduler_config = dict(optimizer), scheduler
        self.seed, self.augment = seed, augment

    @property
    def hot_module(self) -> nn.Module | None:
        """Where nearly all of its time goes: what is worth lower precision and compiling; None if nothing is."""
        return cast(nn.Module, self.model)

    def place(self, placement: Placement) -> Self:
        """Move to a device and run there as it says, from now on."""
        self.to(placement.device)
        self.accelerate(placement.compiler, placement.channels_last)
        if self.hot_module is not None:
            run_within(placement.autocast, self.hot_module)
        return self

    def accelerate(self, compiler: str | None, channels_last: bool) -> None:
        """Compile the network and arrange its memory; see `Placement`. What it computes stays the same, but for rounding.

        Raises:
            ValueError: If there is no such compiler.
        """
        if compiler is not None and compiler not in (known := torch.compiler.list_backends(exclude_tags=())):
            raise ValueError(f"Expected `compile` to be null or one of {known}, but got `{compiler}`.")
        module = self.hot_module
        if module is not None and channels_last:
            module.to(memory_format=torch.channels_last)
        if module is not None and compiler is not None:
            module.compile(backend=compiler)

    def check(self) -> None:
        """Fail on what is missing before films are read, which may take minutes. Nothing is, unless a component says so."""

    def setup(self, stage: str) -> None:
        """Load what a training begins with, unless it has that already: from a checkpoint."""
        if stage == "fit" and not self.has_weights:
            self.load_weights()

    def load_weights(self) -> None:
        """Load the weights that the settings name. None do, unless a component says so."""

    def start_from(self, path: str | Path) -> None:
        """Begin a training with the network of a checkpoint of this component, in the place of what `load_weights` would load.

        Weights of another shape or meaning, as those that count other classes, begin anew, and are logged.

        Args:
            path: The checkpoint, or the folder in which it lies.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: See `read_checkpoint`; or if its network is another.
        """
        place, own = checkpoint_at(path, self.name), self.state_dict()
        checkpoint = read_checkpoint(place, self.name) | {PATH_KEY: str(place)}
        self.on_load_checkpoint(checkpoint)
        state, outdated = checkpoint["state_dict"], self.outdated(checkpoint["hyper_parameters"])
        same = {key: value for key, value in state.items() if key in own and value.shape == own[key].shape}
        if _size(same) < SAME_NETWORK * max(_size(own), _size(state)):
            fault = f"of {_size(state)} weights in `{place}` {_size(same)} have a place among the {_size(own)} of this one"
            raise ValueError(f"Expected `pretrained` to hold the same network, but {fault}. Repeat the settings it was trained with.")
        kept = {key: value for key, value in same.items() if not key.startswith(outdated)}
        self.load_state_dict(kept, strict=False)
        self.has_weights = True
        self.tell_of(checkpoint["hyper_parameters"])
        if anew := sorted(own.keys() - kept.keys()):
            log.warning("These weights are not in `%s`, or mean something else there, and begin anew: %s.", place, ", ".join(anew))

    def outdated(self, settings: Mapping[str, Any]) -> tuple[str, ...]:
        """How the keys of weights begin that mean something else under these settings, of another training; none, as a rule."""
        return ()

    def tell_of(self, settings: Mapping[str, Any]) -> None:
        """Log what weights of a training of these settings mean that their user may not think of. Nothing, unless a component does."""

    def learn_from(self, films: Sequence[Radiograph]) -> None:
        """Learn what is to be known of the films of a training before it begins. Nothing is, unless a component says so."""

    @abstractmethod
    def view(self, films: Sequence[Radiograph], training: bool) -> Dataset[Any]:
        """What this component sees of the films."""

    collate = staticmethod(default_collate)
    """Makes a batch of a list of the view's items."""

    @abstractmethod
    def samples(self, batch: Any, films: Sequence[Radiograph]) -> list[Sample]:
        """What it makes of each item of a batch, in evaluation mode.

        Args:
            batch: From `collate`, on the component's device.
            films: Those that the items show, one each.
        """

    @abstractmethod
    def _evaluate(self, batch: Any, stage: str) -> None:
        """Update and log the metrics of a batch as `<stage>/<metric>`; `stage` is val or test."""

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """See `_evaluate`."""
        self._evaluate(batch, "val")

    def test_step(self, batch: Any, batch_idx: int) -> None:
        """See `_evaluate`."""
        self._evaluate(batch, "test")

    def trained_parameters(self) -> list[nn.Parameter]:
        """What the optimizer gets: everything that is not frozen."""
        return [parameter for parameter in self.parameters() if parameter.requires_grad]

    def configure_optimizers(self) -> Any:
        """See Lightning."""
        optimizer = instantiate(self.optimizer_config, params=self.trained_parameters())
        if not self.scheduler_config:
            return optimizer
        if str(self.scheduler_config["_target_"]).endswith("OneCycleLR"):
            scheduler = one_cycle(self.scheduler_config, optimizer, self.trainer.estimated_stepping_batches)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
        return {"optimizer": optimizer, "lr_scheduler": instantiate(self.scheduler_config, optimizer=optimizer)}

    def on_train_start(self) -> None:
        """Make sure that a resumed run is as long as it was planned, where its learning rate follows a plan.

        Raises:
            ValueError: If it is not.
        """
        scheduler, now = self.lr_schedulers(), self.trainer.estimated_stepping_batches
        if isinstance(scheduler, OneCycleLR) and scheduler.total_steps != now:
            raise ValueError(
                f"Expected a resumed run to take {scheduler.total_steps} steps in all, as its learning rate was planned for, but it would "
                f"take {now:.0f}. Repeat `component.max_epochs` and the loader's settings, or begin anew."
            )

    def on_train_epoch_start(self) -> None:
        """Seed the epoch, so that a resumed run goes on exactly as an uninterrupted one."""
        torch.manual_seed(self.seed + 1_000_003 * self.current_epoch + self.global_rank)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Write into its checkpoint what the component is, and which run trained it."""
        checkpoint[COMPONENT_KEY], checkpoint[RUN_KEY] = self.name, self.run

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Rebuild a component from its checkpoint, on the CPU, in single precision, ready for inference.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: See `read_checkpoint`; or if it does not fit this version.
        """
        checkpoint = read_checkpoint(path, cls.name) | {PATH_KEY: str(path)}
        try:
            # Lightning's own `load_from_checkpoint` would drop arguments that the constructor does not know.
            component = cls(**checkpoint["hyper_parameters"])
        except (KeyError, TypeError, ValueError) as error:
            raise _misfit(cls.name, path, error) from error
        component.run = checkpoint.get(RUN_KEY)
        component.on_load_checkpoint(checkpoint)  # says itself what is wrong
        try:
            component.load_state_dict(checkpoint["state_dict"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise _misfit(cls.name, path, error) from error
        return component.eval()


def one_cycle(config: Mapping[str, Any], optimizer: Optimizer, steps: float) -> OneCycleLR:
    """The schedule of `config`, as long as a training.

    Args:
        config: `_target_` and keyword arguments of a OneCycleLR.
        optimizer: Whose rate it sets.
        steps: Of the optimizer, in all.
    """
    warm_up = config.get("pct_start", signature(OneCycleLR).parameters["pct_start"].default)
    # torch would divide by the length of a warm-up that ends on the very first step, 0: there is none then, as with fewer steps.
    share = nextafter(warm_up, 0) if warm_up * steps == 1 else warm_up
    return cast(OneCycleLR, instantiate(config, optimizer=optimizer, total_steps=steps, pct_start=share))


def _size(state: Mapping[str, torch.Tensor]) -> int:
    return sum(value.numel() for value in state.values())


def component_name(target: str) -> str:
    """What the component of a config is called, by the `_target_` of its module: the file of one's own config may have any name.

    Raises:
        ValueError: If that is no component.
    """
    try:
        named = get_class(target)
    except (ImportError, AttributeError, ValueError):
        named = type(None)
    if not issubclass(named, Component):
        raise ValueError(f"Expected `component.module._target_` to be the class of a component, but got `{target}`. See `conf/component`.")
    return named.name


def read_checkpoint(path: str | Path, component: str) -> dict[str, Any]:
    """Open a component's checkpoint, its own or a shipped one, without executing anything in it.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no checkpoint, unsafe to open, another component's, or not the shipped one that `SHA256SUMS` lists.
    """
    read = read_shipped_file if Path(path).suffix == SHIPPED else read_torch_file
    checkpoint = read(path, f"{component} checkpoint", _remedy(component))
    found = checkpoint.get(COMPONENT_KEY, "no SpineFM component")
    if found != component:
        raise ValueError(f"Expected a {component} checkpoint at `{path}`, but it is of {found}. {_remedy(component)}")
    return checkpoint


def _misfit(component: str, path: str | Path, error: Exception) -> ValueError:
    fault = f"it does not fit this version ({type(error).__name__}: {error})"
    return ValueError(f"Expected a {component} checkpoint at `{path}`, but {fault}. {_remedy(component)}")


def _remedy(component: str) -> str:
    return f"Train one with `python train.py component={component} dataset=<name>`."
