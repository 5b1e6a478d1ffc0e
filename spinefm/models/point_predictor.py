"""Where is the next centroid? An MLP on the last k of them, in one of three frames."""

from enum import StrEnum

import torch
from torch import Tensor, nn


class Frame(StrEnum):
    """In which coordinates the MLP sees a trail.

    IMAGE: centroids / (width, height), as in arXiv:2411.00326.
    LOCAL: origin at the last centroid, first axis along the last step, unit its length: free of translation, rotation, scale.
    LOCAL_POSITION: LOCAL for the points, and where on the film, which way and how long the last step was.
    """

    IMAGE = "image"
    LOCAL = "local"
    LOCAL_POSITION = "local_position"


class PointPredictor(nn.Module):
    """MLP 2k(+5) - hidden - ReLU - 2."""

    def __init__(self, context: int = 3, hidden_size: int = 50, frame: str = Frame.LOCAL_POSITION) -> None:
        """Build the network.

        Args:
            context: k, how many centroids it sees, at least 2.
            hidden_size: Width of the hidden layer.
            frame: One of `Frame`.

        Raises:
            ValueError: If `context` is below 2 or `frame` unknown.
        """
        super().__init__()
        if context < 2:
            raise ValueError(f"Expected `context` to be at least 2 centroids, but got {context}.")
        if frame not in set(Frame):
            raise ValueError(f"Expected `coordinates` to be one of {', '.join(Frame)}, but got `{frame}`.")
        self.context, self.frame = context, Frame(frame)
        inputs = 2 * context + (5 if self.frame is Frame.LOCAL_POSITION else 0)
        self.fc1 = nn.Linear(inputs, hidden_size)
        self.fc2 = nn.Linear(hidden_size, 2)

    def forward(self, centroids: Tensor, sizes: Tensor) -> Tensor:
        """Predict the next centroid of each trail.

        Args:
            centroids: (N, k, 2) as (x, y), oldest first, pixels of the film.
            sizes: (N, 2) as (width, height), pixels.

        Returns:
            (N, 2) as (x, y), pixels of the film.
        """
        origin, axes = self.frame_of(centroids, sizes)
        points = to_frame(centroids, origin, axes)
        features = points.flatten(1)
        if self.frame is Frame.LOCAL_POSITION:
            features = torch.cat([features, _position(centroids, sizes)], dim=1)
        # The last point plus the last step, in the frame, is where a straight and even spine would go on.
        straight = 2 * points[:, -1] - points[:, -2]
        update: Tensor = self.fc2(torch.relu(self.fc1(features)))
        return from_frame(straight + update if self.frame is not Frame.IMAGE else update, origin, axes)

    def frame_of(self, centroids: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Origin (N, 2) and axes (N, 2, 2), one axis per row, in pixels: a frame's point p lies at origin + p @ axes."""
        if self.frame is Frame.IMAGE:
            return torch.zeros_like(sizes), torch.diag_embed(sizes)
        return _local_frame(centroids)


def _local_frame(centroids: Tensor) -> tuple[Tensor, Tensor]:
    step = centroids[:, -1] - centroids[:, -2]
    # Two equal centroids have no direction; a step of a thousandth of a pixel keeps the frame finite.
    step = torch.where((step.norm(dim=1, keepdim=True) < 1e-3), step.new_tensor([0.0, 1e-3]), step)
    across = torch.stack([-step[:, 1], step[:, 0]], dim=1)
    return centroids[:, -1], torch.stack([step, across], dim=1)


def to_frame(points: Tensor, origin: Tensor, axes: Tensor) -> Tensor:
    """(N, k, 2) pixels into the frame of `origin` (N, 2) and `axes` (N, 2, 2)."""
    inverse: Tensor = torch.linalg.inv(axes)
    return (points - origin[:, None]) @ inverse


def from_frame(points: Tensor, origin: Tensor, axes: Tensor) -> Tensor:
    """(N, 2) of the frame into pixels."""
    return origin + (points[:, None] @ axes)[:, 0]


def _position(centroids: Tensor, sizes: Tensor) -> Tensor:
    """(N, 5): last centroid / (width, height), direction of the last step, its length / height."""
    step = centroids[:, -1] - centroids[:, -2]
    length = step.norm(dim=1, keepdim=True).clamp(min=1e-3)
    return torch.cat([centroids[:, -1] / sizes, step / length, length / sizes[:, 1:]], dim=1)
