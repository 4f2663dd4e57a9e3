"""Checkpoints: a folder of safetensors that appears whole, written beside the training.

``checkpoints/best`` and ``checkpoints/last`` hold ``model.safetensors``: the weights that are judged, their
running mean where one is kept (plain timm names, the model's facts in its metadata). ``last`` also holds
``train_state.safetensors``: the optimiser, the weights themselves where ``model.safetensors`` has their mean,
the best epoch's confusion matrix, which images the run has, and in its metadata the loss scaler, the counters, and in
which precision and on which device it was trained. ``best`` also holds ``validation.csv``, of its own weights.
"""

import json
import math
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from engine.core.errors import UserError
from engine.core.files import fsync_folder, mode_in
from engine.core.tensor_file import read_metadata
from engine.data.images import class_changes
from engine.data.listing import Listing
from engine.model.build import misfit, os_error, read_tensors, unreal
from engine.run.directory import VALIDATION
from engine.run.train_state import (
    FIRST,
    KNOWN_BEST,
    MODEL,
    TRAIN_STATE,
    Cells,
    DamagedError,
    Progress,
    decode,
    encode,
    newest,
    read_progress,
    reading,
    unusable,
)
from engine.training.optimizer import optimizer_misfit, restore_optimizer

Tensors = dict[str, torch.Tensor]
Which = Literal["best", "last"]

_RAW = "model."
_BEST_CELLS = "best_cells"
"""(cells, 3): true class, predicted class, images; int32. A header, which is read before torch is imported, has no
room for the millions that there may be."""
_LISTING = "listing."
_MOST = (1 << 31) - 1


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
    precision: str = ""
    """In which the weights were trained, as ``Precision.name`` has it."""
    device: str = ""
    """On which: ``cpu``, ``cuda``, ``mps``."""
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


@dataclass(frozen=True, slots=True)
class Resumed:
    """Where a ``last`` checkpoint stands, and what it was trained with: ``device`` is empty where that isn't known."""

    progress: Progress
    precision: str
    device: str
    has_scaler: bool
    """Whether a loss scaler's state was saved, as of float16 alone."""


class LossScale(msgspec.Struct):
    """The state of torch's GradScaler."""

    scale: Annotated[float, msgspec.Meta(ge=0, le=2.0**127)]
    """As a power of two the greatest that float32 holds: torch lets it grow as long as it is finite."""
    growth_factor: float
    backoff_factor: float
    growth_interval: Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
    growth_tracker: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] = msgspec.field(name="_growth_tracker")


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
    saved is kept until that is saved again, for ``settle_best``, and a ``last`` from before the first step until
    there are best weights, for ``find_first``. Raises OSError, SafetensorError, and UserError as ``settle``, in which
    case the one before is untouched.
    """
    target, fresh, old = folder / which, folder / f".{which}.new", folder / f".{which}.old"
    settle(folder, which)
    fresh.mkdir(mode=folder.stat().st_mode & 0o777)
    try:
        facts = {"vrdl_tui": json.dumps(asdict(snapshot.facts))}
        _write(snapshot.model, fresh / MODEL, {"format": "pt", **facts})
        if which == "last":
            table = {
                "progress": encode(snapshot.progress),
                "scaler": json.dumps(snapshot.scaler),
                "precision": snapshot.precision,
                "device": snapshot.device,
            }
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
    known, first = folder / KNOWN_BEST, folder / FIRST
    has_best = snapshot.progress.policy.best_epoch > 0
    if target.exists():
        aside = known if which == "best" else first
        keeps = not aside.exists() and (which == "best" or (not has_best and _is_first(target)))
        target.rename(aside if keeps else old)
    fresh.rename(target)
    fsync_folder(folder)
    shutil.rmtree(old, ignore_errors=True)
    if which == "last":
        shutil.rmtree(known, ignore_errors=True)
        if has_best:
            shutil.rmtree(first, ignore_errors=True)
    return size


def find(folder: Path, which: Which) -> Path | None:
    """Return the folder of the newest complete checkpoint of a kind, None if there is none."""
    return newest(folder, which)


def find_first(folder: Path) -> Path | None:
    """Return the folder of the checkpoint from before the first step, None where none is kept."""
    return next((path for path in (folder / FIRST, folder / "last") if _is_first(path)), None)


def _is_first(last: Path) -> bool:
    try:
        progress = read_progress(last)
    except UserError:
        return False
    return (progress.epoch, progress.step) == (1, 0)


def load_model_file(checkpoint: Path) -> tuple[Tensors, ModelFacts]:
    """Read a checkpoint's weights and facts.

    Raises UserError naming the file when it is damaged or can't be read, MemoryError or RuntimeError where there is no
    memory for it.
    """
    path = checkpoint / MODEL
    with reading(path):
        facts = _parse_facts(read_metadata(path)["vrdl_tui"])
        return read_tensors(path), facts


def load_weights(checkpoint: Path, model: nn.Module, classes: list[str]) -> tuple[Tensors, ModelFacts]:
    """Read a checkpoint's weights and facts, for ``model`` and ``classes``.

    Raises UserError when the checkpoint is damaged, doesn't fit, or was made for other classes; else as
    ``load_model_file``.
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
) -> Resumed:  # fmt: skip
    """Put models, optimiser and scaler back to a ``last`` checkpoint and return where it stands.

    ``judged`` is the running mean of ``model``, or ``model`` itself where none is kept. A ``scaler`` for which nothing
    was saved stays as it is, and one that is switched off takes nothing: a checkpoint is resumed in any precision.
    Raises UserError when the checkpoint is damaged, doesn't fit, or was made for other ``classes``; all of it is
    checked before anything is put back. Else as ``load_model_file``.
    """
    tensors, _ = load_weights(checkpoint, judged, classes)
    path = checkpoint / TRAIN_STATE
    with reading(path):
        table = read_metadata(path)
        progress = decode(table["progress"])
        loss_scale = _parse_scaler(table["scaler"])
        state = {key: value for key, value in read_tensors(path).items() if not key.startswith(_LISTING)}
        if (cells := state.pop(_BEST_CELLS, None)) is not None:
            progress.best_cells = _cells_of(cells)
    raw = {key.removeprefix(_RAW): state.pop(key) for key in list(state) if key.startswith(_RAW)}
    if any(not 0 <= cell[side] < len(classes) for cell in progress.best_cells for side in (0, 1)):
        raise unusable(path, "its confusion matrix has other classes")
    if problem := (
        (raw and misfit(model.state_dict(), raw, exact=True))
        or unreal(state)
        or optimizer_misfit(optimizer, state)
    ):
        raise unusable(path, problem)
    restore_optimizer(optimizer, state)
    judged.load_state_dict(tensors)
    model.load_state_dict(raw or tensors)
    if loss_scale and scaler.is_enabled():
        scaler.load_state_dict(loss_scale)
    # Earlier versions say neither; only float16 has a loss scaler.
    precision = table.get("precision") or ("fp16" if loss_scale else "")
    return Resumed(progress, precision, table.get("device", ""), has_scaler=bool(loss_scale))


