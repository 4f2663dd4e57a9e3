"""Runs to be killed: small ones with all that can be cut off, and a whole one of each recipe to compare with."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine.journal.index import past_state
from engine.journal.log import JournalReader
from engine.run.directory import RunDir
from tests.engine.killing import Ask, Engines, Job
from tests.made_data import make_pictures, make_run

KILLED = -9
PLAIN = (
    "data.workers=0", "data.batch_size=4", "mixup.alpha=0.5", "model.drop_rate=0.3", "schedule.every=1",
    "schedule.patience=20", "train.epochs=5",
)  # fmt: skip
RICH = (
    "outliers.method=autoencoder", "outliers.epochs=1", "outliers.size=16", "outliers.percentile=60",
    "outliers.relax=0", "outliers.action=quarantine", "data.workers=0", "data.batch_size=3", "data.cache=disk",
    "mixup.alpha=0.5", "model.drop_rate=0.3", "train.model_ema_decay=0.8", "schedule.every=1", "schedule.patience=3",
    "train.epochs=9", "optim.lr=0.01",
)  # fmt: skip
ASKS = [
    Ask(2, 2, {"name": "set", "key": "optim.lr", "value": "0.002"}),
    Ask(2, 3, {"name": "exclude", "paths": ["red/red0.png", "blue/blue0.png"]}),
    Ask(3, 2, {"name": "rollback"}),
    Ask(4, 3, {"name": "skip"}),
]


@contextmanager
def ground() -> Iterator[tuple[Path, Engines]]:
    """Make a folder for runs, and for what their engines keep."""
    # In memory where there is such a folder: a kill is no power cut, and a sync costs nothing there.
    shared = Path("/dev/shm")
    root = Path(tempfile.mkdtemp(prefix="vrdl-kills-", dir=shared if shared.is_dir() else None))
    try:
        yield root, Engines(root / "cache")
    finally:
        shutil.rmtree(root)


@dataclass
class Field:
    """Where runs of one recipe are made, each beside pictures of its own, and killed."""

    root: Path
    engines: Engines
    settings: tuple[str, ...]
    asks: list[Ask] = field(default_factory=list)
    runs: int = 0

    def __post_init__(self) -> None:
        self.whole = self.new()
        started = time.monotonic()
        assert self.attempt(self.whole) == 0, self.whole.engine_log.read_text()
        self.seconds = time.monotonic() - started
        self.whole_state = past_state(JournalReader(self.whole.journal))

    def new(self) -> RunDir:
        self.runs += 1
        folder = self.root / str(self.runs)
        return make_run(folder, make_pictures(folder / "data", train=9), *self.settings)

    def calls(self, calls: str, since: str = "") -> list[str]:
        """Return "NAME PATH" of each such call of an unbroken run."""
        run, trace = self.new(), self.root / "trace"
        trace.unlink(missing_ok=True)
        assert self.attempt(run, calls=calls, since=since, trace=str(trace)) == 0
        return trace.read_text().splitlines()

    def attempt(self, run: RunDir, **where: object) -> int:
        return self.engines.run(
            Job(run=str(run.path), asks=self.asks, within=str(self.root.parent), **where)  # type: ignore[arg-type]
        )
