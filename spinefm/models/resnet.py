"""The patch classifier's network: a torchvision ResNet for one grey channel."""

from collections.abc import Callable

from torch import Tensor, nn
from torchvision.models import ResNet, get_model, get_model_weights
from torchvision.models.resnet import BasicBlock


def build_resnet(name: str, norm_layer: Callable[..., nn.Module] | None = None) -> ResNet:
    """A ResNet from scratch.

    Args:
        name: torchvision's, such as "resnet18", or "resnet10", one block per stage: the least of the family, for a CPU.
        norm_layer: Other than `nn.BatchNorm2d`.
    """
    if name == "resnet10":
        return ResNet(BasicBlock, [1, 1, 1, 1], norm_layer=norm_layer)
    options = {} if norm_layer is None else {"norm_layer": norm_layer}  # networks of other families do not take it
    return get_model(name, weights=None, **options)


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
        """Load torchvision's weights of that name ("DEFAULT", ...; downloaded on first use), but for the last layer.

        Raises:
            ValueError: If there are none of that name.
        """
        names = list(get_model_weights(self.architecture).__members__)
        if weights not in names:
            raise ValueError(f"Expected `weights` to be one of {', '.join(names)}, but got `{weights}`.")
        pretrained = get_model(self.architecture, weights=weights)
        pretrained.fc = self.network.fc
        self.network.load_state_dict(pretrained.state_dict(), strict=True)

    def forward(self, patches: Tensor) -> Tensor:
        """(N, 1, S, S) in 0..1 to (N, K) logits."""
        logits: Tensor = self.network(self.normalise(patches).expand(-1, 3, -1, -1))
        return logits
