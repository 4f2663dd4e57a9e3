"""Where a run stands: the counters that, with weights and optimiser, make a checkpoint."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from engine.core.errors import UserError, is_out_of_memory
from engine.core.files import is_about_content
from engine.core.tensor_file import read_metadata
from engine.core.text import printable
from engine.recipe.schedule import PolicyState

Cells = list[tuple[int, int, int]]
"""A sparse confusion matrix: (true class, predicted class, count), empty cells left out."""

MODEL = "model.safetensors"
TRAIN_STATE = "train_state.safetensors"
KNOWN_BEST = ".best.known"
"""In ``checkpoints``: the best weights that ``last`` knows of, while there are newer ones."""
FIRST = ".last.first"
"""In ``checkpoints``: the ``last`` from before the first step, until there are best weights to go back to."""

_MOST = 1 << 53
_LARGEST_LR = 10.0
"""As ``optim.lr`` has it."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]


class Progress(msgspec.Struct):
    """``step`` steps of ``epoch`` (from 1) are done; a finished epoch is step 0 of the next.

    The sums are over the epoch's steps so far. ``log_length`` is the size of ``train.log`` in bytes.
    """

    policy: PolicyState
    epoch: Annotated[int, msgspec.Meta(ge=1, le=_MOST)] = 1
    step: _Count = 0
    loss_sum: float = 0.0
    correct: _Count = 0
    seen: _Count = 0
    best_val_acc: float = 0.0
    best_cells: Cells = msgspec.field(default_factory=list)
    """Of the best epoch. Not in a checkpoint's header but in its tensors, except in those of version 0.1.0."""
    log_length: _Count = 0
    announced: bool = False
    """Whether ``train.log`` has the epoch's first line."""
    cut: bool = False
    """Whether the rest of the epoch's steps are left out."""
    stopped: bool = False
    """Whether the early-stop rule has ended the training: no epoch follows."""
    command: str = ""
    """The id of the newest command that changed this: one that a kill left unanswered is in force all the same."""

    nan_rollbacks: _Count = 0
    """How often the run went back to earlier weights because its numbers were none any more."""
    recipe: dict[str, str] = msgspec.field(default_factory=dict)
    """Every key of the recipe in force when this was saved; empty in checkpoints of older versions."""

    updates: _Count | None = None
    """The optimiser's steps since training began; None in a run of 0.1.0, which didn't count them."""
    updates_before: _Count | None = None
    """The same when the epoch began."""

    def count_update(self) -> None:
        if self.updates is not None:
            self.updates += 1

    def begin_next_epoch(self, log_length: int) -> None:
        self.epoch += 1
        self.step = 0
        self.updates_before = self.updates
        self.announced = self.cut = False
        self.log_length = log_length
        self.loss_sum, self.correct, self.seen = 0.0, 0, 0

    def announce(self, log_length: int) -> None:
        self.announced = True
        self.log_length = log_length

    def begin_epoch_again(self, log_length: int) -> None:
        self.epoch -= 1
        self.updates = self.updates_before  # by when a bad number is seen depends on the clock
        self.begin_next_epoch(log_length)

    def restart_epoch(self) -> None:
        """Have the epoch under way trained from its first step on; ``train.log`` keeps its first line."""
        self.step = 0
        self.cut = False
        self.loss_sum, self.correct, self.seen = 0.0, 0, 0

    def copy(self) -> "Progress":
        return msgspec.structs.replace(self)


def encode(progress: Progress) -> str:
    """Return the counters as JSON, of a length that no data changes: without ``best_cells``."""
    return msgspec.json.encode(msgspec.structs.replace(progress, best_cells=[])).decode()


def decode(text: str) -> Progress:
    """Raises ValueError for anything but what ``encode`` wrote, and for counters that no run can have."""
    try:
        progress = msgspec.json.decode(text, type=Progress)
    except RecursionError:
        raise ValueError("its progress is nested too deep") from None
    if not 0 <= progress.policy.lr <= _LARGEST_LR:
        raise ValueError(f"its learning rate is {progress.policy.lr:g}")
    if not 0 <= progress.policy.base_lr <= _LARGEST_LR:
        raise ValueError(f"its learning rate at the start is {progress.policy.base_lr:g}")
    return progress


def newest(checkpoints: Path, which: str) -> Path | None:
    """Return the folder of the newest complete checkpoint of a kind, None where there is none.

    One whose files aren't as long as their headers say, or whose headers can't be read, gives way to the one before
    it, if a save that was cut short left that. Where nothing else is there it is returned: who loads it says what is
    wrong. Raises UserError for one that can't be read now: it may be sound, and is not passed over.
    """
    names = (which, f".{which}.old", KNOWN_BEST if which == "best" else FIRST)
    found = [path for path in (checkpoints / name for name in names) if path.exists()]
    return next((path for path in found if _is_whole(path, which)), found[0] if found else None)


def peek(checkpoints: Path) -> Progress | None:
    """Return where ``checkpoints/last`` stands, from its files' headers, before torch is imported.

    None when there is none; of one that is damaged, and of a save cut short, the older. Raises UserError when all of
    them are damaged, and when one can't be read now.
    """
    folder = newest(checkpoints, "last")
    return None if folder is None else read_progress(folder)


def read_progress(folder: Path) -> Progress:
    """Return the counters of a ``last`` checkpoint. Raises UserError naming the file and the remedy."""
    path = folder / MODEL
    with reading(path):
        read_metadata(path)
    path = folder / TRAIN_STATE
    with reading(path):
        return decode(read_metadata(path)["progress"])


class DamagedError(UserError):
    """A checkpoint's file that doesn't hold what a checkpoint holds."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raise UserError, of a checkpoint's file ``path``, for what reading and parsing it raises.

    ValueError and KeyError, and OSError that tells what is in its place, are its damage: DamagedError. Any other
    OSError says nothing about its content: nobody is told to remove it. What runs out of memory, and what is a defect
    of ours, is let through.
    """
    try:
        yield
    except (ValueError, KeyError) as error:
        raise unusable(path, str(error).partition("\n")[0]) from None
    except OSError as error:
        if is_out_of_memory(error):
            raise
        if is_about_content(error):
            raise unusable(path, error) from None
        raise UserError(
            f"checkpoint {printable(str(path))} can't be read now: {error.strerror or printable(str(error), 200)}; it "
            "may be sound: try again once it can be read"
        ) from error


def unusable(path: Path, reason: object) -> DamagedError:
    """Return what to tell of a checkpoint's file that is damaged, or isn't this run's."""
    folder = printable(str(path.parent))
    return DamagedError(
        f"checkpoint {printable(str(path))} can't be used: {printable(str(reason), 200)}; put {folder} back from a "
        "copy, or remove it to go on from the one before it, if there is one, or else from the start"
    )


def _is_whole(folder: Path, which: str) -> bool:
    try:
        if which == "last":
            read_progress(folder)
        else:
            path = folder / MODEL
            with reading(path):
                read_metadata(path)
    except DamagedError:
        return False
    return True
