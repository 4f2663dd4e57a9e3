"""The report's own lines (method.md, Output) in ``train.log``; other people's scripts parse it."""

import os
from pathlib import Path

from engine.core.files import append_whole, fsync_folder, open_own
from engine.run.disk_space import DiskSpace


class TrainLog:
    """Append lines to the file, each synced; ``length`` is where a checkpoint says that the log stood.

    Raises UserError for what is no file of the run's own, and OSError, but waits for room on a full disk.
    """

    def __init__(self, path: Path, length: int, room: DiskSpace) -> None:
        self._path = path
        self._room = room
        self._fd = room.keep_trying(self._open, path)
        os.ftruncate(self._fd, min(length, self.length))
        fsync_folder(path.parent)

    def _open(self) -> int:
        return open_own(self._path, os.O_WRONLY | os.O_APPEND)

    @property
    def length(self) -> int:
        return os.fstat(self._fd).st_size

    def lr(self, epoch: int, epochs: int, lr: float) -> None:
        self._write(f"Epoch {epoch}/{epochs} | LR: {lr:.9f}")

    def epoch(self, epoch: int, epochs: int, train_acc: float, val_acc: float, val_loss: float) -> None:
        self._write(
            f"Epoch {epoch}/{epochs} | Train Acc: {train_acc:.2f}% | Val Acc: {val_acc:.2f}% | Val Loss: {val_loss:.5f}"
        )

    def confusion_matrix(self, name: str) -> None:
        self._write(f"Confusion Matrix saved at: {name}")

    def early_stop(self) -> None:
        self._write("Early Stopping Activated!")

    def best_saved(self, val_acc: float) -> None:
        self._write(f"\nBest model weights saved! Validation Acc: {val_acc:.2f}%")

    def close(self) -> None:
        os.close(self._fd)

    def _write(self, line: str) -> None:
        # A checkpoint relies on it.
        self._room.keep_trying(lambda: append_whole(self._fd, f"{line}\n".encode()), self._path)
