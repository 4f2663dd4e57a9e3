"""Checkpoints: a folder of safetensors that appears whole, written beside the training.

``checkpoints/best`` and ``checkpoints/last`` hold ``model.safetensors``: the weights that are judged, their
running mean where one is kept (plain timm names, the model's facts in its metadata). ``last`` also holds
``train_state.safetensors``: the optimiser, the weights themselves where ``model.safetensors`` has their mean,
the best epoch's confusion matrix, which images the run has, and in its metadata the loss scaler and the counters.
``best`` also holds
``validation.csv``, of its own weights.
"""

import json
import math
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from engine.core.errors import UserError
from engine.core.files import fsync_folder, mode_in
from engine.core.tensor_file import read_metadata
from engine.data.images import class_changes
from engine.data.listing import Listing
from engine.model.build import misfit, unreal
from engine.run.directory import VALIDATION
from engine.run.train_state import (
    KNOWN_BEST,
    MODEL,
    TRAIN_STATE,
    Cells,
    Progress,
    decode,
    encode,
    newest,
    unusable,
)
from engine.training.optimizer import restore_optimizer

Tensors = dict[str, torch.Tensor]
Which = Literal["best", "last"]

_RAW = "model."
_BEST_CELLS = "best_cells"
"""(cells, 3): true class, predicted class, images; int32. A header, which is read before torch is imported, has no
room for the millions that there may be."""
_LISTING = "listing."
_OS_ERROR = re.compile(r"\(os error (\d+)\)")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What anyone needs to use the weights: kept in the safetensors' metadata under ``vrdl_tui``."""

    name: str
    classes: list[str]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    val_size: int
    pad: str
    dropout: float
    best_epoch: int = 0
    """The epoch that gave the best score when this was saved: in ``best``, its own."""

    def at_best(self, epoch: int) -> "ModelFacts":
        return replace(self, best_epoch=epoch)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of a run, copied off the device: safe to write while training goes on."""

    which: tuple[Which, ...]
    reason: str
    facts: ModelFacts
    progress: Progress
    model: Tensors
    optimizer: Tensors
    scaler: dict[str, Any]
    raw_model: Tensors = field(default_factory=dict)
    """The weights in training, where ``model`` is their running mean."""
    listing: Listing | None = None
    """The run's images; None: ``last`` isn't saved."""
    judged: bytes = b""
    """What ``best`` says of the validation images: validation.csv's content."""
    picture: Callable[[], object] | None = None
    """Draws the picture that belongs to ``best``. Raises only for a journal that can't be written."""

    def size(self, which: Which) -> int:
        """Return about how many bytes its files take."""
        parts = (self.model, self.optimizer, self.raw_model) if which == "last" else (self.model,)
        listing = sum(tensor.nbytes for tensor in _tensors(self.listing).values()) if which == "last" else 0
        return sum(tensor.nbytes for part in parts for tensor in part.values()) + listing + len(self.judged)


def host_copy(tensor: torch.Tensor) -> torch.Tensor:
    """Copy to the host in the plain layout, since safetensors keeps no strides."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def model_tensors(model: nn.Module) -> Tensors:
    """Copy a model's weights and statistics to the host."""
    return {name: host_copy(value) for name, value in model.state_dict().items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Flatten the optimiser's state to ``index.name`` tensors on the host."""
    states = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": host_copy(value)
        for index, state in states.items()
        for name, value in state.items()
    }


