"""Look for exact copies among the images of a run while it trains, and warn of them."""

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator

from engine.data.images import DataSet
from engine.journal.events import Event, RunWarning
from engine.layout.copies import Listed, exact_copies, warnings_of


class CopyWatch:
    """Emits a ``RunWarning`` for each kind of copies that a thread finds, once it has looked at all images.

    Of 100,000 images it looks at the sizes in seconds, and reads the ends of those of equal size: too long to wait for
    before the first step. On Linux the thread has the lowest priority.
    """

    def __init__(self, data: DataSet, emit: Callable[[Event], object]) -> None:
        self._data = data
        self._emit = emit
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work, name="copies", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, which gives up what it hasn't looked at yet."""
        self._end.set()
        self._thread.join()

    def _work(self) -> None:
        if sys.platform == "linux":  # elsewhere the number is that of the process
            with contextlib.suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        # The training thread reports a full or missing disk; the copies can still be listed.
        with contextlib.suppress(_EndedError, OSError):
            for finding in warnings_of(exact_copies(list(self._images()), self._look)):
                self._emit(RunWarning(message=str(finding)))

    def _look(self) -> None:
        if self._end.is_set():
            raise _EndedError

    def _images(self) -> Iterator[Listed]:
        data = self._data
        for images in (data.train, data.val):
            for label, path in zip(images.labels, images.paths, strict=True):
                yield Listed(images.split, data.classes[label], path)
        labels = data.test_labels or (-1,) * len(data.test)
        for label, path in zip(labels, data.test.paths, strict=True):
            yield Listed("test", data.classes[label] if label >= 0 else "", path)


class _EndedError(Exception):
    """The run ends before all images were looked at."""