def _parse_scaler(text: str) -> dict[str, Any]:
    """Return what a loss scaler takes, {} where none was in use. Raises ValueError for anything else."""
    try:
        table = msgspec.json.decode(text, type=dict[str, Any])
        return msgspec.to_builtins(msgspec.convert(table, LossScale)) if table else {}
    except RecursionError:
        raise ValueError("its loss scaler is nested too deep") from None


def _parse_facts(text: str) -> ModelFacts:
    """Return the facts in a checkpoint's metadata. Raises ValueError and KeyError for what no run writes."""
    try:
        table = json.loads(text)
        facts = ModelFacts(
            name=str(table["name"]), classes=[str(name) for name in table["classes"]],
            mean=tuple(map(float, table["mean"])), std=tuple(map(float, table["std"])),
            val_size=int(table["val_size"]), pad=str(table["pad"]), dropout=float(table["dropout"]),
            best_epoch=int(table["best_epoch"]),
        )  # fmt: skip
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    _check_facts(facts)
    return facts


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
    with reading(path):
        try:
            with safe_open(path, "numpy") as file:
                names = [name for name in file.keys() if name.startswith(_LISTING)]  # noqa: SIM118 - no mapping
                found = {name.removeprefix(_LISTING): file.get_tensor(name) for name in names}
        except SafetensorError as error:
            raise os_error(error, path) or ValueError(str(error)) from None
        if not found:
            return None
        if set(found) != {"train", "val", "active"}:
            raise ValueError("its listing of the images isn't whole")
        listing = Listing(**found)
        arrays = ((listing.train, np.int64), (listing.val, np.int64), (listing.active, np.bool_))
        if any(array.dtype != kind or array.ndim != 1 for array, kind in arrays) or (
            len(listing.active) != len(listing.train)
        ):
            raise ValueError("its listing of the images isn't whole")
        return listing


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
    """Clean up after a save that a kill cut short: keep the complete one, drop the rest.

    Raises OSError, and UserError where one can't be read now: all of them stay.
    """
    target, old = folder / which, folder / f".{which}.old"
    shutil.rmtree(folder / f".{which}.new", ignore_errors=True)
    found = newest(folder, which)
    if found is not None and found != target:
        shutil.rmtree(target, ignore_errors=True)  # damaged: the run went on from the older one
        found.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def settle_best(folder: Path, best_epoch: int) -> None:
    """Have ``best`` be of ``best_epoch``, as the ``last`` that a run goes on from knows it, if it is there.

    After a kill it may be of a later epoch, which is trained anew and may turn out otherwise. Raises OSError, and
    UserError where one of them can't be read now.
    """
    target, known = folder / "best", folder / KNOWN_BEST
    if 0 < best_epoch == _epoch_of(known) != _epoch_of(target):
        shutil.rmtree(target, ignore_errors=True)
        known.rename(target)
        fsync_folder(folder)
    shutil.rmtree(known, ignore_errors=True)


def _epoch_of(best: Path) -> int:
    """Return of which epoch the weights are, 0 where they are damaged or gone. Raises UserError."""
    path = best / MODEL
    try:
        with reading(path):
            return _parse_facts(read_metadata(path)["vrdl_tui"]).best_epoch
    except DamagedError:
        return 0


def _write(tensors: Tensors, path: Path, metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        # A full disk is no matter of tensors.
        raise os_error(error, path) or error from None


def _sync(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        # safetensors makes its files for their owner alone.
        os.fchmod(fd, mode_in(path.parent) & 0o644)
        os.fsync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
