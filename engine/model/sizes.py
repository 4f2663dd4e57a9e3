"""The sizes of image that a timm model takes: tried out on the meta device, which computes shapes and no numbers."""

from collections.abc import Callable, Iterator
from typing import Any

import timm
import torch
from torch import nn
from torch.nn import functional

from engine.core.errors import UserError, first_line, is_out_of_memory
from engine.core.text import printable
from engine.recipe.model_sizes import NO_ARGS, ModelArgs, is_plain
from engine.recipe.sections import Data, Model
from engine.recipe.weights_source import is_published, weights_source

_LARGEST_REAL = 20_000_000
"""Parameters up to which a model that can't be tried on the meta device is tried with real numbers."""
_STEPS = (1, 2, 4, 8, 14, 16, 28, 32, 56, 64)
"""Multiples of which a model may take every size, px."""


def model_args(model: Model, data: Data) -> ModelArgs:
    """Return how to build a recipe's model for its sizes of image: with one dry pass, unless it takes any size.

    Raises UserError as ``try_model`` does.
    """
    if is_plain(model.name, data):
        return NO_ARGS
    return try_model(
        model.name,
        data.train_size,
        data.val_size,
        data.batch_size,
        pretrained=is_published(weights_source(model)),
    )


def try_model(
    name: str, train_size: int, val_size: int, batch_size: int, args: ModelArgs | None = None, *,
    pretrained: bool = False,
) -> ModelArgs:  # fmt: skip
    """Train ``name`` for one step at ``train_size`` px, validate it at ``val_size`` px, and return how to build it.

    Tries in turn: the model as it is, with timm's ``img_size``, and for two sizes with ``dynamic_img_size`` or
    ``strict_img_size``. With ``args``, only those are tried. With ``pretrained``, timm's published weights must fit the
    model that is built so. Raises UserError with what the model takes instead.
    """
    reasons = []
    for choice in [args] if args is not None else list(_choices(name, train_size, val_size)):
        problem = _problem(name, train_size, val_size, min(batch_size, 2), choice)
        if not problem and pretrained:
            problem = _weights_problem(name, choice)
        if not problem:
            return choice
        reasons.append(problem)
    raise UserError(_refusal(name, train_size, val_size, batch_size, reasons[0]))


def own_sizes(name: str) -> tuple[int, int]:
    """Return the sizes for training and validation, px, by a model's pretrained configuration. Raises UserError."""
    config = _config(name)
    train = int(config.get("input_size", (3, 224, 224))[-1])
    test = config.get("test_input_size")
    return train, int(test[-1]) if test and not config.get("fixed_input_size") else train


def _choices(name: str, train_size: int, val_size: int) -> Iterator[ModelArgs]:
    if _config(name).get("fixed_input_size") and (train_size, val_size) != (own_sizes(name)[0],) * 2:
        if train_size != val_size:
            yield {"img_size": train_size, "dynamic_img_size": True}
            yield {"img_size": train_size, "strict_img_size": False}
        yield {"img_size": train_size}
        yield {}
    else:
        yield {}
        yield {"img_size": train_size}


def _config(name: str) -> dict[str, Any]:
    if timm.is_model(name):
        published = timm.models.get_pretrained_cfg(name)
        return published.to_dict() if published is not None else {}
    config = getattr(_build(name, {}), "pretrained_cfg", None)
    return config if isinstance(config, dict) else {}


def _build(name: str, args: ModelArgs) -> nn.Module:
    try:
        with torch.device("meta"):
            module: nn.Module = timm.create_model(name, num_classes=2, **args)
    except (TypeError, NotImplementedError) as error:
        if args and isinstance(error, TypeError):
            raise
        module = timm.create_model(name, num_classes=2, **args)  # its initialisation needs numbers
    return module


def _problem(name: str, train_size: int, val_size: int, images: int, args: ModelArgs) -> str:
    """Return why a step of training and one of validation can't be made, "" if they can."""
    try:
        module = _build(name, args)
        try:
            return _passes(module, train_size, val_size, images)
        except NotImplementedError:  # an operation that has no shapes without numbers
            if sum(weight.numel() for weight in module.parameters()) > _LARGEST_REAL:
                return ""
            return _passes(timm.create_model(name, num_classes=2, **args), train_size, val_size, images)
    except Exception as error:  # models raise anything for a size they don't take
        if is_out_of_memory(error):
            raise
        return printable(first_line(error), 160)