def save(folder: Path, which: Which, snapshot: Snapshot) -> int:
    """Write ``folder/which`` whole, open to nobody to whom ``folder`` is closed, and return its size in bytes.

    At every moment one complete checkpoint can be found, by ``find``; the ``best`` that was there when ``last`` was
    saved is kept until that is saved again, for ``settle_best``. Raises OSError and SafetensorError, in which case
    the one before is untouched.
    """
    target, fresh, old = folder / which, folder / f".{which}.new", folder / f".{which}.old"
    settle(folder, which)
    fresh.mkdir(mode=folder.stat().st_mode & 0o777)
    try:
        facts = {"vrdl_tui": json.dumps(asdict(snapshot.facts))}
        _write(snapshot.model, fresh / MODEL, {"format": "pt", **facts})
        if which == "last":
            table = {"progress": encode(snapshot.progress), "scaler": json.dumps(snapshot.scaler)}
            raw = {f"{_RAW}{name}": value for name, value in snapshot.raw_model.items()}
            cells = _cells_tensors(snapshot.progress.best_cells)
            kept = snapshot.optimizer | raw | cells | _tensors(snapshot.listing)
            _write(kept, fresh / TRAIN_STATE, table)
        elif snapshot.judged:
            (fresh / VALIDATION).write_bytes(snapshot.judged)
        size = sum(_sync(file) for file in fresh.iterdir())
        fsync_folder(fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    known = folder / KNOWN_BEST
    if target.exists():
        target.rename(known if which == "best" and not known.exists() else old)
    fresh.rename(target)
    fsync_folder(folder)
    shutil.rmtree(old, ignore_errors=True)
    if which == "last":
        shutil.rmtree(known, ignore_errors=True)
    return size


def find(folder: Path, which: Which) -> Path | None:
    """Return the folder of the newest complete checkpoint of a kind, None if there is none."""
    return newest(folder, which)


def load_model_file(checkpoint: Path) -> tuple[Tensors, ModelFacts]:
    """Read a checkpoint's weights and facts. Raises UserError naming the file when it is damaged."""
    path = checkpoint / MODEL
    try:
        table = json.loads(read_metadata(path)["vrdl_tui"])
        facts = ModelFacts(
            name=str(table["name"]), classes=[str(name) for name in table["classes"]],
            mean=tuple(map(float, table["mean"])), std=tuple(map(float, table["std"])),
            val_size=int(table["val_size"]), pad=str(table["pad"]), dropout=float(table["dropout"]),
            best_epoch=int(table["best_epoch"]),
        )  # fmt: skip
        _check_facts(facts)
        return load_file(path), facts
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise unusable(path, str(error).partition("\n")[0]) from None


def load_weights(checkpoint: Path, model: nn.Module, classes: list[str]) -> tuple[Tensors, ModelFacts]:
    """Read a checkpoint's weights and facts, for ``model`` and ``classes``.

    Raises UserError when the checkpoint is damaged, doesn't fit, or was made for other classes.
    """
    tensors, facts = load_model_file(checkpoint)
    # First: with another number of classes the head has another shape.
    if changes := class_changes(facts.classes, classes):
        raise UserError(
            f"the data's classes are no longer those of the checkpoint; {changes}; put the folders back as they were, "
            "or start a new run: vrdl-tui train DATA"
        )
    if problem := misfit(model.state_dict(), tensors, exact=True):
        raise unusable(checkpoint / MODEL, problem)
    return tensors, facts


def load_last(
    checkpoint: Path, model: nn.Module, judged: nn.Module, optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler, classes: list[str],
) -> Progress:  # fmt: skip
    """Put models, optimiser and scaler back to a ``last`` checkpoint and return its counters.

    ``judged`` is the running mean of ``model``, or ``model`` itself where none is kept. Raises UserError
    when the checkpoint is damaged, doesn't fit, or was made for other ``classes``.
    """
    tensors, _ = load_weights(checkpoint, judged, classes)
    path = checkpoint / TRAIN_STATE
    try:
        table = read_metadata(path)
        progress = decode(table["progress"])
        state = {key: value for key, value in load_file(path).items() if not key.startswith(_LISTING)}
        if (cells := state.pop(_BEST_CELLS, None)) is not None:
            progress.best_cells = _cells_of(cells)
        if any(not 0 <= cell[side] < len(classes) for cell in progress.best_cells for side in (0, 1)):
            raise ValueError("its confusion matrix has other classes")
        raw = {key.removeprefix(_RAW): state.pop(key) for key in list(state) if key.startswith(_RAW)}
        if problem := (raw and misfit(model.state_dict(), raw, exact=True)) or unreal(state):
            raise ValueError(problem)
        restore_optimizer(optimizer, state)
        judged.load_state_dict(tensors)
        model.load_state_dict(raw or tensors)
        if scaler_state := json.loads(table["scaler"]):  # empty where optim.amp asked for none
            scaler.load_state_dict(scaler_state)
        return progress
    except (
        OSError, SafetensorError, RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError,
    ) as error:  # fmt: skip
        raise unusable(path, error) from None


def _cells_tensors(cells: Cells) -> Tensors:
    return {_BEST_CELLS: torch.tensor(cells, dtype=torch.int32)} if cells else {}


def _cells_of(tensor: torch.Tensor) -> Cells:
    """Raises ValueError for anything but what ``_cells_tensors`` makes."""
    if (
        tensor.dtype is not torch.int32
        or tensor.dim() != 2
        or tensor.shape[1] != 3
        or bool((tensor < 0).any())
    ):
        raise ValueError("its confusion matrix isn't one")
    return [(true, predicted, images) for true, predicted, images in tensor.tolist()]


def load_listing(checkpoint: Path) -> Listing | None:
    """Return the images that a ``last`` checkpoint was trained on; None for one of an older version.

    Raises UserError when it is damaged.
    """
    path = checkpoint / TRAIN_STATE
    try:
        with safe_open(path, "numpy") as file:
            names = [name for name in file.keys() if name.startswith(_LISTING)]  # noqa: SIM118 - no mapping
            found = {name.removeprefix(_LISTING): file.get_tensor(name) for name in names}
        if not found:
            return None
        listing = Listing(**found)
        arrays = ((listing.train, np.int64), (listing.val, np.int64), (listing.active, np.bool_))
        if any(array.dtype != kind or array.ndim != 1 for array, kind in arrays) or (
            len(listing.active) != len(listing.train)
        ):
            raise ValueError("its listing of the images isn't whole")
        return listing
    except (OSError, SafetensorError, ValueError, TypeError) as error:
        raise unusable(path, error) from None


def _tensors(listing: Listing | None) -> Tensors:
    if listing is None:
        return {}
    arrays = (("train", listing.train), ("val", listing.val), ("active", listing.active))
    return {f"{_LISTING}{name}": torch.from_numpy(array) for name, array in arrays}


def _check_facts(facts: ModelFacts) -> None:
    """Raise ValueError for facts that no run writes: room is made for images by them."""
    numbers = (*facts.mean, *facts.std)
    if not 16 <= facts.val_size <= 4096 or facts.pad not in ("square", "stretch"):
        raise ValueError("no recipe has its val_size and pad")
    if (
        len(facts.mean) != 3
        or len(facts.std) != 3
        or not all(map(math.isfinite, numbers))
        or min(facts.std) <= 0
    ):
        raise ValueError("its mean and std aren't three numbers each")


def settle(folder: Path, which: Which) -> None:
    """Clean up after a save that a kill cut short: keep the complete one, drop the rest."""
    target, old = folder / which, folder / f".{which}.old"
    shutil.rmtree(folder / f".{which}.new", ignore_errors=True)
    found = newest(folder, which)
    if found is not None and found != target:
        shutil.rmtree(target, ignore_errors=True)  # damaged: the run went on from the older one
        found.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def settle_best(folder: Path, best_epoch: int) -> None:
    """Have ``best`` be of ``best_epoch``, as the ``last`` that a run goes on from knows it, if it is there.

    After a kill it may be of a later epoch, which is trained anew and may turn out otherwise.
    """
    target, known = folder / "best", folder / KNOWN_BEST
    if 0 < best_epoch == _epoch_of(known) != _epoch_of(target):
        shutil.rmtree(target, ignore_errors=True)
        known.rename(target)
        fsync_folder(folder)
    shutil.rmtree(known, ignore_errors=True)


def _epoch_of(best: Path) -> int:
    try:
        return int(json.loads(read_metadata(best / MODEL)["vrdl_tui"])["best_epoch"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return 0


def _write(tensors: Tensors, path: Path, metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        if code := _OS_ERROR.search(str(error)):  # a full disk is no matter of tensors
            raise OSError(int(code[1]), os.strerror(int(code[1])), str(path)) from None
        raise


def _sync(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        # safetensors makes its files for their owner alone.
        os.fchmod(fd, mode_in(path.parent) & 0o644)
        os.fsync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
