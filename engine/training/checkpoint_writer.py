"""Write checkpoints on a background thread while training continues."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from engine.core.errors import UserError
from engine.core.text import printable
from engine.journal.events import CheckpointSaved, Event, RunWarning
from engine.run.disk_space import DiskSpace, is_broken
from engine.training.checkpoint import Snapshot, Which, save, settle

_POLL_SECONDS = 0.05


class CheckpointWriter:
    """Writes snapshots in order on a background thread, and emits ``CheckpointSaved`` once each is synced to disk.

    A snapshot's picture is drawn before it is saved. On a full disk, a save waits for space. A save that fails emits a
    warning; the previous checkpoint stays.
    """

    def __init__(self, folder: Path, emit: Callable[[Event], object], disk: DiskSpace) -> None:
        self._folder = folder
        self._emit = emit
        self._disk = disk
        self._queue: queue.Queue[Snapshot | None] = queue.Queue(maxsize=1)
        self._failure = ""
        self._broken: Exception | None = None
        with contextlib.suppress(OSError, UserError):  # the next save reports it
            settle(folder, "best")
            settle(folder, "last")
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def submit(self, snapshot: Snapshot) -> None:
        """Queue a snapshot; block only while two others are still to be written. Raises as ``flush``."""
        while True:
            try:
                return self._queue.put(snapshot, timeout=_POLL_SECONDS)
            except queue.Full:
                self._disk.wait()

    def is_busy(self) -> bool:
        """Return whether a queued snapshot is still to be written."""
        return self._queue.unfinished_tasks > 0

    def flush(self) -> str:
        """Wait until the queue is empty; return why the last save failed, "" if it didn't.

        Raises what ``DiskSpace.wait`` raises while a save waits for space.
        """
        while self._queue.unfinished_tasks:
            self._disk.wait()
            with self._queue.all_tasks_done:
                self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, _POLL_SECONDS)
        return self._failure

    def check(self) -> None:
        """Raise the error that ended all saving, if there is one: a disk that failed or became read-only."""
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        """Write what is queued, and end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (snapshot := self._queue.get()) is not None:
            try:
                # Before the checkpoint: a kill in between resumes from the epoch before, which draws it again.
                if snapshot.picture is not None and not (self._disk.leaving or self._broken):
                    snapshot.picture()
                for which in snapshot.which:
                    if not (self._disk.leaving or self._broken):
                        self._save(which, snapshot)
            except Exception as error:  # the journal's, too; the training thread gets it from ``check``
                self._broken = error
                self._failure = (
                    self._failure or f"no more checkpoints are saved: {printable(str(error), 200)}"
                )
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _save(self, which: Which, snapshot: Snapshot) -> None:
        started = time.monotonic()
        self._failure = ""
        folder, need = self._folder, snapshot.size(which)
        try:
            size = self._disk.keep_trying(lambda: save(folder, which, snapshot), folder / which, need)
        except (OSError, SafetensorError, UserError) as error:
            self._failure = f"checkpoint {which} could not be written: {printable(str(error), 200)}"
            if isinstance(error, OSError) and is_broken(error):
                raise
            if not self._disk.leaving:
                self._emit(RunWarning(message=self._failure))
            return
        best = which == "best"
        self._emit(
            CheckpointSaved(
                which=which,
                epoch=snapshot.facts.best_epoch if best else snapshot.progress.epoch,
                step=0 if best else snapshot.progress.step,
                reason=snapshot.reason,
                size=size,
                seconds=time.monotonic() - started,
            )
        )
