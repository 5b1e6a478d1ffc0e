"""The patch classifier's network: a torchvision ResNet for one grey channel."""

from torch import Tensor, nn
from torchvision.models import get_model, get_model_weights


class PatchResNet(nn.Module):
    """ResNet of torchvision; its three colour channels all see the grey patch."""

    def __init__(self, architecture: str, num_classes: int, normalise: bool = True) -> None:
        """Build the network from scratch.

        Args:
            architecture: torchvision's name, such as "resnet18" or "resnet50".
            num_classes: K.
            normalise: Whether every patch gets zero mean and unit variance: films differ in exposure more than in anatomy.
        """
        super().__init__()
        self.architecture = architecture
        self.normalise = nn.InstanceNorm2d(1) if normalise else nn.Identity()
        self.network = get_model(architecture, weights=None)
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
