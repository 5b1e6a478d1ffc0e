"""Shapes that recur around the spine: bars of bone, pockets of gas, smooth clouds."""

import cv2
import numpy as np

from spinefm.data.synthetic.outlines import Points
from spinefm.data.synthetic.rays import Field, RayField


def curve(knots: Points, count: int = 24) -> Points:
    """(K, 2) knots -> (count, 2) points on a smooth path through them, evenly spaced in the knots' own length."""
    knots = np.asarray(knots, dtype=np.float64)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(knots, axis=0), axis=1))])
    places = np.linspace(0, length[-1], count)
    path = np.stack([np.interp(places, length, knots[:, axis]) for axis in (0, 1)], axis=1)
    # Two rounds of averaging turn the corners into bends; the ends stay.
    for _ in range(max(2, count // 8)):
        path[1:-1] = (path[:-2] + 2 * path[1:-1] + path[2:]) / 4
    return path


def bar(path: Points, width_mm: float | Points) -> Points:
    """Closed outline of a bar around a path; `width_mm` may differ along it."""
    ahead = np.concatenate([path[1:], path[-1:]])
    along = ahead - np.concatenate([path[:1], path[:-1]])
    normal = along[:, ::-1] * (1.0, -1.0) / np.maximum(np.hypot(along[:, :1], along[:, 1:]), 1e-6)
    half = np.asarray(width_mm, dtype=np.float64).reshape(-1, 1) / 2 * normal
    return np.concatenate([path + half, (path - half)[::-1]])


def blob(centre: Points, radii: tuple[float, float], rng: np.random.Generator, rough: float = 0.15, count: int = 20) -> Points:
    """A closed, irregular oval."""
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    waves = np.arange(2, 6)[:, None]
    wobble = 1 + rough * (rng.normal(0, 1, (4, 1)) / waves * np.cos(waves * angle + rng.uniform(0, 7, (4, 1)))).sum(0)
    return np.asarray(centre + np.stack([radii[0] * np.cos(angle), radii[1] * np.sin(angle)], axis=1) * wobble[:, None])


def cloud(shape: tuple[int, int], cells: int, rng: np.random.Generator) -> Field:
    """(H, W) smooth noise of standard deviation about 1, `cells` bumps along the shorter side."""
    height, width = shape
    short = min(shape)
    grid = (max(2, round(cells * width / short)), max(2, round(cells * height / short)))
    coarse = rng.standard_normal((grid[1], grid[0]), dtype=np.float32)
    coarse *= np.float32(1.3)
    if short >= 16 * cells:
        # Bends are drawn small, where smooth interpolation is cheap.
        coarse = np.asarray(cv2.resize(coarse, (width // 4, height // 4), interpolation=cv2.INTER_CUBIC), np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def taper(path: Points, width_mm: float, tip: float = 0.35) -> Points:
    """Closed outline of a bar whose ends are rounded off, so that it does not stop as if sawn."""
    along = np.linspace(0, 1, len(path))
    ends = np.minimum(along, 1 - along) * len(path) / 3
    return bar(path, width_mm * np.clip(np.sqrt(np.clip(ends, 0, 1)), tip, 1))


def add_clutter(field: RayField, count: int, spread_mm: float, centre: Points, rng: np.random.Generator) -> None:
    """Faint shadows with an edge: skin folds, soft palate, vessels, kidneys, clothes; now and then a wire or a button."""
    for _ in range(count):
        place = centre + rng.normal(0, spread_mm, 2)
        radii = (rng.uniform(8, 45), rng.uniform(8, 45))
        field.add(blob(place, radii, rng, 0.3), rng.normal(0, 0.07), depth_mm=float(min(radii)) * 0.6, blur_mm=rng.uniform(0.5, 4))
    if rng.random() < 0.05:
        knots = centre + np.cumsum(rng.normal(0, 0.5 * spread_mm, (5, 2)), axis=0)
        field.stroke(curve(knots, 40), rng.uniform(0.3, 1.5), rng.uniform(0.8, 2.5))
    radius = rng.uniform(1.5, 4.5)
    for _ in range(int(rng.integers(1, 5)) if rng.random() < 0.08 else 0):
        field.add(blob(centre + rng.normal(0, spread_mm, 2), (radius, radius), rng, 0.03), rng.uniform(0.3, 2.0), 0.5, 1.0)


def add_cloud(field: RayField, strength: float, cells: int, rng: np.random.Generator) -> None:
    """Uneven soft tissue: fat planes, muscles and whatever else no shape here stands for."""
    for octave in range(4):
        field.values += np.float32(strength * 0.55**octave) * cloud(field.values.shape, round(cells * 2.1**octave), rng)


def add_gas(field: RayField, centre: Points, spread_mm: tuple[float, float], count: int, strength: float, rng: np.random.Generator) -> None:
    """A cluster of bowel gas pockets around a place."""
    for _ in range(count):
        radius = rng.uniform(4, 15)
        place = centre + rng.normal(0, spread_mm, 2)
        radii = (radius * rng.uniform(0.7, 1.6), radius * rng.uniform(0.6, 1.1))
        field.add(blob(place, radii, rng), -strength * rng.uniform(0.4, 1.0), depth_mm=0.7 * radius, blur_mm=0.8)
