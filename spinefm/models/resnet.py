"""The patch classifier's network: a torchvision ResNet for one grey channel."""

from collections.abc import Callable
from typing import cast
from urllib.error import URLError

import torchvision
from torch import Tensor, nn
from torchvision.models import ResNet, get_model, get_model_weights, list_models
from torchvision.models.resnet import BasicBlock


def build_resnet(name: str, norm_layer: Callable[..., nn.Module] | None = None) -> ResNet:
    """A ResNet from scratch.

    Args:
        name: torchvision's, such as "resnet18", or "resnet10", one block per stage: the least of the family, for a CPU.
            Networks of other families do, too, whose last layer is called `fc`.
        norm_layer: Other than `nn.BatchNorm2d`.

    Raises:
        ValueError: If there is none of that name, or its last layer is called otherwise.
    """
    if name == "resnet10":
        return ResNet(BasicBlock, [1, 1, 1, 1], norm_layer=norm_layer)
    options = {} if norm_layer is None else {"norm_layer": norm_layer}  # networks of other families do not take it
    network = get_model(name, weights=None, **options) if name in list_models(module=torchvision.models) else None
    if not isinstance(getattr(network, "fc", None), nn.Linear):
        raise ValueError(f"Expected a ResNet, such as resnet10, resnet18 or resnet50, but got `{name}`.")
    return cast(ResNet, network)


def pretrained_resnet(name: str, weights: str) -> ResNet:
    """A ResNet with torchvision's weights of that name, such as "DEFAULT"; downloaded on first use.

    Raises:
        ValueError: If there are none of that name.
        FileNotFoundError: If they cannot be downloaded.
    """
    known = list(get_model_weights(name).__members__) if name != "resnet10" else []
    if weights not in known:
        raise ValueError(f"Expected `weights` of {name} to be {' or '.join(['null', *known])}, but got `{weights}`.")
    try:
        trained = get_model_weights(name)[weights].get_state_dict(check_hash=True, weights_only=True)
    except URLError as error:
        raise FileNotFoundError(
            f"Expected to download torchvision's {weights} of {name}, but could not ({error.reason}). "
            "Train from scratch with `component.module.weights=null`."
        ) from error
    model = build_resnet(name)
    model.load_state_dict(trained, strict=True)
    return model


class PatchResNet(nn.Module):
    """ResNet of torchvision; its three colour channels all see the grey patch."""

    def __init__(self, architecture: str, num_classes: int, normalise: bool = True) -> None:
        """Build the network from scratch.

        Args:
            architecture: See `build_resnet`.
            num_classes: K.
            normalise: Whether every patch gets zero mean and unit variance: films differ in exposure more than in anatomy.
        """
        super().__init__()
        self.architecture = architecture
        self.normalise = nn.InstanceNorm2d(1) if normalise else nn.Identity()
        self.network = build_resnet(architecture)
        self.network.fc = nn.Linear(self.network.fc.in_features, num_classes)

    def load_pretrained(self, weights: str) -> None:
        """Load torchvision's weights, but for the last layer; see `pretrained_resnet`."""
        pretrained = pretrained_resnet(self.architecture, weights)
        pretrained.fc = self.network.fc
        self.network.load_state_dict(pretrained.state_dict(), strict=True)

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 1, S, S) in 0..1 to (N, K) logits."""
        logits: Tensor = self.network(self.normalise(patches).expand(-1, 3, -1, -1))
        return logits
