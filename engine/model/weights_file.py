"""Read the tensors of a weights file: safetensors, or what torch.save wrote, without running any code in it."""

import argparse
import errno
import os
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import psutil
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from engine.core.errors import UserError, first_line, is_out_of_memory
from engine.core.files import is_about_content, read_regular
from engine.core.tensor_file import read_metadata
from engine.core.text import printable
from engine.recipe.weights_source import is_safetensors, refuse_foreign

Tensors = dict[str, torch.Tensor]
"""Tensors by name, as in a state dict."""

_OS_ERROR = re.compile(r"\(os error (\d+)\)")
_DEEPEST = 3
"""Levels of mappings in a checkpoint below which no state dict is looked for."""
_LARGEST_CONFIG = 1 << 20


@dataclass(frozen=True, slots=True)
class WeightsFile:
    """The state dicts of a weights file, in its order."""

    path: Path
    states: dict[str, Tensors]
    """Tensors by their place in the file, its keys joined by dots, such as ``state_dict_ema``; "": the whole file."""
    model: str = ""
    """The model that the file says it is of, in timm's or another program's words; "": it doesn't say."""


def read_weights(path: Path) -> WeightsFile:
    """Return the state dicts in a safetensors file, or in a PyTorch file (.pth, .pt, .bin, .ckpt).

    A PyTorch file may hold plain values besides tensors, as training checkpoints do, with NumPy's numbers and
    ``argparse.Namespace``. Raises UserError naming the file if it is missing, unreadable, damaged or holds code
    (other pickled objects), and MemoryError or RuntimeError if memory runs out.
    """
    shown = printable(str(path))
    try:
        if is_safetensors(path):
            metadata = read_metadata(path)
            return WeightsFile(path, {"": read_tensors(path)}, _model_in(metadata) or _model_beside(path))
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
                f"model.weights: {shown} can't be read: {error.strerror or printable(first_line(error), 200)}"
            ) from error
        raise UserError(
            f"model.weights: {shown} is not a weights file: {printable(first_line(error), 200)}; download it again, "
            "or give another"
        ) from None
    states = dict(_states(content))
    if not states:
        raise UserError(f"model.weights: {shown} holds no state dict (tensors by name); give another")
    return WeightsFile(path, states, _model_of(content) or _model_beside(path))


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


def os_error(error: Exception, path: Path) -> OSError | None:
    """Return the OSError behind a safetensors error, parsed from its message; None if the content is at fault."""
    found = _OS_ERROR.search(str(error))
    return OSError(int(found[1]), os.strerror(int(found[1])), str(path)) if found else None


def _states(content: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[str, Tensors]]:
    """Yield the state dicts in what was unpickled, with their places; optimisers' have other content."""
    if not isinstance(content, Mapping) or "param_groups" in content:
        return
    tensors = {
        name: value
        for name, value in content.items()
        if isinstance(name, str) and isinstance(value, torch.Tensor)
    }
    if tensors:
        yield ".".join(place), tensors
    if len(place) < _DEEPEST:
        for key, value in content.items():
            if isinstance(key, str):
                yield from _states(value, (*place, key))


def _model_in(metadata: Mapping[str, str]) -> str:
    """Return the model that a checkpoint of this program names in its safetensors header."""
    try:
        facts = msgspec.json.decode(metadata.get("vrdl_tui", "{}"))
    except (msgspec.DecodeError, RecursionError):
        return ""
    name = facts.get("name") if isinstance(facts, dict) else None
    return name if isinstance(name, str) else ""


def _model_of(content: Mapping[str, Any]) -> str:
    """Return the model that a training checkpoint names, as timm's and torchvision's reference scripts write it."""
    arguments = content.get("args")
    hyperparameters = content.get("hyper_parameters")
    named = [getattr(arguments, "model", None), content.get("arch")]
    if isinstance(hyperparameters, Mapping):
        named += [hyperparameters.get(key) for key in ("model_name", "model", "arch", "backbone")]
    return next((name for name in named if isinstance(name, str) and name), "")


def _model_beside(path: Path) -> str:
    """Return the model that a ``config.json`` beside the file names, as in a snapshot of timm's hub."""
    try:
        config = msgspec.json.decode(read_regular(path.with_name("config.json"), _LARGEST_CONFIG))
    except (OSError, msgspec.DecodeError, RecursionError):
        return ""
    name = config.get("architecture") if isinstance(config, dict) else None
    return name if isinstance(name, str) else ""


class _NumberType:
    """Stands for ``numpy.dtype`` while a file is unpickled: NumPy's own would allocate whatever a file asks for."""

    def __init__(self, code: str, *_: object) -> None:
        self.code = code

    def __setstate__(self, _: object) -> None:
        """Accept and ignore the byte order and the fields."""


class _Number:
    """Stands for a scalar of NumPy, such as a metric, while a file is unpickled. Its value isn't used."""

    def __init__(self, *_: object) -> None:
        pass


_PLAIN: list[Any] = [
    argparse.Namespace,
    (_NumberType, "numpy.dtype"),
    (_Number, "numpy._core.multiarray.scalar"),
    (_Number, "numpy.core.multiarray.scalar"),  # before NumPy 2
]
"""What timm's train.py saves besides tensors and Python's own plain types."""


def _unpickled(path: Path) -> Any:
    """Return the content of a file that torch.save wrote. Raises UserError for damage and code, else as torch.load."""
    try:
        with torch.serialization.safe_globals(_PLAIN):
            return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, ValueError):
        raise
    except Exception as error:  # torch.load raises many types for damaged files and refused pickles
        if is_out_of_memory(error) and not _fits_memory(2 * path.stat().st_size):
            raise
        raise UserError(
            f"model.weights: {printable(str(path))} is damaged or holds more than tensors{_objects_in(path)}, so it "
            "isn't loaded; if you trust it, save its state_dict() alone, as .safetensors, in the program that made it"
        ) from error


def _objects_in(path: Path) -> str:
    """Return the names of the objects for which a file is refused, in brackets; "" if they can't be listed."""
    try:
        with torch.serialization.safe_globals(_PLAIN):
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # a damaged file raises many types
        return ""
    names = sorted(str(name) for name in names)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f" ({', '.join(printable(name, 60) for name in names[:3])}{more})" if names else ""


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
    """Raise ValueError unless ``path`` is a regular file, and for a compressed archive; UserError for another format.

    torch writes uncompressed archives. A compressed one could make it allocate any amount of memory. Raises OSError if
    the file can't be read.
    """
    if not path.is_file():
        path.stat()
        raise ValueError("it is not a regular file")
    refuse_foreign(path)
    try:
        with zipfile.ZipFile(path) as archive:
            content = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile:  # a bare pickle, as torch wrote before 1.6
        return
    except NotImplementedError as error:  # a damaged version number
        raise ValueError(str(error)) from None
    if content > path.stat().st_size:
        raise ValueError("it unpacks to more than its own size")
