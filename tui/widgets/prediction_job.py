"""A prediction under way: a thread that runs the helper process, and what it has told so far."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from engine.analysis.predictions import beside
from engine.core.errors import UserError
from engine.run.directory import RunDir
from tui.helper import CancelledError, HelperError, run_helper


@dataclass(frozen=True, slots=True)
class Wish:
    """What to predict with, what, and into which file; several runs are averaged."""

    runs: list[RunDir]
    which: Literal["best", "last"]
    mirrored: bool
    folder: Path | None
    """None: the test folder of the first run's recipe."""
    out: Path
    probabilities: bool


class PredictionJob:
    """Read its fields at any time; ``on_news`` is called from its thread whenever they have changed.

    The helper gives way to a training, and ends with the console.
    """

    def __init__(self, wish: Wish, on_news: Callable[[], object]) -> None:
        self.wish = wish
        self.done, self.total = 0, 0
        self.rows = 0
        self.images, self.read = 0, 0
        """The test images, and how many of them could be read, once it has ended."""
        self.score = ""
        """The score in words, if test images have labels; with why the run doesn't have it, where that is so."""
        self.ended = False
        self.problem = ""
        """Why nothing was written, once it has ended."""
        self.on_news = on_news
        self._cancelled = False

    def start(self) -> None:
        threading.Thread(target=self._run, name="prediction", daemon=True).start()

    def cancel(self) -> None:
        """End the helper process; nothing is written."""
        self._cancelled = True

    def _run(self) -> None:
        wish = self.wish
        arguments = [str(run.path.absolute()) for run in wish.runs]
        arguments += ["--out", str(wish.out.absolute()), "--checkpoint", wish.which, "--beside"]
        arguments += ["--tta"] if wish.mirrored else []
        arguments += ["--test", str(wish.folder.absolute())] if wish.folder is not None else []
        arguments += ["--probabilities", str(beside(wish.out).absolute())] if wish.probabilities else []
        try:
            run_helper(
                "engine.tools.predict", arguments, self._told, lambda: self.rows > 0 or not self._cancelled
            )
        except CancelledError:
            self.problem = "cancelled, nothing was written"
        except (UserError, HelperError, OSError) as error:
            self.problem = str(error)
        finally:
            self.ended = True
            self.on_news()

    def _told(self, fact: dict[str, Any]) -> None:
        # What is written can't be taken back: from here on a cancel comes too late.
        if "rows" in fact:
            self.images, self.read = int(fact.get("images", 0)), int(fact.get("read", 0))
            why = str(fact.get("unrecorded") or "")
            self.score = str(fact.get("score") or "") + (f"; not recorded: {why}" if why else "")
            self.rows = int(fact["rows"])
        else:
            self.done, self.total = int(fact.get("done", 0)), int(fact.get("total", 0))
            self.on_news()
