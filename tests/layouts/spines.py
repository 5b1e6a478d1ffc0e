"""The spine that several layouts show, a little different on each film."""

from tests.layouts.quads import draw, quad

SIZE = (180, 120)
"""Rows and columns of a film."""


def spine(number, num_quads):
    """Quads (4, 2) from head to foot, each 20 pixels below the one before."""
    left, lean, degrees = 52.3 + 4 * (number % 3), number % 2, 4 * (number % 3 - 1)
    return [quad((left + lean * step, 18.6 + 20 * step), 26, 15, degrees) for step in range(num_quads)]


def draw_spine(number, num_quads):
    """(H, W) uint8 of `SIZE`: the film of `spine`."""
    return draw(spine(number, num_quads), SIZE, seed=number)
