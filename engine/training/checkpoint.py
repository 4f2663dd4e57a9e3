"""Save and load checkpoints: folders of safetensors files, each replaced as a whole.

* ``best`` and ``last`` hold ``model.safetensors``: the weights that are validated (their EMA if the run keeps one),
  under timm's names, with ``ModelFacts`` in the metadata.
* ``best`` also holds ``validation.csv``, the predictions of its weights.
* ``last`` also holds ``train_state.safetensors``: the optimiser, the raw weights if ``model.safetensors`` has their
  EMA, the best epoch's confusion matrix and the list of images; in the metadata the counters, the loss scaler, the
  precision and the device.

Entries of ``checkpoints/``, where X is ``best`` or ``last``:

==================  ============================================================================
``X``               the current checkpoint
``.X.new``          a checkpoint that is being written; removed by ``settle``
``.X.old``          the previous checkpoint, between the two renames of a save
``.best.known``     the ``best`` that ``last`` refers to, until ``last`` is saved again
``.last.first``     the ``last`` from before the first step, until a save of ``last`` knows a best epoch
==================  ============================================================================
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
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from engine.core.errors import UserError
from engine.core.files import fsync_folder, mode_in
from engine.core.tensor_file import read_metadata
from engine.data.listing import Listing
from engine.model.fitting import misfit, unreal
from engine.model.weights_file import os_error, read_tensors
from engine.recipe.model_sizes import ModelArgs
from engine.run.directory import VALIDATION
from engine.run.recorded_images import class_changes
from engine.run.train_state import (
    FIRST,
    KNOWN_BEST,
    MODEL,
    TRAIN_STATE,
    Cells,
    DamagedError,
    TrainState,
    decode,
    encode,
    newest,
    read_progress,
    reading,
    unusable,
)
from engine.training.optimizer import optimizer_misfit, restore_optimizer

Tensors = dict[str, torch.Tensor]
"""Tensors by name, as a state dict."""
Which = Literal["best", "last"]
"""The kinds of checkpoint: the best epoch's weights, and the state to resume from."""

_RAW = "model."
_BEST_CELLS = "best_cells"
"""int32 (cells, 3): true class, predicted class, images. A tensor, since there may be millions: the metadata is read
before torch is imported and stays small."""
_LISTING = "listing."
_MOST = (1 << 31) - 1
_LARGEST_SIDE = 4096


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is needed to use the weights; JSON under ``vrdl_tui`` in the metadata of ``model.safetensors``."""

    name: str
    classes: list[str]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    val_size: int
    pad: str
    dropout: float
    model_args: ModelArgs = field(default_factory=dict)
    """Further arguments of ``timm.create_model``, as ``img_size``: with them, the file opens with
    ``timm.create_model(name, num_classes=N, checkpoint_path=…, **model_args)``. Empty for most models."""
    best_epoch: int = 0
    """The best epoch when this was saved; in ``best``, the epoch of its weights."""

    def at_best(self, epoch: int) -> "ModelFacts":
        """Return a copy with ``epoch`` as the best epoch."""
        return replace(self, best_epoch=epoch)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a run, copied to the host: safe to write while training continues."""

    which: tuple[Which, ...]
    reason: str
    facts: ModelFacts
    progress: TrainState
    model: Tensors
    optimizer: Tensors
    scaler: dict[str, Any]
    precision: str = ""
    """The precision of training, a ``Precision.name``."""
    device: str = ""
    """The device type of training: ``cpu``, ``cuda``, ``mps``."""
    raw_model: Tensors = field(default_factory=dict)
    """The weights in training, if ``model`` holds their EMA; else empty."""
    listing: Listing | None = None
    """The run's images; None if ``last`` isn't saved."""
    judged: bytes = b""
    """Content of ``validation.csv``, for ``best``."""
    picture: Callable[[], object] | None = None
    """Draws the confusion matrix that belongs to ``best``. Raises only if the journal can't be written."""

    def size(self, which: Which) -> int:
        """Return the approximate size of the checkpoint's files, bytes."""
        parts = [self.model]
        if which == "last":
            parts += [self.optimizer, self.raw_model, _listing_tensors(self.listing)]
        return sum(tensor.nbytes for part in parts for tensor in part.values()) + len(self.judged)


