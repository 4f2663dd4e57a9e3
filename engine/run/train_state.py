"""The training state of a run: the counters that, with weights and optimizer, make a checkpoint."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from engine.core.errors import UserError, is_out_of_memory
from engine.core.files import is_about_content
from engine.core.tensor_file import read_metadata
from engine.core.text import printable
from engine.recipe.schedule import ScheduleState

Cells = list[tuple[int, int, int]]
"""A sparse confusion matrix: (true class, predicted class, count), empty cells omitted."""

MODEL = "model.safetensors"
"""Name of a checkpoint's file with the weights of the model."""
TRAIN_STATE = "train_state.safetensors"
"""Name of a checkpoint's file with the optimizer's state and the TrainState; only in ``last``."""
KNOWN_BEST = ".best.known"
"""In ``checkpoints``: the best weights that ``last`` refers to, while there are newer ones."""
FIRST = ".last.first"
"""In ``checkpoints``: the ``last`` from before the first step, until there are best weights to roll back to."""

_MOST = 1 << 53
_LARGEST_LR = 10.0
"""The upper limit of ``optim.lr``."""
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]


class TrainState(msgspec.Struct):
    """The progress of training: ``step`` steps of ``epoch`` (from 1) are done.

    A finished epoch is step 0 of the next. ``loss_sum``, ``correct`` and ``seen`` are sums over the steps of the epoch
    so far. ``log_length`` is the size of ``train.log``, bytes.
    """

    policy: ScheduleState
    epoch: Annotated[int, msgspec.Meta(ge=1, le=_MOST)] = 1
    step: _Count = 0
    loss_sum: float = 0.0
    correct: _Count = 0
    seen: _Count = 0
    best_val_acc: float = 0.0
    best_cells: Cells = msgspec.field(default_factory=list)
    """The confusion matrix of the best epoch. Saved among a checkpoint's tensors; by version 0.1.0, in its header."""
    log_length: _Count = 0
    announced: bool = False
    """Whether ``train.log`` has the first line of the epoch."""
    cut: bool = False
    """Whether the remaining steps of the epoch are skipped."""
    stopped: bool = False
    """Whether early stopping has ended training, so that no epoch follows."""
    command: str = ""
    """Id of the newest command that changed this state: it is in force even if a kill prevented the answer."""

    nan_rollbacks: _Count = 0
    """How often the run rolled back to earlier weights because of non-finite values."""
    recipe: dict[str, str] = msgspec.field(default_factory=dict)
    """Every key of the recipe in force when this was saved; empty in checkpoints of older versions."""

    updates: _Count | None = None
    """Optimizer steps since training began; None in a run of version 0.1.0, which didn't count them."""
    updates_before: _Count | None = None
    """``updates`` at the start of the epoch."""

    def count_update(self) -> None:
        """Count one optimizer step."""
        if self.updates is not None:
            self.updates += 1

    def begin_next_epoch(self, log_length: int) -> None:
        """Advance to the next epoch and reset the counters of the epoch."""
        self.epoch += 1
        self.step = 0
        self.updates_before = self.updates
        self.announced = self.cut = False
        self.log_length = log_length
        self.loss_sum, self.correct, self.seen = 0.0, 0, 0

    def announce(self, log_length: int) -> None:
        """Record that ``train.log``, now ``log_length`` bytes long, has the first line of the epoch."""
        self.announced = True
        self.log_length = log_length

    def begin_epoch_again(self, log_length: int) -> None:
        """Go back to the start of the current epoch and reset its counters; its first line is logged again."""
        self.epoch -= 1
        self.updates = (
            self.updates_before
        )  # the step at which a non-finite value is noticed depends on timing
        self.begin_next_epoch(log_length)

    def restart_epoch(self) -> None:
        """Go back to the first step of the current epoch; its first line in ``train.log`` is kept."""
        self.step = 0
        self.cut = False
        self.loss_sum, self.correct, self.seen = 0.0, 0, 0


def encode(progress: TrainState) -> str:
    """Return the state as JSON without ``best_cells``, whose size depends on the data."""
    return msgspec.json.encode(msgspec.structs.replace(progress, best_cells=[])).decode()


def decode(text: str) -> TrainState:
    """Return the state that ``encode`` wrote. Raises ValueError for any other text and for impossible values."""
    try:
        progress = msgspec.json.decode(text, type=TrainState)
    except RecursionError:
        raise ValueError("its progress is nested too deep") from None
    if not 0 <= progress.policy.lr <= _LARGEST_LR:
        raise ValueError(f"its learning rate is {progress.policy.lr:g}")
    if not 0 <= progress.policy.base_lr <= _LARGEST_LR:
        raise ValueError(f"its initial learning rate is {progress.policy.base_lr:g}")
    return progress


def newest(checkpoints: Path, which: str) -> Path | None:
    """Return the folder of the newest complete checkpoint of a kind, "best" or "last"; None if there is none.

    A checkpoint whose headers can't be read, or don't match the sizes of its files, is skipped for the previous one, if
    an interrupted save left that. If there is no other, it is returned, and loading it reports the error. Raises
    UserError for a checkpoint that can't be read now, which may be sound and so is not skipped.
    """
    names = (which, f".{which}.old", KNOWN_BEST if which == "best" else FIRST)
    found = [path for path in (checkpoints / name for name in names) if path.exists()]
    return next((path for path in found if _is_whole(path, which)), found[0] if found else None)


def peek(checkpoints: Path) -> TrainState | None:
    """Return the state in ``checkpoints/last`` from the headers of its files, without importing torch.

    None if there is no checkpoint; the state of the previous one if ``last`` is damaged or incomplete. Raises UserError
    if all of them are damaged or one can't be read now.
    """
    folder = newest(checkpoints, "last")
    return None if folder is None else read_progress(folder)


def read_progress(folder: Path) -> TrainState:
    """Return the state in the ``last`` checkpoint at ``folder``. Raises UserError naming the file and the remedy."""
    path = folder / MODEL
    with reading(path):
        read_metadata(path)
    path = folder / TRAIN_STATE
    with reading(path):
        return decode(read_metadata(path)["progress"])


class DamagedError(UserError):
    """A file of a checkpoint is damaged or isn't one."""


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn errors of reading and parsing a checkpoint's file ``path`` into UserError.

    ValueError, KeyError, and OSError about the content become DamagedError. Any other OSError says nothing about the
    content, so its message doesn't advise to remove the file. Running out of memory and defects of the program pass
    through.
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
    """Return the error for a checkpoint's file that is damaged or belongs to another run."""
    folder = printable(str(path.parent))
    return DamagedError(
        f"checkpoint {printable(str(path))} can't be used: {printable(str(reason), 200)}; restore {folder} from "
        "a copy, or start a new run: vrdl-tui train DATA"
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
