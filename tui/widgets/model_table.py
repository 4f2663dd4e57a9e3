"""The console's way to the table of models: read in a thread, written by the helper where it isn't complete."""

import threading
from collections.abc import Callable
from typing import Any

from engine.core.errors import UserError
from engine.recipe.timm_catalogue import Table, read_table, table_path, weights_here
from tui.helper import HelperError, run_helper
from tui.widgets.model_query import ModelRow, model_rows


class _EndedError(Exception):
    """Nobody wants the answer any more."""


class ModelTable:
    """Calls ``on_rows`` and ``on_word`` from its thread: whenever more models are known, and with how it goes.

    An empty word says that all is known; ``stop`` ends the helper, and what it has counted is kept.
    """

    def __init__(self, on_rows: Callable[[list[ModelRow]], object], on_word: Callable[[str], object]) -> None:
        self._on_rows = on_rows
        self._on_word = on_word
        self._stopped = False
        self._thread = threading.Thread(target=self._serve, name="models", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped = True

    def _serve(self) -> None:
        table = self._read()
        if table is not None and not table.uncounted:
            return
        if table is None:
            self._on_word("reading timm's names, some seconds for each new version of timm")
        try:
            run_helper("engine.tools.timm_table", [str(table_path())], self._told)
        except _EndedError:
            return
        except (UserError, HelperError, OSError) as error:
            self._on_word(f"the table of models can't be completed: {error}")
            return
        self._read()
        self._on_word("")

    def _told(self, fact: dict[str, Any]) -> None:
        if self._stopped:
            raise _EndedError
        if "names" in fact or "written" in fact:
            self._read()
        elif fact.get("total"):
            done, total = int(fact.get("done", 0)), int(fact["total"])
            self._on_word(f"counting parameters, once for this timm: {done:,} of {total:,} architectures")

    def _read(self) -> Table | None:
        table = read_table(table_path())
        if table is not None and not self._stopped:
            self._on_rows(model_rows(table, weights_here()))
        return table
