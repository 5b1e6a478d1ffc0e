"""Putting the weights of a foundation model into a SAM, tuned or not, of the same shape or of another input size."""

import logging
from collections.abc import Collection, Mapping

from torch import Tensor
from torch.nn.functional import interpolate

from spinefm.models.sam import Sam
from spinefm.models.tuning import foundation_key, is_added

log = logging.getLogger(__name__)

POSITIONS = "image_encoder.pos_embed"
RELATIVE_POSITIONS = ("rel_pos_h", "rel_pos_w")
MASK_TOKENS = "mask_decoder.mask_tokens.weight"
TOKEN_SCORES = "mask_decoder.iou_prediction_head.layers.2."
TOKEN_KERNELS = "mask_decoder.output_hypernetworks_mlps."
STATISTICS = ("pixel_mean", "pixel_std")
"""Buffers of `segment_anything.Sam` that some files hold; they are constants and nothing here uses them."""


def load_foundation(model: Sam, weights: Mapping[str, Tensor], source: str, kept: Collection[str] = ()) -> None:
    """Load a foundation's state dict, strictly but for what was added to it; nothing is loaded if anything does not fit.

    Tables of positions that were made for another input size are resampled, and of more mask tokens than the model has the first are
    taken; both are logged.

    Args:
        model: Any size, tuned or not.
        weights: Keys of `segment_anything.Sam`.
        source: Where they come from, for messages.
        kept: Keys of the model that stay as they are, because they come from elsewhere.

    Raises:
        ValueError: If a key is missing, unexpected or of another shape; names every one.
    """
    own = {foundation_key(key): value for key, value in model.state_dict().items() if key in weights or not is_added(key)}
    kept_names = {foundation_key(key) for key in kept}
    wanted = {key: value for key, value in own.items() if key not in kept_names}
    fitted = _resampled(_with_tokens(weights, len(own[MASK_TOKENS])), wanted, _image_wide_tables(model))
    missing, unexpected = sorted(wanted.keys() - fitted.keys()), sorted(fitted.keys() - own.keys() - {*STATISTICS})
    pairs = {key: (_shape(fitted[key]), _shape(wanted[key])) for key in wanted if key in fitted}
    wrong = [f"{key} {found} for {expected}" for key, (found, expected) in pairs.items() if found != expected]
    if missing or unexpected or wrong:
        raise ValueError(
            f"The weights {source} do not fit this SAM: missing {missing}, unexpected {unexpected}, of another shape {wrong}. "
            "Choose the `foundation` they were made for."
        )
    keys = [key for key in model.state_dict() if foundation_key(key) in wanted]
    model.load_state_dict({key: fitted[foundation_key(key)] for key in keys}, strict=False)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape))


def _with_tokens(weights: Mapping[str, Tensor], number: int) -> Mapping[str, Tensor]:
    """The weights of a mask decoder with so many tokens, if they have more; the tokens that are left out are logged."""
    if MASK_TOKENS not in weights or len(weights[MASK_TOKENS]) <= number:
        return weights
    log.info("Took the first %d of %d mask tokens.", number, len(weights[MASK_TOKENS]))
    dropped = tuple(f"{TOKEN_KERNELS}{i}." for i in range(number, len(weights[MASK_TOKENS])))
    return {
        key: value[:number] if key == MASK_TOKENS or key.startswith(TOKEN_SCORES) else value
        for key, value in weights.items()
        if not key.startswith(dropped)
    }


def _image_wide_tables(model: Sam) -> set[str]:
    """Keys of the tables whose length depends on the input size: those of windows do not."""
    blocks = getattr(model.image_encoder, "blocks", [])
    everywhere = [i for i, block in enumerate(blocks) if block.window_size == 0]
    return {POSITIONS, *(f"image_encoder.blocks.{i}.attn.{table}" for i in everywhere for table in RELATIVE_POSITIONS)}


def _resampled(weights: Mapping[str, Tensor], wanted: Mapping[str, Tensor], tables: Collection[str]) -> dict[str, Tensor]:
    """The weights, with these tables of positions brought to the lengths that the model wants."""
    fitted = dict(weights)
    for key in weights.keys() & wanted.keys() & set(tables):
        found, value = weights[key], wanted[key]
        if found.shape == value.shape or found.ndim != value.ndim or found.shape[-1] != value.shape[-1]:
            continue
        resample = resample_positions if key == POSITIONS else resample_relative_positions
        fitted[key] = resample(found, value.shape[-2])
        log.info("Resampled %s from %s to %s for this input size.", key, _shape(found), _shape(fitted[key]))
    return fitted


def resample_positions(table: Tensor, grid: int) -> Tensor:
    """(1, G, G, D) embeddings of positions to (1, `grid`, `grid`, D), bicubic: a token keeps the embedding of its place in the image."""
    resized = interpolate(table.permute(0, 3, 1, 2), (grid, grid), mode="bicubic", antialias=True, align_corners=False)
    return resized.permute(0, 2, 3, 1)


def resample_relative_positions(table: Tensor, length: int) -> Tensor:
    """(2G - 1, d) embeddings of distances to (`length`, d), linear, as `segment_anything` itself does while it runs."""
    return interpolate(table.T[None], length, mode="linear")[0].T