@dataclass(frozen=True, slots=True)
class Resumed:
    """The counters of a ``last`` checkpoint, and what it was trained with; an empty ``device`` is unknown."""

    progress: TrainState
    precision: str
    device: str
    has_scaler: bool
    """Whether a loss scaler's state was saved; only float16 has one."""
    listing: Listing | None
    """The images it was trained on; None for a checkpoint of version 0.1.0."""


class LossScale(msgspec.Struct):
    """The state of torch's GradScaler."""

    scale: Annotated[float, msgspec.Meta(ge=0, le=2.0**127)]
    """At most the largest power of two in float32: torch lets it grow as long as it is finite."""
    growth_factor: float
    backoff_factor: float
    growth_interval: Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
    growth_tracker: Annotated[int, msgspec.Meta(ge=0, le=_MOST)] = msgspec.field(name="_growth_tracker")


def host_copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a contiguous copy on the host, since safetensors keeps no strides."""
    return tensor.detach().to("cpu", copy=True).contiguous()


def model_tensors(model: nn.Module) -> Tensors:
    """Return copies of a model's parameters and buffers on the host."""
    return {name: host_copy(value) for name, value in model.state_dict().items()}


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> Tensors:
    """Return copies of the optimiser's state on the host, named ``INDEX.NAME``."""
    states = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": host_copy(value)
        for index, state in states.items()
        for name, value in state.items()
    }


def save(folder: Path, which: Which, snapshot: Snapshot) -> int:
    """Write ``folder/which``, synced and with the permissions of ``folder``, and return its size in bytes.

    ``find`` finds a complete checkpoint at any moment: the previous one until the new one is in place. Two more are
    kept aside: the ``best`` that ``last`` refers to, for ``settle_best``, and the ``last`` from before the first step,
    for ``find_first``.

    Raises OSError, SafetensorError, and UserError as ``settle``; the previous checkpoint is then unchanged.
    """
    target, fresh, old = folder / which, folder / f".{which}.new", folder / f".{which}.old"
    settle(folder, which)
    fresh.mkdir(mode=folder.stat().st_mode & 0o777)
    try:
        facts = {"vrdl_tui": json.dumps(asdict(snapshot.facts))}
        _write(snapshot.model, fresh / MODEL, {"format": "pt", **facts})
        if which == "last":
            metadata = {
                "progress": encode(snapshot.progress),
                "scaler": json.dumps(snapshot.scaler),
                "precision": snapshot.precision,
                "device": snapshot.device,
            }
            raw = {f"{_RAW}{name}": value for name, value in snapshot.raw_model.items()}
            cells = _cells_tensors(snapshot.progress.best_cells)
            tensors = snapshot.optimizer | raw | cells | _listing_tensors(snapshot.listing)
            _write(tensors, fresh / TRAIN_STATE, metadata)
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
    """Return the folder of the newest complete checkpoint of a kind, or None. Raises as ``train_state.newest``."""
    return newest(folder, which)


def find_first(folder: Path) -> Path | None:
    """Return the folder of the checkpoint from before the first step, or None if none is kept."""
    return next((path for path in (folder / FIRST, folder / "last") if _is_first(path)), None)


def _is_first(last: Path) -> bool:
    try:
        progress = read_progress(last)
    except UserError:
        return False
    return (progress.epoch, progress.step) == (1, 0) and not progress.updates


def load_model_file(checkpoint: Path) -> tuple[Tensors, ModelFacts]:
    """Return a checkpoint's weights and facts.

    Raises UserError naming the file if it is damaged or can't be read, MemoryError or RuntimeError if memory runs out.
    """
    path = checkpoint / MODEL
    with reading(path):
        facts = _parse_facts(read_metadata(path)["vrdl_tui"])
        return read_tensors(path), facts


