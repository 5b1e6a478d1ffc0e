"""Ways to tune a SAM: what is added to the foundation, and what of it all is trained."""

from collections.abc import Callable, Iterable
from inspect import signature
from typing import Any

from torch import nn

from spinefm.models.adapter import Initialisation, adapt_decoder, adapt_encoder
from spinefm.models.sam import Sam

Parameters = Iterable[nn.Parameter]


def adapter_tuning(model: Sam, initialisation: Initialisation = "zero", decoder: bool = False) -> Parameters:
    """Adapters in the frozen image encoder, and the whole mask decoder.

    Args:
        model: Gets the adapters.
        initialisation: See `Adapter`.
        decoder: Whether the mask decoder gets adapters too.
    """
    added = adapt_encoder(model.image_encoder, initialisation)
    if decoder:
        adapt_decoder(model.mask_decoder.transformer, initialisation)
    return [*(parameter for adapter in added for parameter in adapter.parameters()), *model.mask_decoder.parameters()]


def lora_tuning(model: Sam, rank: int = 8, alpha: float = 16.0) -> Parameters:
    """Low-rank updates of the image encoder's queries, keys and values, and the whole mask decoder.

    Args:
        model: Gets the updates.
        rank: Of an update.
        alpha: An update is scaled by alpha / rank.

    Raises:
        ValueError: If `rank` is not positive, or peft is not installed.

    Source: arXiv:2106.09685.
    """
    if rank < 1:
        raise ValueError(f"Expected `tuning.rank` to be at least 1, but got {rank}.")
    try:
        from peft import LoraConfig, inject_adapter_in_model  # an extra, and seconds to import
    except ModuleNotFoundError as error:
        raise ValueError("Expected peft for `tuning=lora`, but it is missing. `pip install -e '.[lora]'`.") from error
    inject_adapter_in_model(LoraConfig(r=rank, lora_alpha=alpha, target_modules=["qkv"]), model.image_encoder)  # type: ignore[arg-type]
    added = [parameter for name, parameter in model.image_encoder.named_parameters() if ".lora_" in name]
    return [*added, *model.mask_decoder.parameters()]


def decoder_tuning(model: Sam) -> Parameters:
    """The mask decoder alone."""
    return list(model.mask_decoder.parameters())


def full_tuning(model: Sam) -> Parameters:
    """Everything."""
    return model.parameters()


TUNINGS: dict[str, Callable[..., Parameters]] = {
    "adapter": adapter_tuning,
    "lora": lora_tuning,
    "decoder_only": decoder_tuning,
    "full": full_tuning,
}


def apply_tuning(model: Sam, box_prompts: bool, method: str, **options: Any) -> None:
    """Prepare a SAM for a way of tuning, in place: what is not trained no longer requires a gradient.

    Args:
        model: As it was built.
        box_prompts: Whether it will be prompted with boxes and not with points.
        method: A key of `TUNINGS`.
        options: Of that method.

    Raises:
        ValueError: If there is no such method, or it has no such option.
    """
    if method not in TUNINGS:
        raise ValueError(f"Expected `tuning.method` to be one of {', '.join(TUNINGS)}, but got `{method}`.")
    known = [*signature(TUNINGS[method]).parameters][1:]
    if unknown := sorted(options.keys() - set(known)):
        raise ValueError(f"Expected of `tuning={method}` the options {', '.join(known) or 'none'}, but got {', '.join(unknown)}.")
    trained = [*TUNINGS[method](model, **options), *(model.detail.parameters() if model.detail is not None else ())]
    model.requires_grad_(False)
    for parameter in trained:
        parameter.requires_grad_(True)
    for module in _unused_parts(model, box_prompts):
        module.requires_grad_(False)


def _unused_parts(model: Sam, box_prompts: bool) -> list[nn.Module]:
    """What is there for SAM's weights to fit, but never used.

    A parameter that waits in vain for its gradient stops training on several devices.
    """
    prompts, decoder = model.prompt_encoder, model.mask_decoder
    points, corners = [prompts.not_a_point_embed, *prompts.point_embeddings[:2]], prompts.point_embeddings[2:]
    other_prompts = points if box_prompts else corners
    return [prompts.mask_downscaling, *other_prompts, *decoder.output_hypernetworks_mlps[model.readers :], decoder.iou_prediction_head]


def is_added(key: str) -> bool:
    """Whether a key of a tuned SAM's state dict belongs to what was added to the foundation."""
    return ".adapter." in key or ".lora_" in key or key.startswith("detail.")


def foundation_key(key: str) -> str:
    """What a key of a tuned SAM's state dict is called in the foundation's: tuning wraps layers and calls the wrapped one `base_layer`."""
    return key.replace(".base_layer.", ".")
