"""The report's own lines (REPORT.md section 6) in ``train.log``; other people's scripts parse it."""

import os
from pathlib import Path


class TrainLog:
    """Append lines to the file; ``length`` is where a checkpoint says that the log stood."""

    def __init__(self, path: Path, length: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._fd, min(length, os.fstat(self._fd).st_size))
        os.lseek(self._fd, 0, os.SEEK_END)

    @property
    def length(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_CUR)

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
        os.fsync(self._fd)
        os.close(self._fd)

    def _write(self, line: str) -> None:
        os.write(self._fd, f"{line}\n".encode())