_WEIGHTS = "its pretrained weights"


def _weights_problem(name: str, args: ModelArgs) -> str:
    """Return that a model's published weights don't fit it when it is built with ``args``, "" if they do.

    timm itself loads weights of the right shapes, without numbers, and converts them as it would the real ones.
    """
    if "img_size" not in args:
        return ""
    try:
        with torch.device("meta"):
            own = timm.create_model(name, num_classes=2).state_dict()
            overlay = {"state_dict": own}
            timm.create_model(name, pretrained=True, num_classes=2, pretrained_cfg_overlay=overlay, **args)
    except RuntimeError as error:
        return f"{_WEIGHTS} don't fit" if "size mismatch" in str(error) else ""
    except Exception as error:  # what can't be tried without numbers is found out when they are loaded
        if is_out_of_memory(error):
            raise
    return ""


def _passes(module: nn.Module, train_size: int, val_size: int, images: int) -> str:
    device = next(module.parameters()).device
    make: Callable[[int], torch.Tensor] = lambda size: torch.zeros(images, 3, size, size, device=device)  # noqa: E731
    outputs = module.train()(make(train_size))
    if not isinstance(outputs, torch.Tensor) or outputs.shape != (images, 2):
        shape = tuple(outputs.shape) if isinstance(outputs, torch.Tensor) else type(outputs).__name__
        return f"it isn't a classifier: for {images} images and 2 classes it gives {shape}"
    functional.cross_entropy(outputs.float(), torch.zeros(images, dtype=torch.long, device=device)).backward()
    with torch.inference_mode():
        module.eval()(make(val_size))
    return ""


def _refusal(name: str, train_size: int, val_size: int, batch_size: int, reason: str) -> str:
    """Return in one line why the model can't be trained so, and how it can."""
    shown = printable(name, 80)
    if reason.startswith("it isn't a classifier"):
        return f"model.name: {shown} can't be trained: {reason}; choose another"
    if reason.startswith(_WEIGHTS):
        size = own_sizes(name)[0]
        asked = train_size if train_size != size else val_size
        return (
            f"model.name: {shown} has pretrained weights for {size} px, which don't fit {asked} px: set "
            f"data.train_size={size} and data.val_size={size}, or model.pretrained=false"
        )
    if batch_size == 1 and _takes(name, train_size, val_size, 2):
        return (
            f"data.batch_size=1: {shown} normalises over the images of a batch and needs at least 2; "
            "set data.batch_size=2 or more"
        )
    own = own_sizes(name)
    if train_size != val_size:
        one = [size for size in dict.fromkeys((train_size, val_size)) if _takes(name, size, size, 2)]
        if one:
            return (
                f"model.name: {shown} takes one size for training and validation, not {train_size} and {val_size} px; "
                f"set data.val_size=data.train_size: {' or '.join(f'both to {size}' for size in one)}"
            )
    if not _takes(name, *own, 2):
        return f"model.name: {shown} can't be trained: {reason}"
    asked = train_size if train_size == val_size or not _takes(name, train_size, train_size, 2) else val_size
    return (
        f"model.name: {shown} doesn't take images of {asked} px; it takes {_sizes(name, asked, own)}: "
        f"set data.train_size={own[0]} and data.val_size={own[1]}"
    )


def _takes(name: str, train_size: int, val_size: int, images: int) -> bool:
    return any(
        not _problem(name, train_size, val_size, images, choice)
        for choice in _choices(name, train_size, val_size)
    )


def _sizes(name: str, asked: int, own: tuple[int, int]) -> str:
    """Return in words which sizes near ``asked`` a model takes."""
    for step in _STEPS:
        below, above = asked // step * step, (asked // step + 1) * step
        near = [size for size in (below, above) if size >= 16 and size != asked]
        if near and all(_takes(name, size, size, 2) for size in near):
            return f"{' and '.join(str(size) for size in near)} px near that, {own[0]} px as pretrained"
    larger = next(
        (size for size in range(32 * (asked // 32 + 1), own[0], 32) if _takes(name, size, size, 2)), 0
    )
    return f"{larger} px and more, {own[0]} px as pretrained" if larger else f"{own[0]} px only"
