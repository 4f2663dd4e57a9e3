"""``train.log``, in the format of the report (method.md, Output), which users' scripts parse."""

import os
from pathlib import Path

from engine.core.files import append_whole, fsync_folder, open_own
from engine.run.disk_space import DiskSpace


class TrainLog:
    """Append lines to the log, each synced to disk.

    Opening truncates the log to ``length``, its size at the checkpoint, bytes. Waits for space on a full disk. Raises
    UserError if the file is a link or not a regular file, and OSError.
    """

    def __init__(self, path: Path, length: int, disk: DiskSpace) -> None:
        self._path = path
        self._disk = disk
        self._fd = disk.keep_trying(self._open, path)
        os.ftruncate(self._fd, min(length, self.length))
        fsync_folder(path.parent)

    def _open(self) -> int:
        return open_own(self._path, os.O_WRONLY | os.O_APPEND)

    @property
    def length(self) -> int:
        """The size of the log, bytes."""
        return os.fstat(self._fd).st_size

    def lr(self, epoch: int, epochs: int, lr: float) -> None:
        """Write the first line of an epoch."""
        self._write(f"Epoch {epoch}/{epochs} | LR: {lr:.9f}")

    def epoch(self, epoch: int, epochs: int, train_acc: float, val_acc: float, val_loss: float) -> None:
        """Write the scores of an epoch; accuracies are in percent."""
        self._write(
            f"Epoch {epoch}/{epochs} | Train Acc: {train_acc:.2f}% | Val Acc: {val_acc:.2f}% | Val Loss: {val_loss:.5f}"
        )

    def confusion_matrix(self, name: str) -> None:
        """Write the file name of a confusion matrix."""
        self._write(f"Confusion Matrix saved at: {name}")

    def early_stop(self) -> None:
        """Write that training stopped early."""
        self._write("Early Stopping Activated!")

    def best_saved(self, val_acc: float) -> None:
        """Write that the best weights were saved; ``val_acc`` is in percent."""
        self._write(f"\nBest model weights saved! Validation Acc: {val_acc:.2f}%")

    def setting(self, change: str) -> None:
        """Write that a setting was changed: by a command, or in ``recipe.toml`` between two attempts."""
        self._write(f"Setting changed: {change}")

    def take_back(self, length: int) -> None:
        """Truncate the log to its first ``length`` bytes."""
        os.ftruncate(self._fd, length)

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)

    def _write(self, line: str) -> None:
        # Synced, because checkpoints record the length of the log.
        self._disk.keep_trying(lambda: append_whole(self._fd, f"{line}\n".encode()), self._path)
