"""What the journal says is done, is on the disk by then: contents and names, should the power go at once."""

import re
from pathlib import Path

from engine.control.commands import Checkpoint, Pause, Resume, Set
from engine.journal.events import CommandAccepted
from tests.engine.conducting import Watcher
from tests.engine.disks import SETTINGS
from tests.engine.faulty import Call, recorded
from tests.engine.hooked import Engines
from tests.made_data import make_pictures, make_run

RECORD = """
from tests.engine import faulty
faulty.record({file!r})
"""
ACKNOWLEDGED = {
    "checkpoint_saved": r"/run/(checkpoints\b|\.?confusion_matrix\d)",
    "command_accepted": r"/run/\.?recipe\.toml",
    "epoch_ended": r"/run/train\.log",
    "prediction_written": r"/run/\.?prediction\.csv",
    "outlier_excluded": r"/data/(train-quarantine|train)\b",
    "run_ended": r"/run/(?!events|engine\.log|lock|\.reserve|commands)",
}
"""By the type of an event, what is safe once it can be read."""
NEED_NO_SYNC = {
    "step", "system_sample", "autoencoder_epoch", "outlier_progress", "outlier_excluded", "outlier_restored",
}  # fmt: skip
"""Told often; where one matters, what is told after it is synced."""


class Disk:
    """What a power cut would take, from the calls of a process in their order."""

    def __init__(self) -> None:
        self.contents: set[str] = set()
        self.names: dict[str, str] = {}
        """By folder, the last of its names that isn't safe."""

    def apply(self, call: Call) -> None:
        match call.name:
            case "open" | "write" | "ftruncate" | "save_file" if call.path:
                self.contents.add(call.path)
            case "fsync" | "fdatasync":
                self.contents.discard(call.path)
                self.names.pop(call.path, None)
            case "unlink":
                self.contents.discard(call.path)
            case "rename" | "replace":
                self.names[str(Path(call.target).parent)] = call.target
            case "mkdir":
                self.names[str(Path(call.path).parent)] = call.path

    def unsafe(self, pattern: str) -> list[str]:
        paths = [*self.contents, *self.names.values()]
        return [path for path in paths if re.search(pattern, path)]


def inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def test_what_is_acknowledged_is_synced(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    run = make_run(
        tmp_path, make_pictures(tmp_path / "data"), *SETTINGS, "outliers.action=quarantine", "train.epochs=8"
    )
    with Engines(tmp_path / "cache") as engines:
        engines.start(run, RECORD.format(file=str(log)))
        watcher = Watcher(run)
        watcher.until(lambda state: state.epochs)
        for command in (Pause(), Set(key="optim.lr", value="0.002"), Checkpoint(), Resume()):
            assert isinstance(watcher.ask(command), CommandAccepted)
        assert engines.wait() == 0, run.engine_log.read_text()
    disk, seen = Disk(), set()
    for call in recorded(log):
        if call.name in ("rename", "replace"):
            left = [path for path in disk.contents if inside(path, call.path)]
            assert not left, f"{call.target} is put in place, but not what is in it: {left}"
        for event in call.events:
            if event in ACKNOWLEDGED:
                seen.add(event)
                assert not disk.unsafe(ACKNOWLEDGED[event]), event
        if call.events:
            assert str(run.journal) not in disk.contents, f"what was told before {call.events} isn't synced"
        disk.apply(call)
        if call.path == str(run.journal) and set(call.events) <= NEED_NO_SYNC:
            disk.contents.discard(str(run.journal))
    assert seen == set(ACKNOWLEDGED)
    assert not disk.unsafe(r"/run/(?!engine\.log|lock|\.reserve|commands|events\.index)")
