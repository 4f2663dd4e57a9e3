"""Where a run stands: the counters that, with weights and optimiser, make a checkpoint."""

import struct
from pathlib import Path

import msgspec

from engine.errors import UserError
from engine.policy import PolicyState
from engine.text import printable

Cells = list[tuple[int, int, int]]
"""A sparse confusion matrix: (true class, predicted class, count), empty cells left out."""

TRAIN_STATE = "train_state.safetensors"

_LARGEST_HEADER = 100 << 20


class Progress(msgspec.Struct):
    """``step`` steps of ``epoch`` (from 1) are done; a finished epoch is step 0 of the next.

    The sums are over the epoch's steps so far. ``log_length`` is the size of ``train.log`` in bytes.
    """

    policy: PolicyState
    epoch: int = 1
    step: int = 0
    loss_sum: float = 0.0
    correct: int = 0
    seen: int = 0
    best_val_acc: float = 0.0
    best_cells: Cells = msgspec.field(default_factory=list)
    log_length: int = 0
    cut: bool = False
    """Whether the rest of the epoch's steps are left out."""

    def begin_next_epoch(self, log_length: int) -> None:
        self.epoch += 1
        self.step = 0
        self.cut = False
        self.log_length = log_length
        self.loss_sum, self.correct, self.seen = 0.0, 0, 0

    def copy(self) -> "Progress":
        return msgspec.structs.replace(self)


def encode(progress: Progress) -> str:
    return msgspec.json.encode(progress).decode()


def decode(text: str) -> Progress:
    """Raises msgspec.DecodeError for anything but what ``encode`` wrote."""
    return msgspec.json.decode(text, type=Progress)


class _Metadata(msgspec.Struct):
    progress: str


class _Header(msgspec.Struct):
    metadata: _Metadata = msgspec.field(name="__metadata__")


def peek(checkpoints: Path) -> Progress | None:
    """Return where ``checkpoints/last`` stands, from its file's header, before torch is imported.

    None when there is none; of a save cut short, the older. Raises UserError when it can't be read.
    """
    for name in ("last", ".last.old"):
        folder = checkpoints / name
        if folder.exists():
            try:
                return _from_header(folder / TRAIN_STATE)
            except (OSError, msgspec.DecodeError) as error:
                raise UserError(f"checkpoint {printable(str(folder))} can't be read: {error}") from None
    return None


def _from_header(path: Path) -> Progress:
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8).ljust(8, b"\0"))
        header = msgspec.json.decode(file.read(min(length, _LARGEST_HEADER)), type=_Header)
    return decode(header.metadata.progress)
