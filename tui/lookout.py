"""A thread that looks at something now and then, and at once when it is woken."""

import threading


class Lookout:
    """Subclasses look in ``_watch`` until ``_stopped``, and wait in between with ``_rest``."""

    def __init__(self, name: str) -> None:
        self._stopped = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True
        self._wake.set()

    def look_now(self) -> None:
        """Look at once: something was just done about it."""
        self._wake.set()

    def _rest(self, seconds: float) -> bool:
        """Wait that long, or until woken; say whether it was that."""
        woken = self._wake.wait(seconds)
        self._wake.clear()
        return woken

    def _watch(self) -> None:
        raise NotImplementedError
