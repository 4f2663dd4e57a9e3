"""Checkpoints written on a thread of their own, beside the training."""

import contextlib
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from engine.core.errors import UserError
from engine.core.text import printable
from engine.journal.events import CheckpointSaved, Event, Warning
from engine.run.disk_space import Room, is_broken
from engine.training.checkpoint import Snapshot, Which, save, settle

_LOOK_EVERY = 0.05


class CheckpointWriter:
    """Writes snapshots on a thread, in order, and says so in the journal once they are safe on disk.

    The picture that comes with a snapshot is drawn before it is saved. On a full disk a save waits for room. One that
    fails is a warning in the journal; the checkpoint before it stays.
    """

    def __init__(self, folder: Path, emit: Callable[[Event], object], room: Room) -> None:
        self._folder = folder
        self._emit = emit
        self._room = room
        self._queue: queue.Queue[Snapshot | None] = queue.Queue(maxsize=1)
        self._failure = ""
        self._broken: Exception | None = None
        with contextlib.suppress(OSError, UserError):  # a save will say so
            settle(folder, "best")
            settle(folder, "last")
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        self._thread.start()

    def submit(self, snapshot: Snapshot) -> None:
        """Hand a snapshot over; waits only while two others are still to be written. Raises as ``flush``."""
        while True:
            try:
                return self._queue.put(snapshot, timeout=_LOOK_EVERY)
            except queue.Full:
                self._room.stand()

    def is_busy(self) -> bool:
        """Say whether a snapshot that was handed over is still to be written."""
        return self._queue.unfinished_tasks > 0

    def flush(self) -> str:
        """Wait until everything handed over is dealt with; return why the last save failed, or nothing.

        Raises what ``Room.attend`` raises while a save waits for room.
        """
        while self._queue.unfinished_tasks:
            self._room.stand()
            with self._queue.all_tasks_done:
                self._queue.all_tasks_done.wait_for(lambda: not self._queue.unfinished_tasks, _LOOK_EVERY)
        return self._failure

    def check(self) -> None:
        """Raise what keeps every later save from being written: a disk that failed or is read-only now."""
        if self._broken is not None:
            raise self._broken

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (snapshot := self._queue.get()) is not None:
            try:
                # First: a run that was killed goes on from the epoch before, unless the picture was there by then.
                if snapshot.picture is not None and not (self._room.leaving or self._broken):
                    snapshot.picture()
                for which in snapshot.which:
                    if not (self._room.leaving or self._broken):
                        self._save(which, snapshot)
            except Exception as error:  # of the journal, too: the training learns of it by ``check``
                self._broken = error
                self._failure = self._failure or f"the saves have ended: {printable(str(error), 200)}"
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _save(self, which: Which, snapshot: Snapshot) -> None:
        started = time.monotonic()
        self._failure = ""
        folder, need = self._folder, snapshot.size(which)
        try:
            size = self._room.keep_trying(lambda: save(folder, which, snapshot), folder / which, need)
        except (OSError, SafetensorError, UserError) as error:
            self._failure = f"checkpoint {which} could not be written: {printable(str(error), 200)}"
            if isinstance(error, OSError) and is_broken(error):
                raise
            if not self._room.leaving:
                self._emit(Warning(message=self._failure))
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
