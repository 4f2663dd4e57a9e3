"""A disk that fails (EIO) or becomes read-only (EROFS), at each write: one line, and what was saved is kept."""

import errno
import os
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from engine.journal.events import RunEnded, RunWarning
from engine.run.directory import RunDir
from engine.training import checkpoint
from engine.training.checkpoint import Which
from tests import warm
from tests.engine.conducting import Watcher
from tests.engine.disks import POINTS, Place
from tests.engine.test_resume import assert_same_end

HELPFUL = {
    "ledger": "outliers.csv can't be written: {}",
    "picture": "confusion_matrix1.png can't be written: {}; the run continues without it",
    "picture, synced": "confusion_matrix1.png can't be written: {}; the run continues without it",
    "validation.csv": "validation.csv can't be written: {}; the run continues without it",
    "prediction.csv": "prediction.csv can't be written: {}; vrdl-tui predict makes it once that is mended",
    "prediction.csv, in place": "prediction.csv can't be written: {}; vrdl-tui predict makes it once that is mended",
}
"""Files for people, without which a run goes on; with what it says."""
NEEDED = [point for point in POINTS if point not in (*HELPFUL, "all of the run's files")]
WRITES_NO_WORD = ("journal", "journal, synced")


def assert_loads(run: RunDir) -> None:
    """What was saved before the disk failed is whole."""
    which: Which
    for which in ("best", "last"):
        if (folder := checkpoint.find(run.checkpoints, which)) is not None:
            checkpoint.load_model_file(folder)


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS])
@pytest.mark.parametrize("point", NEEDED)
def test_a_run_ends_with_one_line_and_resumes(place: Place, tmp_path: Path, point: str, code: int) -> None:
    run = place.new(tmp_path.name)
    place.flag.touch()
    assert place.engines.run(run, place.hook(run, POINTS[point], code, reserve=False)) == 1, (
        run.engine_log.read_text()
    )
    watcher = Watcher(run)
    watcher.look()
    word = f"can't be written: {os.strerror(code)}; fix the disk, then resume: saved checkpoints are intact"
    if point in WRITES_NO_WORD:
        assert word in run.engine_log.read_text()
        assert watcher.state.status(alive=False) in ("starting", "interrupted")
    else:
        ended = watcher.events[-1]
        assert isinstance(ended, RunEnded)
        assert ended.outcome == "failed"
        assert ended.reason.startswith(str(run.path))
        assert ended.reason.endswith(word)
    assert_loads(run)
    place.free()
    assert place.engines.run(run) == 0, run.engine_log.read_text()
    assert_same_end(run, place.whole)


@pytest.mark.parametrize("point", HELPFUL)
def test_a_run_goes_on_without_what_only_helps(place: Place, tmp_path: Path, point: str) -> None:
    run = place.new(tmp_path.name)
    place.flag.touch()
    assert place.engines.run(run, place.hook(run, POINTS[point], errno.EIO)) == 0, run.engine_log.read_text()
    watcher = Watcher(run)
    watcher.look()
    told = [event.message for event in watcher.events if isinstance(event, RunWarning)]
    assert any(message.endswith(HELPFUL[point].format(os.strerror(errno.EIO))) for message in told), told
    if point.startswith("prediction.csv"):
        assert not run.prediction.exists()
        place.free()
        predict = [sys.executable, "-P", "-m", "engine.tools.predict", run.path, "--out", run.prediction]
        done = warm.run(predict, text=True)
        assert done.returncode == 0, done.stderr
    assert run.prediction.read_bytes() == place.whole.prediction.read_bytes()
    for name in ("best/model", "last/model"):
        ours, theirs = (load_file(one.checkpoints / f"{name}.safetensors") for one in (run, place.whole))
        assert all(value.equal(theirs[key]) for key, value in ours.items())
