"""Checkpoints: a folder of safetensors that appears whole, written beside the training.

``checkpoints/best`` and ``checkpoints/last`` hold ``model.safetensors``: the weights that are judged, their
running mean where one is kept (plain timm names, the model's facts in its metadata). ``last`` also holds
``train_state.safetensors``: the optimiser, the weights themselves where ``model.safetensors`` has their mean,
and in its metadata the loss scaler and the counters.
"""

import json
import os
import queue
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from engine.errors import UserError
from engine.event import Event
from engine.events import CheckpointSaved, Warning
from engine.files import fsync_folder
from engine.progress import TRAIN_STATE, Progress, decode, encode
from engine.text import printable

Tensors = dict[str, torch.Tensor]
Which = Literal["best", "last"]

_MODEL = "model.safetensors"
_RAW = "model."


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


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Put back what ``optimizer_tensors`` took, in each parameter's own memory layout.

    The layout matters for exactness: kernels round alike only on alike strides.
    """
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    states: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        like = parameters[int(index)]
        if value.shape == like.shape:
            value = torch.empty_like(like, dtype=value.dtype).copy_(value)
        states.setdefault(int(index), {})[name] = value
    table = optimizer.state_dict()
    table["state"] = states
    optimizer.load_state_dict(table)


class CheckpointWriter:
    """Writes snapshots on a thread, in order, and says so in the journal once they are safe on disk.

    A save that fails (a full disk) is a warning in the journal; the checkpoint before it stays.
    """

    def __init__(self, folder: Path, emit: Callable[[Event], object]) -> None:
        self._folder = folder
        self._emit = emit
        self._queue: queue.Queue[Snapshot | None] = queue.Queue(maxsize=1)
        self._failure = ""
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def submit(self, snapshot: Snapshot) -> None:
        """Hand a snapshot over; waits only while two others are still to be written."""
        self._queue.put(snapshot)

    def flush(self) -> str:
        """Wait until everything handed over is dealt with; return why the last save failed, or nothing."""
        self._queue.join()
        return self._failure

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (snapshot := self._queue.get()) is not None:
            try:
                for which in snapshot.which:
                    self._save(which, snapshot)
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _save(self, which: Which, snapshot: Snapshot) -> None:
        started = time.monotonic()
        self._failure = ""
        try:
            size = save(self._folder, which, snapshot)
        except (OSError, SafetensorError) as error:
            self._failure = f"checkpoint {which} could not be written: {printable(str(error), 200)}"
            self._emit(Warning(message=self._failure))
            return
        best = which == "best"
        self._emit(
            CheckpointSaved(
                which=which,
                epoch=snapshot.facts.best_epoch if best else snapshot.progress.epoch,
                step=0 if best else snapshot.progress.step,
                reason=snapshot.reason,
                size=size,
                seconds=time.monotonic() - started,
            )
        )


def save(folder: Path, which: Which, snapshot: Snapshot) -> int:
    """Write ``folder/which`` whole, replacing the one before, and return its size in bytes.

    At every moment one complete checkpoint can be found, by ``find``. Raises OSError, in which case the
    one before is untouched.
    """
    target, fresh, old = folder / which, folder / f".{which}.new", folder / f".{which}.old"
    _settle(folder, which)
    fresh.mkdir()
    try:
        facts = {"vrdl_tui": json.dumps(asdict(snapshot.facts))}
        save_file(snapshot.model, fresh / _MODEL, {"format": "pt", **facts})
        if which == "last":
            table = {"progress": encode(snapshot.progress), "scaler": json.dumps(snapshot.scaler)}
            raw = {f"{_RAW}{name}": value for name, value in snapshot.raw_model.items()}
            save_file(snapshot.optimizer | raw, fresh / TRAIN_STATE, table)
        size = sum(_sync(file) for file in fresh.iterdir())
        fsync_folder(fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    fsync_folder(folder)
    shutil.rmtree(old, ignore_errors=True)
    return size


def find(folder: Path, which: Which) -> Path | None:
    """Return the folder of the newest complete checkpoint of a kind, None if there is none."""
    return next(
        (path for path in (folder / which, folder / f".{which}.old") if (path / _MODEL).is_file()), None
    )


def load_model_file(checkpoint: Path) -> tuple[Tensors, ModelFacts]:
    """Read a checkpoint's weights and facts. Raises UserError naming the file when it is damaged."""
    path = checkpoint / _MODEL
    try:
        with safe_open(path, "pt") as file:
            table = json.loads((file.metadata() or {})["vrdl_tui"])
        facts = ModelFacts(
            name=str(table["name"]), classes=[str(name) for name in table["classes"]],
            mean=tuple(map(float, table["mean"])), std=tuple(map(float, table["std"])),
            val_size=int(table["val_size"]), pad=str(table["pad"]), dropout=float(table["dropout"]),
            best_epoch=int(table["best_epoch"]),
        )  # fmt: skip
        return load_file(path), facts
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"checkpoint {printable(str(path))} can't be read: {printable(str(error), 200)}"
        ) from None


def load_last(
    checkpoint: Path, model: nn.Module, judged: nn.Module, optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler, classes: list[str],
) -> Progress:  # fmt: skip
    """Put models, optimiser and scaler back to a ``last`` checkpoint and return its counters.

    ``judged`` is the running mean of ``model``, or ``model`` itself where none is kept. Raises UserError
    when the checkpoint is damaged, doesn't fit, or was made for other ``classes``.
    """
    tensors, facts = load_model_file(checkpoint)
    if facts.classes != classes:
        raise UserError(
            "the data's classes are no longer those of the checkpoint; put the folders back as they were"
        )
    path = checkpoint / TRAIN_STATE
    try:
        with safe_open(path, "pt") as file:
            table = file.metadata() or {}
        state = load_file(path)
        raw = {key.removeprefix(_RAW): state.pop(key) for key in list(state) if key.startswith(_RAW)}
        judged.load_state_dict(tensors)
        model.load_state_dict(raw or tensors)
        restore_optimizer(optimizer, state)
        scaler.load_state_dict(json.loads(table["scaler"]))
        return decode(table["progress"])
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, IndexError) as error:
        raise UserError(
            f"checkpoint {printable(str(path))} can't be used: {printable(str(error), 200)}"
        ) from None


def _settle(folder: Path, which: Which) -> None:
    """Clean up after a save that a kill cut short: keep the complete one, drop the rest."""
    target, old = folder / which, folder / f".{which}.old"
    shutil.rmtree(folder / f".{which}.new", ignore_errors=True)
    if old.exists() and not target.exists():
        old.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _sync(path: Path) -> int:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
        return os.fstat(fd).st_size
    finally:
        os.close(fd)
