"""Films of bright quads, turned this way and that, on darker noise."""

import numpy as np


def quad(centre, width, height, degrees=0.0):
    """(4, 2) corners from the top left one clockwise, turned clockwise on the film."""
    half = np.array([(-width, -height), (width, -height), (width, height), (-width, height)]) / 2
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return half @ np.array([(cos, sin), (-sin, cos)]) + centre


def fill(corners, size):
    """(H, W) mask of the pixels whose centres lie in a clockwise convex polygon: to the right of each of its edges."""
    rows, columns = np.mgrid[: size[0], : size[1]] + 0.5
    edges = np.roll(corners, -1, axis=0) - corners
    sides = [dx * (rows - y) - dy * (columns - x) for (x, y), (dx, dy) in zip(corners, edges, strict=True)]
    return np.all(np.array(sides) > 0, axis=0)


def draw(quads, size, seed):
    """(H, W) uint8."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(30, 60, size, dtype=np.uint8)
    for corners in quads:
        inside = fill(corners, size)
        pixels[inside] = rng.integers(180, 220, inside.sum())
    return pixels
