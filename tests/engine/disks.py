"""Runs on a disk that does what a test wants, each beside pictures of its own."""

import errno
from pathlib import Path

from engine.run.directory import RunDir
from tests.engine.conducting import Watcher
from tests.engine.hooked import Engines
from tests.made_data import make_pictures, make_run

SETTINGS = (
    "outliers.method=autoencoder", "outliers.epochs=1", "outliers.size=16", "outliers.percentile=60",
    "outliers.relax=0", "data.workers=0", "data.batch_size=4", "mixup.alpha=0.5", "model.drop_rate=0.3",
    "schedule.patience=20", "train.epochs=3",
)  # fmt: skip
HOOK = """
from engine.run import disk_space as disk_full
from tests.engine import faulty
disk_full._TRY_EVERY = 0.1
faulty.fail({calls!r}, {code}, {flag!r}, reserve={reserve!r})
"""
POINTS = {
    "journal": r"^write .*/events\.jsonl$",
    "journal, synced": r"^fdatasync .*/events\.jsonl$",
    "ledger": r"^open .*/\.outliers\.csv",
    "train.log, made": r"^open .*/train\.log$",
    "train.log": r"^write .*/train\.log$",
    "train.log, synced": r"^fdatasync .*/train\.log$",
    "picture": r"^open .*/\.confusion_matrix1",
    "picture, synced": r"^fsync .*/\.confusion_matrix1",
    "validation.csv": r"^fsync .*/\.validation\.csv",
    "best, begun": r"^mkdir .*/\.best\.new$",
    "best, written": r"^save_file .*/\.best\.new/model",
    "last, its state written": r"^save_file .*/\.last\.new/train_state",
    "last, synced": r"^fsync .*/\.last\.new$",
    "last, the one before set aside": r"^rename .*/checkpoints/last$",
    "last, in place": r"^rename .*/\.last\.new$",
    "prediction.csv": r"^open .*/\.prediction\.csv",
    "prediction.csv, in place": r"^replace .*/\.prediction\.csv",
    "all of the run's files": r"^(write|fsync|mkdir|replace|save_file) .*/run/",
}


class Place:
    """Runs, each beside pictures of its own, and the file ``flag`` that fills their disk."""

    def __init__(self, root: Path, engines: Engines) -> None:
        self.root = root
        self.engines = engines
        self.flag = root / "full"
        self.whole = self.new("whole")
        assert engines.run(self.whole) == 0, self.whole.engine_log.read_text()

    def new(self, name: str, *settings: str) -> RunDir:
        folder = self.root / name
        return make_run(folder, make_pictures(folder / "data"), *SETTINGS, *settings)

    def hook(self, run: RunDir, calls: str, code: int = errno.ENOSPC, *, reserve: bool = True) -> str:
        kept = str(run.path / ".reserve") if reserve else ""
        return HOOK.format(calls=calls, code=code, flag=str(self.flag), reserve=kept)

    def start_on_a_full_disk(self, run: RunDir, calls: str, code: int = errno.ENOSPC) -> tuple[int, Watcher]:
        """Return the engine's process id and what it told, up to the word that it waits."""
        self.flag.touch()
        engine = self.engines.start(run, self.hook(run, calls, code))
        watcher = Watcher(run)
        watcher.until(lambda state: state.full)
        return engine, watcher

    def free(self) -> None:
        self.flag.unlink(missing_ok=True)
