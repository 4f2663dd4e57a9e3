"""A helper program at work for a screen: started on a recipe, heard, and ended when nobody wants it any more."""

import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.core.errors import UserError
from engine.recipe.recipe import Recipe
from tui.helper import CancelledError, HelperError, run_helper


class RecipeHelper:
    """Runs ``python -m MODULE RECIPE ARGUMENTS…`` in a thread; ``folder`` lives as long as this does.

    ``on_fact`` is called from the thread with each line, ``on_end`` with what went wrong, or nothing. After ``close``
    neither is called, and the program is killed within a moment.
    """

    def __init__(
        self,
        module: str,
        recipe: Recipe,
        arguments: Sequence[str],
        on_fact: Callable[[dict[str, Any]], object],
        on_end: Callable[[str], object],
    ) -> None:
        self._module = module
        self._recipe = recipe
        self._arguments = arguments
        self._on_fact = on_fact
        self._on_end = on_end
        self._stopped = False
        self._folder = tempfile.TemporaryDirectory(prefix="vrdl-tui-", ignore_cleanup_errors=True)
        threading.Thread(target=self._serve, name=module, daemon=True).start()

    @property
    def folder(self) -> Path:
        return Path(self._folder.name)

    def close(self) -> None:
        """End it if it still runs, and remove its folder with what it wrote there."""
        self._stopped = True
        self._folder.cleanup()

    def _serve(self) -> None:
        recipe = self.folder / "recipe.toml"
        problem = ""
        try:
            recipe.write_text(self._recipe.to_toml(), encoding="utf-8")
            arguments = [one.replace("{folder}", str(self.folder)) for one in self._arguments]
            run_helper(self._module, [str(recipe), *arguments], self._told, lambda: not self._stopped)
        except CancelledError:
            return
        except (UserError, HelperError, OSError) as error:
            problem = str(error)
        finally:
            # The program wrote for a moment longer, into a folder that close() may not have got empty.
            if self._stopped:
                self._folder.cleanup()
        if not self._stopped:
            self._on_end(problem)

    def _told(self, fact: dict[str, Any]) -> None:
        if not self._stopped:
            self._on_fact(fact)