def read_model_args(checkpoint: Path) -> ModelArgs:
    """Return the arguments that a checkpoint's model was built with. Raises UserError for a damaged file."""
    path = checkpoint / MODEL
    with reading(path):
        return _parse_facts(read_metadata(path)["vrdl_tui"]).model_args


def load_weights(checkpoint: Path, model: nn.Module, classes: list[str]) -> tuple[Tensors, ModelFacts]:
    """Return a checkpoint's weights and facts, checked against ``model`` and ``classes``.

    Raises UserError if the checkpoint has other classes or doesn't fit ``model``, and as ``load_model_file``.
    """
    tensors, facts = load_model_file(checkpoint)
    # Classes before shapes: another number of classes changes the head's shape.
    if changes := class_changes(facts.classes, classes):
        raise UserError(
            f"the data's classes changed since the checkpoint: {changes}; put the folders back as they were, or start "
            "a new run: vrdl-tui train DATA"
        )
    if problem := misfit(model.state_dict(), tensors, exact=True):
        raise unusable(checkpoint / MODEL, problem)
    return tensors, facts


def load_last(
    checkpoint: Path, model: nn.Module, judged: nn.Module, optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler, classes: list[str],
) -> Resumed:  # fmt: skip
    """Load a ``last`` checkpoint into the models, the optimiser and the scaler, and return its counters.

    ``judged`` is the EMA of ``model``, or ``model`` itself if none is kept. A checkpoint can be resumed in any
    precision: ``scaler`` is unchanged if it is disabled or if no state was saved.

    Everything is checked before anything is loaded. Raises UserError if the checkpoint has other ``classes`` or doesn't
    fit, and as ``load_model_file``.
    """
    tensors, _ = load_weights(checkpoint, judged, classes)
    path = checkpoint / TRAIN_STATE
    with reading(path):
        metadata = read_metadata(path)
        progress = decode(metadata["progress"])
        loss_scale = _parse_scaler(metadata["scaler"])
        state = read_tensors(path)
        listing = _parse_listing(
            {key.removeprefix(_LISTING): state.pop(key) for key in list(state) if key.startswith(_LISTING)}
        )
        if (cells := state.pop(_BEST_CELLS, None)) is not None:
            progress.best_cells = _parse_cells(cells)
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
    # Version 0.1.0 saved neither precision nor device; only float16 has a loss scaler.
    precision = metadata.get("precision") or ("fp16" if loss_scale else "")
    device = metadata.get("device", "")
    return Resumed(progress, precision, device, has_scaler=bool(loss_scale), listing=listing)


def _parse_scaler(text: str) -> dict[str, Any]:
    """Return the state of a loss scaler, {} if none was in use. Raises ValueError for anything else."""
    try:
        table = msgspec.json.decode(text, type=dict[str, Any])
        return msgspec.to_builtins(msgspec.convert(table, LossScale)) if table else {}
    except RecursionError:
        raise ValueError("its loss scaler is nested too deeply") from None


