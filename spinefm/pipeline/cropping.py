"""A part of a film as a film of its own, and back."""

from dataclasses import replace

from spinefm.structures import Radiograph, Spine

Part = tuple[int, int, int, int]
"""(x0, y0, x1, y1) of a film, pixels, x1 and y1 exclusive."""


def whole_of(size: tuple[int, int]) -> Part:
    """All of a film of (H, W) pixels."""
    height, width = size
    return 0, 0, width, height


def cropped(film: Radiograph, part: Part) -> Radiograph:
    """The part of a film, with its annotations; the film itself where that is all of it."""
    if part == whole_of(film.size):
        return film
    x0, y0, x1, y1 = part
    vertebrae = tuple(vertebra.moved(-x0, -y0) for vertebra in film.vertebrae)
    landmarks = tuple(replace(mark, point=(mark.point[0] - x0, mark.point[1] - y0)) for mark in film.landmarks)
    return replace(film, pixels=film.pixels[y0:y1, x0:x1], vertebrae=vertebrae, landmarks=landmarks)


def on_whole(film: Radiograph, spine: Spine, part: Part) -> Spine:
    """What was found on a part of a film, in pixels of the whole one."""
    return replace(spine, size=film.size, vertebrae=tuple(vertebra.moved(*part[:2]) for vertebra in spine.vertebrae))
