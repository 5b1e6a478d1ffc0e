"""What a component gives a pipeline, as tensors."""

import torch

from spinefm.structures import PatchBox, Patches, Trails


def predictions(component, films):
    """Of the networks that see whole films on these, of the others on random input, the same every time."""
    generator = torch.Generator().manual_seed(7)
    if component.name == "mask_rcnn":
        found = component.detect(films)
        return [torch.tensor([[*v.centroid, v.confidence, *v.box, v.mask.sum()] for v in each.vertebrae]) for each in found]
    if component.name == "point_predictor":
        trails = Trails(100 * torch.rand(4, 3, 2, generator=generator), torch.tensor([[96.0, 160.0]] * 4), ("a",) * 4)
        return [component.predict_next(trails)]
    if component.name == "unet":
        return component.segment_films(films)
    side = component.input_size
    patches = Patches(
        torch.rand(3, 1, side, side, generator=generator),
        (PatchBox(0, 0, side),) * 3,
        (side / 3,) * 3,
        ("a",) * 3,
        (0.0,) * 3,
        (None,) * 3,
    )
    return [component.classify(patches) if component.name == "resnet" else component.segment(patches)]