def _parse_facts(text: str) -> ModelFacts:
    """Return the facts in a checkpoint's metadata. Raises ValueError or KeyError if no run could have written them."""
    try:
        table = json.loads(text)
        facts = ModelFacts(
            name=str(table["name"]), classes=[str(name) for name in table["classes"]],
            mean=tuple(map(float, table["mean"])), std=tuple(map(float, table["std"])),
            val_size=int(table["val_size"]), pad=str(table["pad"]), dropout=float(table["dropout"]),
            best_epoch=int(table["best_epoch"]), model_args=_parse_args(table.get("model_args", {})),
        )  # fmt: skip
    except (TypeError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None
    _check_facts(facts)
    return facts


def _cells_tensors(cells: Cells) -> Tensors:
    return {_BEST_CELLS: torch.tensor(cells, dtype=torch.int32)} if cells else {}


def _parse_cells(tensor: torch.Tensor) -> Cells:
    """Return the cells in ``tensor``. Raises ValueError unless ``_cells_tensors`` could have made it."""
    if (
        tensor.dtype is not torch.int32
        or tensor.dim() != 2
        or tensor.shape[1] != 3
        or bool((tensor < 0).any())
    ):
        raise ValueError("its confusion matrix is malformed")
    return [(true, predicted, images) for true, predicted, images in tensor.tolist()]


def _parse_listing(found: Tensors) -> Listing | None:
    """Return the list of images; None if there is none. Raises ValueError unless ``_listing_tensors`` made it."""
    if not found:
        return None
    kinds = {"train": torch.int64, "val": torch.int64, "active": torch.bool}
    if (
        {name: tensor.dtype for name, tensor in found.items()} != kinds
        or any(tensor.dim() != 1 for tensor in found.values())
        or len(found["active"]) != len(found["train"])
    ):
        raise ValueError("its list of images is incomplete or malformed")
    return Listing(**{name: tensor.numpy() for name, tensor in found.items()})


def _parse_args(table: Any) -> ModelArgs:
    """Return the arguments that a model was built with. Raises ValueError for any that no run has."""
    switches = ("dynamic_img_size", "strict_img_size")
    for key, value in dict(table).items():
        is_size = key == "img_size" and type(value) is int and 16 <= value <= _LARGEST_SIDE
        if not is_size and not (key in switches and isinstance(value, bool)):
            raise ValueError("its model_args are none that a run has")
    return dict(table)


def _listing_tensors(listing: Listing | None) -> Tensors:
    if listing is None:
        return {}
    arrays = (("train", listing.train), ("val", listing.val), ("active", listing.active))
    return {f"{_LISTING}{name}": torch.from_numpy(array) for name, array in arrays}


def _check_facts(facts: ModelFacts) -> None:
    """Raise ValueError for facts that no run writes: memory for images is allocated by them."""
    numbers = (*facts.mean, *facts.std)
    if not 16 <= facts.val_size <= 4096 or facts.pad not in ("square", "stretch"):
        raise ValueError("its val_size or pad is out of range")
    if (
        len(facts.mean) != 3
        or len(facts.std) != 3
        or not all(map(math.isfinite, numbers))
        or min(facts.std) <= 0
    ):
        raise ValueError("its mean and std must be three finite numbers each, std above 0")


def settle(folder: Path, which: Which) -> None:
    """Clean up after a save that a kill interrupted: keep the newest complete checkpoint, remove the others.

    Raises OSError, and UserError if one of them can't be read now; nothing complete is removed then.
    """
    target, old = folder / which, folder / f".{which}.old"
    shutil.rmtree(folder / f".{which}.new", ignore_errors=True)
    found = newest(folder, which)
    if found is not None and found != target:
        shutil.rmtree(target, ignore_errors=True)  # damaged: the run resumed from the older one
        found.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def settle_best(folder: Path, best_epoch: int) -> None:
    """Make ``best`` the checkpoint of ``best_epoch``, the best epoch that the resumed ``last`` knows, if it is kept.

    After a kill, ``best`` may be of a later epoch, which is trained again and may turn out differently. Raises OSError,
    and UserError if one of them can't be read now.
    """
    target, known = folder / "best", folder / KNOWN_BEST
    if 0 < best_epoch == _epoch_of(known) != _epoch_of(target):
        shutil.rmtree(target, ignore_errors=True)
        known.rename(target)
        fsync_folder(folder)
    shutil.rmtree(known, ignore_errors=True)


def _epoch_of(best: Path) -> int:
    """Return the epoch of the weights, 0 if they are damaged or missing. Raises UserError if they can't be read."""
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
        # safetensors wraps a full disk in its own error.
        raise os_error(error, path) or error from None


def _sync(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        # safetensors creates files that only their owner can read.
        os.fchmod(fd, mode_in(path.parent) & 0o644)
        os.fsync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
