"""Seeded simulated radiographs: spines, what surrounds them, the attenuation along the rays, and the physics of the film."""

from spinefm.data.synthetic.dataset import SyntheticDataset

__all__ = ["SyntheticDataset"]
