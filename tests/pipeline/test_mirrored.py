"""Every patch seen twice, once in the mirror: masks lie as the vertebrae do, and what errs to one side errs to neither."""

import pytest
import torch

from spinefm.geometry.masks import mask_iou
from spinefm.pipeline.mirrored import MirroredSegmenter
from spinefm.pipeline.oracle import OraclePipeline
from spinefm.structures import PatchBox, Patches
from tests.oracles import BrightSegmenter, Counting, OracleClassifier, OraclePredictor, OracleSegmenter, inductive_pipeline, make_film


def patches_of(*pixels):
    number = len(pixels)
    boxes, ids = tuple(PatchBox(i, 2 * i, 40) for i in range(number)), tuple(f"film_{i}" for i in range(number))
    return Patches(torch.stack(pixels)[:, None], boxes, (20.0,) * number, ids, (10.0,) * number, ("anna",) * number)


def bright(columns):
    """A patch with a bright block in some of its 32 columns."""
    pixels = torch.zeros(32, 32)
    pixels[8:24, columns] = 1.0
    return pixels


def test_masks_lie_where_they_are_seen():
    patches, plain = patches_of(bright(slice(4, 20)), bright(slice(20, 30))), BrightSegmenter(input_size=32)
    torch.testing.assert_close(MirroredSegmenter(plain).segment(patches), plain.segment(patches))


def test_what_errs_to_one_side_errs_to_neither():
    logits = MirroredSegmenter(BrightSegmenter(input_size=32, shift=2)).segment(patches_of(bright(slice(8, 24))))[0]
    torch.testing.assert_close(logits, logits.flip(-1))
    assert (logits > 0).sum() == 4 * 8 and (logits == 0).any()  # both looks agree on the middle, and on nothing else


def test_one_call_shows_the_patches_and_their_mirror_images_with_all_that_is_known_of_them():
    patches, segmenter = patches_of(bright(slice(4, 20)), bright(slice(20, 30))), BrightSegmenter(input_size=32)
    MirroredSegmenter(segmenter).segment(patches)
    (shown,) = segmenter.seen
    torch.testing.assert_close(shown.pixels, torch.cat([patches.pixels, patches.pixels.flip(-1)]))
    assert shown.leans == (10.0, 10.0, -10.0, -10.0) and shown.readers == ("anna",) * 4
    assert (shown.film_ids, shown.boxes, shown.spacings) == (patches.film_ids * 2, patches.boxes * 2, patches.spacings * 2)


FILM = make_film()


class Counted(Counting, OracleSegmenter):
    pass


@pytest.mark.parametrize("upright", [False, True])
def test_a_pipeline_shows_each_patch_twice_if_told(upright):
    once, twice = Counted([FILM]), Counted([FILM])
    for segmenter, mirrored in ((once, False), (twice, True)):
        # What an oracle draws of a patch in the mirror is no mirror image; steps are counted, not masks.
        inductive_pipeline([FILM], segmenter=segmenter, mirrored=mirrored, upright=upright, max_steps=0)([FILM])
    assert twice.patches == 2 * once.patches > 0


def test_true_masks_are_not_mirrored():
    """Vertebrae that lean are other ones in the mirror."""
    film = make_film(tilt=0.5)
    parts = {"mask_rcnn": None, "resnet": OracleClassifier([film]), "point_predictor": OraclePredictor([film])}
    pipeline = OraclePipeline(["mask_rcnn", "sam_adapter"], mirrored=True, upright=False, sam_adapter=OracleSegmenter([film]), **parts)
    (spine,) = pipeline([film])
    assert min(mask_iou(mine, true) for mine, true in zip(spine.vertebrae, film.vertebrae, strict=True)) > 0.98
