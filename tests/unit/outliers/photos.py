"""A small training folder and a run, on disk, and all that is in a folder."""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from engine.journal.events import OutlierExcluded
from engine.outliers.files.manifest import Action
from engine.outliers.files.quarantine import Quarantine
from engine.recipe.recipe import Recipe
from engine.run.directory import RunDir

CONTENT = {
    ("cat", "1.jpg"): b"one",
    ("cat", "2.jpg"): b"two" * 50_000,
    ("dog", "1.jpg"): b"",
    ("dog", "3.jpg"): b"three",
}


@dataclass(frozen=True, slots=True)
class Photos:
    train: Path
    run: RunDir

    @classmethod
    def make(
        cls, folder: Path, content: dict[tuple[str, str], bytes] = CONTENT, *, runs: Path | None = None
    ) -> "Photos":
        train = folder / "photos" / "train"
        for (class_name, file), data in content.items():
            (train / class_name).mkdir(parents=True, exist_ok=True)
            (train / class_name / file).write_bytes(data)
            os.utime(train / class_name / file, ns=(1, 1_600_000_000_123_456_789))
            (train / class_name / file).chmod(0o640)
        return cls(train, RunDir.create(runs or folder / "runs", "a", "resnet18", Recipe().to_toml()))

    @property
    def away(self) -> Path:
        return self.train.with_name("train-quarantine") / "a"

    def quarantine(self, action: Action = "quarantine") -> Quarantine:
        return Quarantine(self.train, self.run, action)

    def outliers(self, keys: Iterable[tuple[str, str]]) -> list[tuple[Path, OutlierExcluded]]:
        return [(self.train / class_name / file, self.outlier(class_name, file)) for class_name, file in keys]

    def outlier(self, class_name: str, file: str) -> OutlierExcluded:
        path = str(self.train / class_name / file)
        return OutlierExcluded(class_name=class_name, path=path, error=2.5, threshold=1.5, action="")


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of every file below ``folder`` by its path there; none for a folder that isn't there."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
